"""Jobs: from a spec to a plan that everybody approves, to a run that does just that."""

from .approval import Approval, approve, verify_approval
from .artefacts import Artefacts
from .assignment import Assignment, Host, HostPlaces, Places, ReleaserQuestion, link_name
from .attested.holdings import Holding, holdings
from .attested.kept import SOCKET as KEEPER_SOCKET
from .attested.kept import Deposits, facts_of
from .attested.manifest import manifest_of
from .attested.record import CheckedRun, RunRecord, check_run
from .attested.replay import Replay, ReplayCheck, replay
from .attested.sealed import RECORD as RECORD_LIMIT
from .attested_dealing import (
    DEALER_MODULE,
    DealerHost,
    deal_stage_attested,
    dealer_host,
    discard_dealt,
    evidence_path,
    expected_dealing,
    merge_requests,
)
from .budget import Budgeted, budgeted, requested_privacy, spent_by
from .checkpoints import last_common, marks, step_number
from .dealing import Derived, StageRequest, binding_of, deal_stage, derive_stage, parts_of
from .differences import plan_difference
from .environment import assurance_of, environment_of
from .errors import CANCELLED, MODULE_UNKNOWN, PLAN_DIFFERS
from .horizontal import check_parties, coordinator_of
from .joint import Publish, run_joint
from .modules import check_modules, module_bytes, module_files, module_matches
from .plan import Plan, StagePlan, derive_plan
from .proposal import NetworkFacts, Proposal, check_kept, new_job_id, propose, roles_of
from .registry import component, components, default_parameters, used_modules, used_pipelines
from .request import request_of
from .run import checkpoint_folder, run_job, stage_file
from .spec import JobSpec, Step, parse_spec, validate_spec
from .unfinished import Unfinished, agreement_folder, unfinished_steps

__all__ = [
    "CANCELLED",
    "DEALER_MODULE",
    "KEEPER_SOCKET",
    "MODULE_UNKNOWN",
    "PLAN_DIFFERS",
    "RECORD_LIMIT",
    "Approval",
    "Artefacts",
    "Assignment",
    "Budgeted",
    "CheckedRun",
    "DealerHost",
    "Deposits",
    "Derived",
    "Holding",
    "Host",
    "HostPlaces",
    "JobSpec",
    "NetworkFacts",
    "Places",
    "Plan",
    "Proposal",
    "Publish",
    "ReleaserQuestion",
    "Replay",
    "ReplayCheck",
    "RunRecord",
    "StagePlan",
    "StageRequest",
    "Step",
    "Unfinished",
    "agreement_folder",
    "approve",
    "assurance_of",
    "binding_of",
    "budgeted",
    "check_kept",
    "check_modules",
    "check_parties",
    "check_run",
    "checkpoint_folder",
    "component",
    "components",
    "coordinator_of",
    "deal_stage",
    "deal_stage_attested",
    "dealer_host",
    "default_parameters",
    "derive_plan",
    "derive_stage",
    "discard_dealt",
    "environment_of",
    "evidence_path",
    "expected_dealing",
    "facts_of",
    "holdings",
    "last_common",
    "link_name",
    "manifest_of",
    "marks",
    "merge_requests",
    "module_bytes",
    "module_files",
    "module_matches",
    "new_job_id",
    "parse_spec",
    "parts_of",
    "plan_difference",
    "propose",
    "replay",
    "request_of",
    "requested_privacy",
    "roles_of",
    "run_job",
    "run_joint",
    "spent_by",
    "stage_file",
    "step_number",
    "unfinished_steps",
    "used_modules",
    "used_pipelines",
    "validate_spec",
    "verify_approval",
]
