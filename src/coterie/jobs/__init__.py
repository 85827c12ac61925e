"""Jobs: from a spec to a plan that everybody approves, to a run that does just that."""

from .approval import Approval, approve, verify_approval
from .attested_dealing import (
    DealerHost,
    deal_stage_attested,
    discard_dealt,
    evidence_path,
    expected_dealing,
    merge_requests,
)
from .dealing import Derived, StageRequest, binding_of, deal_stage, derive_stage, parts_of
from .differences import plan_difference
from .errors import CANCELLED, PLAN_DIFFERS
from .joint import Publish, run_joint
from .plan import Plan, StagePlan, derive_plan
from .proposal import NetworkFacts, Proposal, new_job_id, propose, roles_of
from .registry import component, components
from .request import request_of
from .run import Assignment, Host, run_job, stage_file
from .spec import JobSpec, Step, parse_spec, validate_spec

__all__ = [
    "CANCELLED",
    "PLAN_DIFFERS",
    "Approval",
    "Assignment",
    "DealerHost",
    "Derived",
    "Host",
    "JobSpec",
    "NetworkFacts",
    "Plan",
    "Proposal",
    "Publish",
    "StagePlan",
    "StageRequest",
    "Step",
    "approve",
    "binding_of",
    "component",
    "components",
    "deal_stage",
    "deal_stage_attested",
    "derive_plan",
    "derive_stage",
    "discard_dealt",
    "evidence_path",
    "expected_dealing",
    "merge_requests",
    "new_job_id",
    "parse_spec",
    "parts_of",
    "plan_difference",
    "propose",
    "request_of",
    "roles_of",
    "run_job",
    "run_joint",
    "stage_file",
    "validate_spec",
    "verify_approval",
]
