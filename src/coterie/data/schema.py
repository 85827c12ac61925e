"""What a dataset is: its source, its columns, the rule for its ids, and what peers are told of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Literal, Self, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from coterie.crypto import PartyName

from .errors import COLUMN_UNDECLARED

__all__ = [
    "DEFAULT_NULLS",
    "MOST_ID_COLUMNS",
    "STEPS",
    "Column",
    "ColumnName",
    "ColumnRole",
    "ColumnType",
    "CsvSource",
    "DatasetFacts",
    "DatasetName",
    "DatasetSpec",
    "Duplicates",
    "IdNames",
    "IdRule",
    "Many",
    "MissingIds",
    "ParquetSource",
    "Schema",
    "Source",
    "SqlSource",
    "id_names",
]

ColumnType = Literal["int", "float", "bool", "text", "category"]
ColumnRole = Literal["id", "feature", "label"]
STEPS = (
    *("nfkc", "width", "trim", "lower", "upper", "digits", "compact", "strip-leading-zeros"),
    *("email", "email:lower", "national-id:CN"),
)
"""Steps of id rules; besides them there is ``phone:`` with a region of two letters, as in ``phone:CN``."""
MOST_ID_COLUMNS = 8
MOST_STEPS = 16


def _known_step(step: str) -> str:
    kind, _, region = step.partition(":")
    if step not in STEPS and not (kind == "phone" and _is_region(region)):
        raise ValueError(f"there is no such step; there are {', '.join(STEPS)} and phone:REGION")
    return step


def _is_region(region: str) -> bool:
    from phonenumbers import SUPPORTED_REGIONS  # few descriptions need it

    return region in SUPPORTED_REGIONS


IdRule = Annotated[str, StringConstraints(max_length=32), AfterValidator(_known_step)]
MissingIds = Literal["refuse", "skip"]
Duplicates = Literal["refuse", "first", "all"]

DatasetName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
# The length is no part of the pattern, which would be a hundred times as large in memory, in each use.
ColumnName = Annotated[
    str, StringConstraints(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f-\x9f]*$")
]

T = TypeVar("T")
Many = Annotated[tuple[T, ...], Field(strict=False)]
"""A tuple that also takes the list that JSON and YAML have in its place; its items stay strict."""

DEFAULT_NULLS = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "None")


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Column(_Document):
    """One declared column.

    ``int`` is int64, ``float`` is float64, ``text`` and ``category`` are UTF-8 strings, ``category`` with few
    different values. An id is ``int`` or ``text``, and whether it may be missing is for the whole dataset to
    say.
    """

    name: ColumnName
    type: ColumnType
    role: ColumnRole = "feature"
    nullable: bool = False
    rule: Annotated[
        Annotated[Many[IdRule], Field(max_length=MOST_STEPS)] | None,
        Field(exclude_if=lambda rule: rule is None),
    ] = None
    """Of an id column: its own steps in place of the dataset's ``id_rule``. Documents of columns without it
    do not have the field."""

    @model_validator(mode="after")
    def _id_fits(self) -> Self:
        if self.role == "id" and self.type not in ("int", "text"):
            raise ValueError(f"the id column '{self.name}' must be of type int or text")
        if self.role == "id" and self.nullable:
            raise ValueError(f"the id column '{self.name}' cannot be nullable")
        if self.role != "id" and self.rule is not None:
            raise ValueError(f"'{self.name}' has a rule, which is for columns with the role id")
        return self


IdNames = ColumnName | Annotated[Many[ColumnName], Field(min_length=2, max_length=MOST_ID_COLUMNS)]
"""The id column's name; of a composite id all their names, in the order of the description."""


def id_names(names: str | tuple[str, ...]) -> tuple[str, ...]:
    """The names of one or several id columns as a tuple."""
    return (names,) if isinstance(names, str) else names


