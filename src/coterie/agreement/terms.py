"""The terms of an agreement: who may do what with which data. What is not written is not allowed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import PydanticCustomError

from coterie.crypto import PartyName, canonical, digest, parse_timestamp
from coterie.data import ColumnName, DatasetName, IdNames, Many, id_names
from coterie.errors import CoterieError

from .bounds import Bound
from .lookups import LookupTerms
from .modules import ModuleTerms
from .privacy import PrivacyTerms
from .tee import AttestedTerms, TeeTerms

__all__ = [
    "Approval",
    "ComponentTerms",
    "DatasetTerms",
    "Engine",
    "ResultKind",
    "ResultTerms",
    "Terms",
    "Timestamp",
]

Engine = Literal["clear", "tee", "mpc", "fl"]
ResultKind = Literal[
    "model",
    "coefficients",
    "statistics",
    "loss",
    "importance",
    "shap",
    "scores",
    "metrics",
    "contribution",
    "report",
    "common_ids",
    "profile",
    "correlations",
    "bins",
    "iv",
    "selection",
    "scorecard",
    "reasons",
    "pipeline",
]
Approval = Literal["automatic", "person", "two-persons"]

V = TypeVar("V")
H = TypeVar("H", bound=Hashable)
Path = tuple[str | int, ...]

Count = Annotated[int, Field(ge=1, lt=2**53)]
KeyHex = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
ComponentName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
ParameterName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]


def _is_timestamp(text: str) -> str:
    try:
        parse_timestamp(text)
    except CoterieError as error:
        raise ValueError(f"it is not a time as in 2026-11-22T20:00:00Z: {error.detail}") from error
    return text


def _by_name(mapping: dict[str, V]) -> dict[str, V]:
    return dict(sorted(mapping.items()))


Timestamp = Annotated[str, StringConstraints(max_length=20), AfterValidator(_is_timestamp)]
"""RFC 3339 in UTC, to the second."""

ByName = Annotated[dict[PartyName, V], Field(max_length=64), AfterValidator(_by_name)]
"""Kept in the order of the names, because JSON objects have no other."""


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class DatasetTerms(_Document):
    """A dataset and the columns of it that jobs may use."""

    name: DatasetName
    owner: PartyName
    id: IdNames
    """The id column: jobs may align by it. Of a composite id all columns, in the order of the description."""
    columns: Many[ColumnName]
    """Feature columns that are granted. None are if the list is empty."""
    label: ColumnName | None = None
    privacy: Annotated[PrivacyTerms | None, Field(exclude_if=lambda terms: terms is None)] = None
    """What jobs may cost the people in it, by differential privacy. Where it is not given, nothing is asked,
    and the canonical form has no such field."""


class ComponentTerms(_Document):
    """A component that jobs may use. A parameter without a bound must have the component's default value."""

    name: ComponentName
    params: dict[ParameterName, Bound] = {}


class ResultTerms(_Document):
    """A kind of result and the parties that may receive it."""

    kind: ResultKind
    to: Many[PartyName]


