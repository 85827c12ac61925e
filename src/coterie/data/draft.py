"""A first dataset description, made from a file, for its owner to correct."""

from __future__ import annotations

import itertools
import json
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import TypeAdapter, ValidationError

from .checks import first_refused
from .csv_table import read_header, text_batches
from .errors import COLUMN_MISSING, SPEC_INVALID
from .parquet_table import parquet_types
from .parts import Part, parts_of
from .schema import STEPS, ColumnName, ColumnType, CsvSource, DatasetName, IdRule

__all__ = ["draft_spec"]

DELIMITERS = ",;\t|"
CATEGORY_VALUES = 50
ID_NAMES = ("id", "uid", "customer_id", "client_id", "user_id", "person_id", "account_id", "customer", "key")
CANDIDATES: tuple[ColumnType, ...] = ("int", "float", "bool")

_NAME = TypeAdapter(DatasetName)
_COLUMN = TypeAdapter(ColumnName)
_STEP = TypeAdapter[str](IdRule)


@dataclass(frozen=True)
class _Roles:
    """What the owner has said of the columns."""

    ids: Sequence[str]
    label: str | None
    id_rule: Sequence[str]


def draft_spec(
    path: Path,
    name: str,
    *,
    id_columns: Sequence[str] = (),
    label: str | None = None,
    id_rule: Sequence[str] = ("nfkc", "trim"),
) -> str:
    """YAML to start a dataset description from: types from all of the data, of Parquet from the first file.

    :param path: a file, or a folder of files.

    The text says in comments what is left to decide. Where no column looks like an id, one must be given that
    role before the description is accepted.

    :param id_columns: the column of ids, or those of a composite id in their order; guessed by its name if
        there are none.
    :param label: the label's column; none gets that role if None.
    :param id_rule: steps of an id rule.

    Raises CT-1401 for a bad dataset name or a step that there is not, CT-1420 for a column that is not there,
    CT-1410 to CT-1416 for the file.
    """
    if not _accepts(_NAME, name):
        raise SPEC_INVALID(f"name: '{name[:63]}' is not 1 to 63 of a-z, 0-9, - and _, the first a letter")
    if unknown := [step for step in id_rule if not _accepts(_STEP, step)]:
        raise SPEC_INVALID(
            f"id_rule: there is no step '{unknown[0][:63]}'; there are {', '.join(STEPS)} and phone:REGION"
        )
    parts = parts_of(path)
    if parts[0].path.suffix.lower() in (".parquet", ".pq"):
        source = ["  kind: parquet", f"  path: {_quoted(str(path.absolute()))}"]
        guesses = {column: _Guess(kind) for column, kind in parquet_types(parts[0]).items()}
    else:
        csv = _csv_source(path.absolute(), parts[0])
        source = ["  kind: csv", f"  path: {_quoted(csv.path)}", f"  delimiter: {_quoted(csv.delimiter)}"]
        source.append(f"  nulls: {json.dumps(list(csv.nulls))}")
        guesses = _guess_csv(csv, parts)
    guesses |= _guess_keys(parts)
    absent = [column for column in (*id_columns, label) if column is not None and column not in guesses]
    if absent:
        raise COLUMN_MISSING(f"'{absent[0]}'")
    roles = _Roles(id_columns, label, id_rule)
    return "\n".join([f"name: {name}", "source:", *source, *_rest(guesses, roles), ""])


@dataclass
class _Guess:
    """What a column can still be, as blocks of it go by."""

    type: ColumnType | None
    nullable: bool = False
    different: set[str] | None = field(default_factory=set)

    def see(self, values: pa.Array) -> None:
        self.nullable |= values.null_count > 0
        trimmed = pc.utf8_trim_whitespace(values)
        while self.type in CANDIDATES and first_refused(trimmed, self.type) is not None:
            position = CANDIDATES.index(self.type)
            self.type = CANDIDATES[position + 1] if position + 1 < len(CANDIDATES) else "text"
        if self.different is not None:
            self.different.update(values.unique().drop_null().to_pylist())
            if len(self.different) > CATEGORY_VALUES:
                self.different = None


