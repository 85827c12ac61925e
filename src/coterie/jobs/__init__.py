"""Jobs: from a spec to a plan that everybody approves, to a run that does just that."""

from .approval import Approval, approve, verify_approval
from .errors import CANCELLED, PLAN_DIFFERS
from .plan import Plan, StagePlan, derive_plan, plan_difference
from .proposal import Proposal, new_job_id, propose, roles_of
from .registry import component, components
from .request import request_of
from .run import Assignment, Host, run_job
from .spec import JobSpec, Step, parse_spec, validate_spec

__all__ = [
    "CANCELLED",
    "PLAN_DIFFERS",
    "Approval",
    "Assignment",
    "Host",
    "JobSpec",
    "Plan",
    "Proposal",
    "StagePlan",
    "Step",
    "approve",
    "component",
    "components",
    "derive_plan",
    "new_job_id",
    "parse_spec",
    "plan_difference",
    "propose",
    "request_of",
    "roles_of",
    "run_job",
    "validate_spec",
    "verify_approval",
]