class Terms(_Document):
    """What the parties sign."""

    name: DatasetName
    parties: Annotated[ByName[KeyHex], Field(min_length=1)]
    """Ed25519 public key, in hex, by party."""
    services: ByName[KeyHex] = {}
    """Keys of helpers that are not parties, such as a hub that deals."""
    dealer: PartyName | None = None
    """The party or service that deals correlated randomness."""
    coordinator: Annotated[PartyName | None, Field(exclude_if=lambda name: name is None)] = None
    """The party or service that adds up what parties have masked, in engine ``fl``. Where it is not given,
    the dealer or a party with data does, and the canonical form has no such field."""
    minimum: Annotated[
        Annotated[Count, Field(ge=3)] | None, Field(exclude_if=lambda count: count is None)
    ] = None
    """Parties that must be in every sum of a job of engine ``fl``, which may then go on without the others:
    what totals with and without a party differ by is nearly that party's. Where it is not given all must be,
    and the canonical form has no such field."""
    datasets: Annotated[Many[DatasetTerms], Field(max_length=256)]
    components: Annotated[Many[ComponentTerms], Field(max_length=256)]
    engines: Many[Engine]
    results: Many[ResultTerms]
    min_rows: Count
    """Fewest rows of any dataset, and of what is common to them, that a job may work on."""
    min_group: Annotated[Count | None, Field(exclude_if=lambda count: count is None)] = None
    """Fewest rows, and fewest of each label value, of any group of rows that a result tells of, such as a bin
    or a segment; 20 where it is not given, and the canonical form then has no such field."""
    not_before: Timestamp
    expires: Timestamp
    max_runs: Count
    approval: ByName[Approval] = {}
    """Whether a party's node approves jobs within the terms by itself; if nothing is said, a person does, or
    two who are not the one that submitted the job. Two must sign these terms then, too."""
    id_key: Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")] | None = None
    """Commitment to the 32-byte key of the id hashes, which the owners of the datasets and who may look ids
    up share outside of the terms: no two of them can work with different keys. The drafter's node fills it
    in.
    """
    tee: Annotated[TeeTerms | None, Field(exclude_if=lambda tee: tee is None)] = None
    """Where jobs of engine ``tee`` may run. Where it is not given, the canonical form does not have it
    either, so that agreements from before there was such a field keep their id."""
    dealer_tee: Annotated[AttestedTerms | None, Field(exclude_if=lambda tee: tee is None)] = None
    """The attested environment that the dealer must deal in: that it colludes with nobody then rests on
    evidence. Where it is not given, the dealer is trusted by its name, and the canonical form has no such
    field."""
    lookups: Annotated[Many[LookupTerms], Field(max_length=256, exclude_if=lambda lookups: not lookups)] = ()
    """Which datasets others may look ids up in, one by one or few at a time, outside of jobs. The canonical
    form has no such field where there are none."""
    modules: Annotated[Many[ModuleTerms], Field(max_length=16, exclude_if=lambda modules: not modules)] = ()
    """Programs of users that jobs may run in a sandbox at the parties with data. Where there are none, no job
    runs any, and the canonical form has no such field."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        for path, problem in _problems(self):
            # The path leads a reader of YAML to the line; see YamlText.model.
            raise PydanticCustomError("terms", "{problem}", {"problem": problem, "path": path})
        return self

    @property
    def id(self) -> str:
        """``sha256:`` and the digest of the canonical terms: the agreement's name in jobs and ledgers."""
        return digest(self.canonical())

    def canonical(self) -> bytes:
        """The bytes that are signed (RFC 8785)."""
        return canonical(self)

    def approval_of(self, party: str) -> Approval:
        return self.approval.get(party, "person")

    def persons_of(self, party: str) -> int:
        """How many people of a party must say yes to a job, and to these terms; a node by itself counts as
        one."""
        return 2 if self.approval_of(party) == "two-persons" else 1

    def dataset(self, owner: str, name: str) -> DatasetTerms | None:
        return next((d for d in self.datasets if (d.owner, d.name) == (owner, name)), None)

    def component(self, name: str) -> ComponentTerms | None:
        return next((c for c in self.components if c.name == name), None)

    def lookup(self, owner: str, dataset: str) -> LookupTerms | None:
        """Who may look ids up in that dataset; None where nobody may."""
        return next((one for one in self.lookups if (one.owner, one.dataset) == (owner, dataset)), None)

    def module(self, name: str) -> ModuleTerms | None:
        """The program of that name; None where no job may run one."""
        return next((one for one in self.modules if one.name == name), None)

    def receivers(self, kind: str) -> tuple[str, ...]:
        """The parties that may receive results of that kind."""
        return next((r.to for r in self.results if r.kind == kind), ())


