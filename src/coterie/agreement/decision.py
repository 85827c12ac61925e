"""May this job run? Every reason against it is told; without a reason for it the answer is no."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from coterie.crypto import parse_timestamp
from coterie.data import Many, id_names
from coterie.errors import ErrorCode, all_codes

from .agreement import Agreement, Revocation, unknown_keys
from .bounds import same_value
from .errors import (
    COLUMN_NOT_GRANTED,
    COMPONENT_NOT_ALLOWED,
    COORDINATOR_NOT_NAMED,
    DATASET_NOT_GRANTED,
    DEALER_NOT_NAMED,
    DROPOUTS_NOT_AGREED,
    ENGINE_NOT_ALLOWED,
    EXPIRED,
    KEY_NOT_KNOWN,
    MODULE_NOT_AGREED,
    MODULE_OTHER,
    NOT_YET_VALID,
    OTHER_AGREEMENT,
    PARAMETER_OUT_OF_BOUNDS,
    PARTY_NOT_LISTED,
    PRIVACY_USED_UP,
    RECEIVER_NOT_GRANTED,
    REVOKED,
    RUNS_USED_UP,
    SHOWN_WITHOUT_NOISE,
    TEE_NOT_AGREED,
    TOO_FEW_ROWS,
)
from .terms import ComponentTerms, Engine, ResultKind, Terms

__all__ = [
    "Decision",
    "Refusal",
    "Request",
    "RequestedDataset",
    "RequestedModule",
    "RequestedPrivacy",
    "RequestedStep",
    "decide",
    "standing",
]

FEWEST_OF_A_SUM = 3
"""Of two parties each would learn the other's part: the total less its own."""

Reason = tuple[ErrorCode, str]


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class RequestedDataset(_Document):
    """A dataset that a job wants to use, and its columns."""

    name: str
    owner: str
    id: str | Many[str]
    columns: Many[str]
    label: str | None = None
    rows: Annotated[int, Field(ge=0)]


class RequestedStep(_Document):
    """A component that a job wants to run."""

    component: str
    params: dict[str, JsonValue]
    """Every parameter with the value that it will have."""
    defaults: dict[str, JsonValue]
    """The component's default values, as this node's own registry has them; left out where it has none."""


class RequestedModule(_Document):
    """A user's program that a job wants to run."""

    name: str
    sha256: str
    """Of the bytes that would run, in hex."""
    size: Annotated[int, Field(ge=0)]


class RequestedPrivacy(_Document):
    """What a job would do to a dataset that has a privacy budget."""

    name: str
    owner: str
    epsilon: float
    """Of this job and all that this node knows of under the agreement, at the budget's delta and for its
    unit."""
    bare: Many[str]
    """Steps that show or give anything of rows, beyond sizes, that is not made of totals with noise,
    or may tell of single rows by failing."""


class Request(_Document):
    """All that an agreement has a say in, of one job."""

    agreement: str
    """Id of the agreement that the job names."""
    submitter: str
    engine: Engine
    parties: Many[str]
    """Compute parties."""
    dealer: str | None = None
    coordinator: str | None = None
    """Who adds up in engine fl."""
    minimum: int | None = None
    """Parties that every sum has at least, where it may have fewer than all."""
    datasets: Many[RequestedDataset]
    steps: Many[RequestedStep]
    results: dict[ResultKind, Many[str]]
    """Receivers by kind of result, from the plan."""
    guests: Many[str] = ()
    """Who takes part without data, to receive results."""
    modules: Many[RequestedModule] = ()
    privacy: Many[RequestedPrivacy] = ()
    """Of each dataset that has a privacy budget."""
    common_rows: Annotated[int, Field(ge=0)] | None = None
    """Rows common to all datasets, once alignment has told them."""


class Refusal(_Document):
    """One reason against a job."""

    code: str
    reason: str


class Decision(_Document):
    """The answer, with every reason against."""

    allowed: bool
    refusals: Many[Refusal]

    def require(self) -> None:
        """Raise the first refusal as an error of the family NotAgreed, with all reasons in its detail."""
        if not self.allowed:
            first = all_codes()[self.refusals[0].code]
            # The error says its title itself.
            raise first("; ".join(one.reason.removeprefix(f"{first.title}: ") for one in self.refusals))