class Schema(_Document):
    """Columns with at least one id and at most one label. Several ids are the parts of one composite id, in
    their order."""

    columns: Annotated[Many[Column], Field(min_length=1, max_length=10_000)]

    @model_validator(mode="after")
    def _columns_fit(self) -> Self:
        twice = [name for name, count in Counter(c.name for c in self.columns).items() if count > 1]
        if twice:
            raise ValueError(f"column '{twice[0]}' is declared twice")
        ids = [c.name for c in self.columns if c.role == "id"]
        if not 1 <= len(ids) <= MOST_ID_COLUMNS:
            raise ValueError(f"1 to {MOST_ID_COLUMNS} columns must have the role id, not {len(ids)}")
        labels = [c.name for c in self.columns if c.role == "label"]
        if len(labels) > 1:
            raise ValueError(f"at most one column can have the role label, not {len(labels)}")
        return self

    @property
    def id_columns(self) -> tuple[Column, ...]:
        """One, or the parts of a composite id in their order."""
        return tuple(c for c in self.columns if c.role == "id")

    @property
    def id_names(self) -> str | tuple[str, ...]:
        """As agreements and plans name the id: :data:`IdNames`."""
        names = tuple(c.name for c in self.id_columns)
        return names[0] if len(names) == 1 else names

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
    """A CSV file with a header line, UTF-8, gzip-compressed where the name ends in ``.gz``; or all files of a
    folder."""

    kind: Literal["csv"] = "csv"
    path: Annotated[str, StringConstraints(min_length=1, max_length=4096)]
    delimiter: Annotated[str, StringConstraints(pattern=r"^[\x09\x20-\x7e]$")] = ","
    nulls: Many[str] = DEFAULT_NULLS
    """Texts that stand for "no value"."""


class ParquetSource(_Document):
    """A Parquet file, or all files below a folder."""

    kind: Literal["parquet"] = "parquet"
    path: Annotated[str, StringConstraints(min_length=1, max_length=4096)]


class SqlSource(_Document):
    """The rows that a query gives, taken once when the dataset is added or refreshed."""

    kind: Literal["sql"] = "sql"
    connection: Annotated[
        str, StringConstraints(max_length=4101, pattern=r"^(env:[A-Za-z_][A-Za-z0-9_]{0,127}|file:.+)$")
    ]
    """Where the secret is: ``env:`` and the name of an environment variable of the node, or ``file:`` and the
    path of a file that only its owner may read. It holds ``postgresql://…`` or ``sqlite:///…``."""
    query: Annotated[str, StringConstraints(min_length=1, max_length=1 << 16)]
    """One statement that selects."""
    rows: Annotated[int, Field(ge=1, le=2**40)] = 100_000_000
    """No more than these are taken."""
    seconds: Annotated[int, Field(ge=1, le=7 * 86400)] = 3600
    """No longer is waited for them."""


Source = Annotated[CsvSource | ParquetSource | SqlSource, Field(discriminator="kind")]


class _Ruled(Schema):
    """Columns, and the rule for those of the id that have none of their own."""

    if TYPE_CHECKING:  # the classes below have it, each at its place
        id_rule: Many[IdRule]

    @property
    def rules(self) -> tuple[tuple[IdRule, ...], ...]:
        """The steps of each id column."""
        return tuple(self.id_rule if c.rule is None else c.rule for c in self.id_columns)


class DatasetSpec(_Ruled):
    """A dataset as its owner declares it, in YAML. Stays at the owner's node."""

    name: DatasetName
    source: Source
    id_rule: Many[IdRule] = ("nfkc", "trim")
    """Steps that bring the ids of all parties to one form, applied in this order."""
    missing_ids: MissingIds = "refuse"
    """What becomes of rows whose id is null, empty or none by its rule: an error, or they are left out. They
    never match anybody's."""
    duplicates: Duplicates = "refuse"
    """What becomes of rows with one id: an error, only the first in the order of the file stays, or all."""


class DatasetFacts(_Ruled):
    """All that other parties are told of a dataset. Rows that its owner has left out, for want of an id or as
    duplicates, are not counted."""

    name: DatasetName
    owner: PartyName
    id_rule: Many[IdRule]
    """How the owner normalises ids. Parties with different rules would have nothing in common."""
    rows: Annotated[int, Field(ge=0, lt=2**53)]
    ids: Annotated[
        Annotated[int, Field(ge=0, lt=2**53)] | None, Field(exclude_if=lambda count: count is None)
    ] = None
    """Different ids, where they are fewer than rows; documents of other datasets do not have the field."""

    @model_validator(mode="after")
    def _ids_fit(self) -> Self:
        if self.ids is not None and not self.ids < self.rows:
            raise ValueError("ids is told where it is less than rows")
        return self

    @property
    def distinct(self) -> int:
        """Different ids: what is intersected, and what limits on rows are about."""
        return self.rows if self.ids is None else self.ids
