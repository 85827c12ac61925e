"""The terms of an agreement: who may do what with which data, until when. What is not written is not allowed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    StringConstraints,
    model_validator,
)

from coterie.crypto import PartyName, canonical, digest, parse_timestamp
from coterie.data import ColumnName, DatasetName, Many

__all__ = [
    "Approval",
    "Bound",
    "ComponentTerms",
    "DatasetTerms",
    "Engine",
    "ResultKind",
    "ResultTerms",
    "Terms",
    "Timestamp",
]

Engine = Literal["clear", "tee", "mpc", "fl"]
ResultKind = Literal["model", "coefficients", "scores", "metrics", "report", "common_ids"]
Approval = Literal["automatic", "person"]

Count = Annotated[int, Field(ge=1, lt=2**53)]
KeyHex = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
ComponentName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
ParameterName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,62}$")]
Number = Annotated[float, Field(allow_inf_nan=False)]


def _is_timestamp(text: str) -> str:
    parse_timestamp(text)
    return text


Timestamp = Annotated[
    str,
    StringConstraints(pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$"),
    AfterValidator(_is_timestamp),
]


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class DatasetTerms(_Document):
    """A dataset and the columns of it that jobs may use."""

    name: DatasetName
    owner: PartyName
    id: ColumnName
    columns: Many[ColumnName]
    """Feature columns that are granted. None are if the list is empty."""
    label: ColumnName | None = None


class Bound(_Document):
    """The values that a component's parameter may take; every given condition must hold.

    ``min`` and ``max`` are for numbers, both inclusive; ``one_of`` lists values; ``equals`` is the only value.
    """

    min: Number | None = None
    max: Number | None = None
    one_of: Many[JsonValue] | None = None
    equals: JsonValue | None = None


class ComponentTerms(_Document):
    """A component that jobs may use. A parameter without a bound must have the component's default value."""

    name: ComponentName
    params: dict[ParameterName, Bound] = {}


class ResultTerms(_Document):
    """A kind of result and the parties that may receive it."""

    kind: ResultKind
    to: Many[PartyName]


class Terms(_Document):
    """What the parties sign. ``parties``, ``services`` and ``approval`` are kept in the order of the names."""

    name: DatasetName
    parties: Annotated[dict[PartyName, KeyHex], Field(min_length=1, max_length=64)]
    """Ed25519 public key, in hex, by party."""
    services: dict[PartyName, KeyHex] = {}
    """Keys of helpers that are not parties, such as a hub that deals."""
    dealer: PartyName | None = None
    """The party or service that deals correlated randomness."""
    datasets: Many[DatasetTerms]
    components: Many[ComponentTerms]
    engines: Many[Engine]
    results: Many[ResultTerms]
    min_rows: Count
    """Fewest rows of any dataset, and of what is common to them, that a job may work on."""
    not_before: Timestamp
    expires: Timestamp
    max_runs: Count
    approval: dict[PartyName, Approval] = {}
    """Whether a party's node approves jobs within the terms by itself. A person does where nothing is said."""
    id_key: Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")] | None = None
    """Commitment to the 32-byte key of the id hashes, which the owners of the datasets share outside of the terms:
    no two of them can work with different keys."""

    @property
    def id(self) -> str:
        """``sha256:`` and the digest of the canonical terms: the agreement's name in jobs and ledgers."""
        return digest(self.canonical())

    def canonical(self) -> bytes:
        """The bytes that are signed (RFC 8785)."""
        return canonical(self)

    def approval_of(self, party: str) -> Approval:
        return self.approval.get(party, "person")

    def dataset(self, name: str) -> DatasetTerms | None:
        return next((d for d in self.datasets if d.name == name), None)

    def component(self, name: str) -> ComponentTerms | None:
        return next((c for c in self.components if c.name == name), None)

    def receivers(self, kind: str) -> tuple[str, ...]:
        """The parties that may receive results of that kind."""
        return next((r.to for r in self.results if r.kind == kind), ())
