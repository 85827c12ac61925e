"""What a dataset is: its source, its columns, the rule for its ids, and what peers are told of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Annotated, Literal, Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from coterie.crypto import PartyName

from .errors import COLUMN_UNDECLARED

__all__ = [
    "DEFAULT_NULLS",
    "Column",
    "ColumnName",
    "ColumnRole",
    "ColumnType",
    "CsvSource",
    "DatasetFacts",
    "DatasetName",
    "DatasetSpec",
    "IdRule",
    "Many",
    "ParquetSource",
    "Schema",
    "Source",
]

ColumnType = Literal["int", "float", "bool", "text", "category"]
ColumnRole = Literal["id", "feature", "label"]
IdRule = Literal["nfkc", "trim", "lower", "upper", "digits", "strip-leading-zeros"]

DatasetName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
ColumnName = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f-\x9f]{1,128}$")]

T = TypeVar("T")
Many = Annotated[tuple[T, ...], Field(strict=False)]
"""A tuple that also takes the list that JSON and YAML have in its place; its items stay strict."""

DEFAULT_NULLS = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "None")


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Column(_Document):
    """One declared column.

    ``int`` is int64, ``float`` is float64, ``text`` and ``category`` are UTF-8 strings, ``category`` with few
    different values. An id is ``int`` or ``text`` and never null.
    """

    name: ColumnName
    type: ColumnType
    role: ColumnRole = "feature"
    nullable: bool = False

    @model_validator(mode="after")
    def _id_fits(self) -> Self:
        if self.role == "id" and self.type not in ("int", "text"):
            raise ValueError(f"the id column '{self.name}' must be of type int or text")
        if self.role == "id" and self.nullable:
            raise ValueError(f"the id column '{self.name}' cannot be nullable")
        return self


class Schema(_Document):
    """Columns with exactly one id and at most one label."""

    columns: Annotated[Many[Column], Field(min_length=1, max_length=10_000)]

    @model_validator(mode="after")
    def _columns_fit(self) -> Self:
        twice = [name for name, count in Counter(c.name for c in self.columns).items() if count > 1]
        if twice:
            raise ValueError(f"column '{twice[0]}' is declared twice")
        ids = [c.name for c in self.columns if c.role == "id"]
        if len(ids) != 1:
            raise ValueError(f"exactly one column must have the role id, not {len(ids)}")
        labels = [c.name for c in self.columns if c.role == "label"]
        if len(labels) > 1:
            raise ValueError(f"at most one column can have the role label, not {len(labels)}")
        return self

    @property
    def id(self) -> Column:
        return next(c for c in self.columns if c.role == "id")

    @property
    def label(self) -> Column | None:
        return next((c for c in self.columns if c.role == "label"), None)

    @property
    def features(self) -> tuple[Column, ...]:
        return tuple(c for c in self.columns if c.role == "feature")

    def column(self, name: str) -> Column:
        """The declared column of that name (CT-1422 where there is none)."""
        for column in self.columns:
            if column.name == name:
                return column
        raise COLUMN_UNDECLARED(f"'{name}'")

    def select(self, names: Iterable[str]) -> tuple[Column, ...]:
        """The declared columns of those names, in the order asked for (CT-1422)."""
        return tuple(self.column(name) for name in names)


class CsvSource(_Document):
    """A CSV file with a header line, UTF-8, gzip-compressed where the name ends in ``.gz``."""

    kind: Literal["csv"] = "csv"
    path: Annotated[str, StringConstraints(min_length=1, max_length=4096)]
    delimiter: Annotated[str, StringConstraints(pattern=r"^[\x09\x20-\x7e]$")] = ","
    nulls: Many[str] = DEFAULT_NULLS
    """Texts that stand for "no value"."""


class ParquetSource(_Document):
    """A Parquet file."""

    kind: Literal["parquet"] = "parquet"
    path: Annotated[str, StringConstraints(min_length=1, max_length=4096)]


Source = Annotated[CsvSource | ParquetSource, Field(discriminator="kind")]


class DatasetSpec(Schema):
    """A dataset as its owner declares it, in YAML. Stays at the owner's node."""

    name: DatasetName
    source: Source
    id_rule: Many[IdRule] = ("nfkc", "trim")
    """Steps that bring the ids of all parties to one form, applied in this order."""


class DatasetFacts(Schema):
    """All that other parties are told of a dataset."""

    name: DatasetName
    owner: PartyName
    id_rule: Many[IdRule]
    """How the owner normalises ids. Parties with different rules would have nothing in common."""
    rows: Annotated[int, Field(ge=0, lt=2**53)]