def decide(
    agreement: Agreement,
    request: Request,
    *,
    now: datetime,
    runs_used: int,
    revocations: Iterable[Revocation],
    keys: Mapping[str, str],
) -> Decision:
    """Check a job against an agreement, signatures included. Same arguments, same answer.

    :param runs_used: runs of this agreement that were started before this job.
    :param revocations: all that this node has received; those of other agreements, and those that no party
        signed, have no effect.
    :param keys: hex public key by name of all parties and services known here, oneself among them.
    """
    reasons = [
        *_document(agreement, request, keys),
        *_validity(agreement.terms, now, runs_used, revocations),
        *_participants(agreement.terms, request),
        *_data(agreement.terms, request),
        *_steps(agreement.terms, request),
        *_modules(agreement.terms, request),
        *_results(agreement.terms, request),
        *_privacy(agreement.terms, request),
    ]
    return _decision(reasons)


def standing(terms: Terms, *, now: datetime, revocations: Iterable[Revocation]) -> Decision:
    """Whether the terms hold at this time, whatever the job: dates and revocations alone."""
    return _decision(_validity(terms, now, 0, revocations))


def _decision(reasons: Iterable[Reason]) -> Decision:
    refusals = tuple(Refusal(code=code.code, reason=f"{code.title}: {detail}") for code, detail in reasons)
    return Decision(allowed=not refusals, refusals=refusals)


def _document(agreement: Agreement, request: Request, keys: Mapping[str, str]) -> Iterator[Reason]:
    yield from agreement.faults()
    for name in unknown_keys(agreement.terms, keys):
        yield KEY_NOT_KNOWN, f"the key of '{name}'"
    if request.agreement != agreement.id:
        yield OTHER_AGREEMENT, f"this is {agreement.id}"


def _validity(
    terms: Terms, now: datetime, runs_used: int, revocations: Iterable[Revocation]
) -> Iterator[Reason]:
    for revocation in revocations:
        if revocation.revokes(terms):
            yield REVOKED, f"by '{revocation.party}' at {revocation.time}: {revocation.reason}"
    if now < parse_timestamp(terms.not_before):
        yield NOT_YET_VALID, f"it begins at {terms.not_before}"
    if now >= parse_timestamp(terms.expires):
        yield EXPIRED, f"it ended at {terms.expires}"
    if runs_used >= terms.max_runs:
        yield RUNS_USED_UP, f"{terms.max_runs} of {terms.max_runs}"


def _participants(terms: Terms, request: Request) -> Iterator[Reason]:
    if not request.parties:
        yield PARTY_NOT_LISTED, "the job names no party"
    owners = [dataset.owner for dataset in request.datasets]
    for name in dict.fromkeys([request.submitter, *request.parties, *owners, *request.guests]):
        if name not in terms.parties:
            yield PARTY_NOT_LISTED, f"'{name}'"
    if request.dealer is not None and request.dealer != terms.dealer:
        yield DEALER_NOT_NAMED, f"'{request.dealer}' instead of {_or_none(terms.dealer)}"
    if request.dealer is not None and request.dealer in request.parties:
        yield DEALER_NOT_NAMED, f"'{request.dealer}' cannot deal and compute in one job"
    if request.coordinator not in (None, terms.coordinator, terms.dealer, *request.parties):
        yield COORDINATOR_NOT_NAMED, f"'{request.coordinator}'"
    if request.minimum is not None and (terms.minimum is None or request.minimum < terms.minimum):
        yield DROPOUTS_NOT_AGREED, f"{request.minimum} of {len(request.parties)} parties"
    if request.engine not in terms.engines:
        yield ENGINE_NOT_ALLOWED, f"'{request.engine}'"
    elif request.engine == "tee" and terms.tee is None:
        yield TEE_NOT_AGREED, "it has no section 'tee'"
    if request.engine == "fl" and len(set(request.parties)) < FEWEST_OF_A_SUM:
        yield ENGINE_NOT_ALLOWED, f"'fl' is for data of {FEWEST_OF_A_SUM} parties or more"
    if request.engine == "clear" and len({*owners, *request.parties}) > 1:
        yield ENGINE_NOT_ALLOWED, "'clear' is for data that one party owns"