def _csv_source(path: Path, first: Part) -> CsvSource:
    widths = {
        delimiter: len(read_header(CsvSource(path=str(path), delimiter=delimiter), first))
        for delimiter in DELIMITERS
    }
    return CsvSource(path=str(path), delimiter=max(widths, key=lambda one: widths[one]))


def _guess_csv(source: CsvSource, parts: Sequence[Part]) -> dict[str, _Guess]:
    header = read_header(source, parts[0])
    names = [name for name in dict.fromkeys(header) if header.count(name) == 1 and _accepts(_COLUMN, name)]
    guesses = {name: _Guess("int") for name in names}
    rows = 0
    for batch in itertools.chain.from_iterable(text_batches(source, part, names) for part in parts):
        rows += batch.num_rows
        for name in names:
            guesses[name].see(batch[name])
    for guess in guesses.values():
        if guess.type == "text" and guess.different is not None and len(guess.different) * 2 < rows:
            guess.type = "category"
    return guesses


def _guess_keys(parts: Sequence[Part]) -> dict[str, _Guess]:
    """Columns that the names of folders tell."""
    guesses = {}
    for name in parts[0].keys:
        guess = guesses[name] = _Guess("int")
        guess.see(pa.array([part.keys[name] for part in parts], pa.large_string()))
        guess.type = "category" if guess.type == "text" else guess.type
    return guesses


def _rest(guesses: Mapping[str, _Guess], roles: _Roles) -> list[str]:
    known = [name for name in guesses if _accepts(_COLUMN, name)]
    ids = roles.ids or _id_among(
        [name for name in known if guesses[name].type in ("int", "text") and not guesses[name].nullable]
    )
    lines = [
        "# Steps that bring the ids of all parties to one form:",
        *(
            f"# {line}"
            for line in textwrap.wrap(f"{', '.join(STEPS)}, phone:REGION.", break_on_hyphens=False)
        ),
        f"id_rule: [{', '.join(map(_quoted, roles.id_rule))}]",
        "# Rows without an id: refuse, or skip. Rows that repeat one: refuse, first, all.",
        "missing_ids: refuse",
        "duplicates: refuse",
        "# Types: int, float, bool, text, category. Roles: id (or its parts), feature, label (at most one).",
    ]
    if not ids:
        lines.append("# No column looks like an id: give one the role id.")
    lines.append("columns:")
    for name in _in_order(known, ids):
        guess = guesses[name]
        if guess.type is None:
            lines.append(f"  # {_quoted(name)} has a type that cannot be used")
            continue
        role = "id" if name in ids else "label" if name == roles.label else "feature"
        nullable = ", nullable: true" if guess.nullable and role != "id" else ""
        lines.append(f"  - {{name: {_quoted(name)}, type: {guess.type}, role: {role}{nullable}}}")
    if len(known) < len(guesses):
        lines.append(f"  # {len(guesses) - len(known)} columns have names that cannot be used")
    return lines


def _in_order(columns: Sequence[str], ids: Sequence[str]) -> list[str]:
    """The columns as the table has them, and those of the id in their own order: it is part of an id."""
    parts = iter(dict.fromkeys(ids))
    return [next(parts) if name in ids else name for name in columns]


def _id_among(names: list[str]) -> tuple[str, ...]:
    """The column that looks most like an id, if any does."""
    folded = {name.strip().lower().replace(" ", "_").replace("-", "_"): name for name in names}
    exact = next((folded[known] for known in ID_NAMES if known in folded), None)
    found = exact or next((name for key, name in folded.items() if key.endswith("_id")), None)
    return () if found is None else (found,)


def _quoted(text: str) -> str:
    """A YAML scalar in double quotes; JSON's escapes are a subset of YAML's. Readable text stays as it is."""
    return json.dumps(text, ensure_ascii=not text.isprintable())


def _accepts(kind: TypeAdapter[str], text: str) -> bool:
    try:
        kind.validate_python(text)
    except ValidationError:
        return False
    return True