def _problems(terms: Terms) -> Iterator[tuple[Path, str]]:
    """What single fields cannot show, each with the path of the field to correct."""
    keys = [*terms.parties.values(), *terms.services.values()]
    if both := sorted(set(terms.parties) & set(terms.services)):
        yield ("services", both[0]), f"'{both[0]}' is a party already"
    if _repeated(keys) is not None:
        yield ("parties",), "two parties or services have the same key"
    yield from _helper_problems(terms)
    for index, dataset in enumerate(terms.datasets):
        yield from _dataset_problems(terms, dataset, ("datasets", index))
    yield from _twice("datasets", "dataset", [f"{d.owner}/{d.name}" for d in terms.datasets])
    yield from _twice("components", "component", [c.name for c in terms.components])
    yield from _twice("engines", "engine", terms.engines)
    yield from _twice("results", "kind", [r.kind for r in terms.results])
    for index, result in enumerate(terms.results):
        for place, receiver in enumerate(result.to):
            if receiver not in terms.parties:
                yield ("results", index, "to", place), f"'{receiver}' is not a party"
        if (name := _repeated(result.to)) is not None:
            yield ("results", index, "to"), f"'{name}' is named twice"
    for party in terms.approval:
        if party not in terms.parties:
            yield ("approval", party), f"'{party}' is not a party"
    yield from _lookup_problems(terms)
    yield from _privacy_problems(terms)
    yield from _twice("modules", "module", [one.name for one in terms.modules])
    if terms.not_before >= terms.expires:
        yield ("expires",), "it is not after not_before"
    yield from _unwritable(terms)


def _helper_problems(terms: Terms) -> Iterator[tuple[Path, str]]:
    helpers = {
        ("dealer",): terms.dealer,
        ("coordinator",): terms.coordinator,
        ("tee", "host"): terms.tee and terms.tee.host,
    }
    for path, name in helpers.items():
        if name is not None and name not in {*terms.parties, *terms.services}:
            yield path, f"'{name}' is neither a party nor under services"
    if terms.dealer_tee is not None and terms.dealer is None:
        yield ("dealer_tee",), "there is no dealer that it could be for"


def _lookup_problems(terms: Terms) -> Iterator[tuple[Path, str]]:
    for index, one in enumerate(terms.lookups):
        if terms.dataset(one.owner, one.dataset) is None:
            yield ("lookups", index, "dataset"), f"'{one.owner}' has no dataset '{one.dataset}' here"
        for place, party in enumerate(one.to):
            if party not in terms.parties:
                yield ("lookups", index, "to", place), f"'{party}' is not a party"
            elif party == one.owner:
                yield ("lookups", index, "to", place), f"'{party}' owns the dataset"
        if (name := _repeated(one.to)) is not None:
            yield ("lookups", index, "to"), f"'{name}' is named twice"
    yield from _twice("lookups", "dataset", [f"{one.owner}/{one.dataset}" for one in terms.lookups])


def _privacy_problems(terms: Terms) -> Iterator[tuple[Path, str]]:
    """What shows rows without noise does not go with a budget."""
    private = {(dataset.owner, dataset.name) for dataset in terms.datasets if dataset.privacy is not None}
    for index, engine in enumerate(terms.engines if private else ()):
        if engine != "fl":
            yield ("engines", index), f"a dataset has a privacy budget, and '{engine}' adds no noise"
    for index, one in enumerate(terms.lookups):
        if (one.owner, one.dataset) in private:
            yield ("lookups", index), f"'{one.dataset}' has a privacy budget, and lookups have no noise"


def _unwritable(terms: Terms) -> Iterator[tuple[Path, str]]:
    try:
        terms.canonical()
    except CoterieError:
        yield ("components",), "a bound holds a value that JSON has not, such as an integer beyond 2^53"


def _dataset_problems(terms: Terms, dataset: DatasetTerms, path: Path) -> Iterator[tuple[Path, str]]:
    if dataset.owner not in terms.parties:
        yield (*path, "owner"), f"'{dataset.owner}' is not a party"
    named = [*dataset.columns, *id_names(dataset.id), *([dataset.label] if dataset.label is not None else [])]
    if (name := _repeated(named)) is not None:
        yield (
            (*path, "columns"),
            f"column '{name}' is named twice: id and label are not listed among the columns",
        )


def _twice(field: str, what: str, names: Iterable[Any]) -> Iterator[tuple[Path, str]]:
    if (name := _repeated(names)) is not None:
        yield (field,), f"{what} '{name}' is listed twice"


def _repeated(values: Iterable[H]) -> H | None:
    return next((value for value, count in Counter(values).items() if count > 1), None)