def _data(terms: Terms, request: Request) -> Iterator[Reason]:
    if not request.datasets:
        yield DATASET_NOT_GRANTED, "the job names no dataset"
    for asked in request.datasets:
        where = f"of dataset '{asked.name}' of '{asked.owner}'"
        granted = terms.dataset(asked.owner, asked.name)
        if granted is None:
            yield DATASET_NOT_GRANTED, f"'{asked.name}' of '{asked.owner}'"
            continue
        for column in asked.columns:
            if column not in granted.columns:
                yield COLUMN_NOT_GRANTED, f"'{column}' {where}"
        if asked.id != granted.id:
            yield COLUMN_NOT_GRANTED, f"{_id(asked.id)} {where} as the id{_instead(asked.id, granted.id)}"
        if asked.label is not None and asked.label != granted.label:
            yield COLUMN_NOT_GRANTED, f"'{asked.label}' {where} as the label"
        if asked.rows < terms.min_rows:
            yield TOO_FEW_ROWS, f"{asked.rows} {where}, at least {terms.min_rows} are needed"
    if request.common_rows is not None and request.common_rows < terms.min_rows:
        yield TOO_FEW_ROWS, f"{request.common_rows} rows in common, at least {terms.min_rows} are needed"


def _id(names: str | tuple[str, ...]) -> str:
    return f"'{', '.join(id_names(names))}'"


def _instead(asked: str | tuple[str, ...], granted: str | tuple[str, ...]) -> str:
    """What is granted as the id: the order of its parts counts, and two orders look alike."""
    same = sorted(id_names(asked)) == sorted(id_names(granted))
    return f": the agreement has {'another order, ' if same else ''}{_id(granted)}"


def _steps(terms: Terms, request: Request) -> Iterator[Reason]:
    if not request.steps:
        yield COMPONENT_NOT_ALLOWED, "the job names no component"
    for step in request.steps:
        component = terms.component(step.component)
        if component is None:
            yield COMPONENT_NOT_ALLOWED, f"'{step.component}'"
        else:
            yield from _parameters(component, step)


def _parameters(component: ComponentTerms, step: RequestedStep) -> Iterator[Reason]:
    for name, value in step.params.items():
        where = f"'{name}' of component '{component.name}'"
        bound = component.params.get(name)
        if bound is not None:
            outside = bound.refusal(value)
            if outside is not None:
                yield PARAMETER_OUT_OF_BOUNDS, f"{where} {outside}"
        elif name not in step.defaults:
            yield PARAMETER_OUT_OF_BOUNDS, f"{where} has no default value, and the agreement no bound for it"
        elif not same_value(value, step.defaults[name]):
            yield PARAMETER_OUT_OF_BOUNDS, f"{where} has no bound, so it must have its default value"
    for name in component.params:
        if name not in step.params:
            yield (
                PARAMETER_OUT_OF_BOUNDS,
                f"'{name}' of component '{component.name}' is bounded but not stated",
            )


def _modules(terms: Terms, request: Request) -> Iterator[Reason]:
    for asked in request.modules:
        agreed = terms.module(asked.name)
        if agreed is None:
            yield MODULE_NOT_AGREED, f"'{asked.name}'"
        elif (agreed.sha256, agreed.size) != (asked.sha256, asked.size):
            yield MODULE_OTHER, f"'{asked.name}', {asked.size} bytes with sha256 {asked.sha256}"


def _results(terms: Terms, request: Request) -> Iterator[Reason]:
    for kind, receivers in request.results.items():
        granted = terms.receivers(kind)
        for receiver in receivers:
            if receiver not in granted:
                yield RECEIVER_NOT_GRANTED, f"{kind} to '{receiver}'"


def _privacy(terms: Terms, request: Request) -> Iterator[Reason]:
    told = {(one.owner, one.name): one for one in request.privacy}
    for asked in request.datasets:
        granted = terms.dataset(asked.owner, asked.name)
        if granted is None or granted.privacy is None:
            continue
        where, budget = f"dataset '{asked.name}' of '{asked.owner}'", granted.privacy
        one = told.get((asked.owner, asked.name))
        if one is None or request.engine != "fl":
            yield SHOWN_WITHOUT_NOISE, f"{where}, in engine '{request.engine}'"
            continue
        for step in one.bare:
            yield SHOWN_WITHOUT_NOISE, f"step '{step}', {where}"
        if not one.epsilon <= budget.epsilon:
            cost = f"epsilon {one.epsilon:.4g} with all jobs so far" if one.epsilon < 1e6 else "no privacy"
            yield PRIVACY_USED_UP, f"{cost} for each {budget.unit}, of {budget.epsilon:g}, {where}"


def _or_none(name: str | None) -> str:
    return "none" if name is None else f"'{name}'"
