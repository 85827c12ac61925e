"""Agreements: terms that every party signs, and the decision whether a job is within them. Default deny."""

from .agreement import Agreement, Revocation
from .bounds import Bound
from .compare import compare
from .decision import Decision, Refusal, Request, RequestedDataset, RequestedStep, decide, standing
from .draft import draft
from .errors import (
    COLUMN_NOT_GRANTED,
    COORDINATOR_NOT_NAMED,
    DEALER_NOT_NAMED,
    LOOKUP_NOT_GRANTED,
    LOOKUPS_TOO_FAST,
    LOOKUPS_USED_UP,
    PARTY_NOT_LISTED,
    RUNS_USED_UP,
    TEE_NOT_AGREED,
)
from .idkey import commitment, is_id_key
from .lookups import LookupTerms
from .platform import ASSURANCE, Assurance, EvidenceType, Measurements, PlatformPolicy
from .tee import AttestedTerms, TeeTerms
from .terms import Approval, ComponentTerms, DatasetTerms, Engine, ResultKind, ResultTerms, Terms

__all__ = [
    "ASSURANCE",
    "COLUMN_NOT_GRANTED",
    "COORDINATOR_NOT_NAMED",
    "DEALER_NOT_NAMED",
    "LOOKUPS_TOO_FAST",
    "LOOKUPS_USED_UP",
    "LOOKUP_NOT_GRANTED",
    "PARTY_NOT_LISTED",
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
    "PlatformPolicy",
    "Refusal",
    "Request",
    "RequestedDataset",
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
