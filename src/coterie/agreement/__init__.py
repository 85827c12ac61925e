"""Agreements: terms that every party signs, and the decision whether a job is within them. Default deny."""

from .agreement import Agreement, Revocation
from .bounds import Bound
from .compare import compare
from .decision import (
    Decision,
    Refusal,
    Request,
    RequestedDataset,
    RequestedModule,
    RequestedPrivacy,
    RequestedStep,
    decide,
    standing,
)
from .draft import draft
from .errors import (
    COLUMN_NOT_GRANTED,
    COORDINATOR_NOT_NAMED,
    DEALER_NOT_NAMED,
    DROPOUTS_NOT_AGREED,
    LOOKUP_NOT_GRANTED,
    LOOKUPS_TOO_FAST,
    LOOKUPS_USED_UP,
    MODULE_NOT_AGREED,
    MODULE_OTHER,
    PARTY_NOT_LISTED,
    PRIVACY_USED_UP,
    REVOKED,
    RUNS_USED_UP,
    TEE_NOT_AGREED,
)
from .idkey import commitment, is_id_key
from .lookups import LookupTerms
from .modules import MODULE_BYTES, MODULE_NAME, ModuleTerms
from .platform import ASSURANCE, Assurance, EvidenceType, Measurements, PlatformPolicy
from .privacy import PrivacyTerms
from .tee import AttestedTerms, TeeTerms
from .terms import Approval, ComponentTerms, DatasetTerms, Engine, ResultKind, ResultTerms, Terms

__all__ = [
    "ASSURANCE",
    "COLUMN_NOT_GRANTED",
    "COORDINATOR_NOT_NAMED",
    "DEALER_NOT_NAMED",
    "DROPOUTS_NOT_AGREED",
    "LOOKUPS_TOO_FAST",
    "LOOKUPS_USED_UP",
    "LOOKUP_NOT_GRANTED",
    "MODULE_BYTES",
    "MODULE_NAME",
    "MODULE_NOT_AGREED",
    "MODULE_OTHER",
    "PARTY_NOT_LISTED",
    "PRIVACY_USED_UP",
    "REVOKED",
    "RUNS_USED_UP",
    "TEE_NOT_AGREED",
    "Agreement",
    "Approval",
    "Assurance",
    "AttestedTerms",
    "Bound",
    "ComponentTerms",
    "DatasetTerms",
    "Decision",
    "Engine",
    "EvidenceType",
    "LookupTerms",
    "Measurements",
    "ModuleTerms",
    "PlatformPolicy",
    "PrivacyTerms",
    "Refusal",
    "Request",
    "RequestedDataset",
    "RequestedModule",
    "RequestedPrivacy",
    "RequestedStep",
    "ResultKind",
    "ResultTerms",
    "Revocation",
    "TeeTerms",
    "Terms",
    "commitment",
    "compare",
    "decide",
    "draft",
    "is_id_key",
    "standing",
]
