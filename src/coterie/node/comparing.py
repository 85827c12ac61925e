"""Which columns several parties have in common: set intersection of names with their types, and nothing else.

Each party brings exactly :data:`MOST_COLUMNS` elements to :func:`coterie.psi.align_many`: the hashes of its
columns and, for the rest, random ones, so that nobody learns how many columns anybody has. What the protocol
shows is in its statement: which of the own columns *all* others have too; of three parties or more, nobody
learns what fewer than all have.

Names are short and can be guessed. A party that brings guesses in place of its columns learns which of them
all others have: as many as fit, in each run that the others take part in. That is why offers count runs.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import unicodedata
from collections.abc import Sequence

import numpy as np

from coterie.crypto import canonical
from coterie.psi import align_many
from coterie.wire import Mesh

from .errors import NOT_COMPARABLE
from .views import ColumnView, DatasetView

__all__ = ["MOST_COLUMNS", "compare", "draft_of", "normal", "require_comparable"]

MOST_COLUMNS = 512
"""Of a party in one run, and so the most guesses that it can make in one."""

FORM = "coterie/schema/v1"
"""How names are brought into one form and hashed: the same at all."""

_GAPS = re.compile(r"[\s_\-\u2010-\u2015]+")


def normal(name: str) -> str:
    """A column's name in the form that is compared: Unicode NFKC, case folded; blanks, hyphens and
    underscores are one underscore, and none at the ends.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return _GAPS.sub("_", folded).strip("_")


def require_comparable(columns: Sequence[ColumnView]) -> None:
    """:raises CoterieError: CT-5102: none, too many, or two with one name in the form that is compared."""
    if not 1 <= len(columns) <= MOST_COLUMNS:
        raise NOT_COMPARABLE(f"{len(columns)} columns, where 1 to {MOST_COLUMNS} can be compared")
    seen: dict[str, str] = {}
    for column in columns:
        other = seen.setdefault(normal(column.name), column.name)
        if other != column.name:
            raise NOT_COMPARABLE(f"{other!r} and {column.name!r} are both {normal(column.name)!r}")


def compare(
    mesh: Mesh, run: str, parties: Sequence[str], columns: Sequence[ColumnView]
) -> tuple[ColumnView, ...]:
    """Those of the own columns whose name and type all parties have, in their order. All call it at once.

    :param run: the id of this comparison, which goes into the hashes.
    :param parties: two to five, this one among them, in the order that all have.

    Reveals to each party which of its columns all others have. Errors: CT-5102, and those of
    :func:`coterie.psi.align_many`.
    """
    require_comparable(columns)
    elements = bytearray()
    for column in columns:
        elements += hashlib.sha256(canonical([FORM, run, column.type, normal(column.name)])).digest()
    elements += secrets.token_bytes(32 * (MOST_COLUMNS - len(columns)))
    hashes = np.frombuffer(bytes(elements), dtype=np.uint8).reshape(MOST_COLUMNS, 32)
    with mesh.step("schema"):
        found = align_many(mesh, dict.fromkeys(parties, MOST_COLUMNS), hashes)
    return tuple(columns[place] for place in sorted(found.indices.tolist()) if place < len(columns))


def draft_of(owner: str, dataset: DatasetView, common: Sequence[ColumnView]) -> str:
    """A line of an agreement's ``datasets``. The id is the own one: it need not be common."""
    ids = [one.name for one in dataset.columns if one.role == "id"]
    labels = [one.name for one in common if one.role == "label"]
    features = [one.name for one in common if one.role == "feature"]
    fields = [f"name: {dataset.name}", f"owner: {owner}"]
    fields.append(f"id: {_text(ids[0])}" if len(ids) == 1 else f"id: {_list(ids)}")
    fields += [f"label: {_text(labels[0])}"] if labels else []
    return f"- {{{', '.join([*fields, f'columns: {_list(features)}'])}}}"


def _list(names: Sequence[str]) -> str:
    return f"[{', '.join(map(_text, names))}]"


def _text(name: str) -> str:
    """As YAML has it within braces: JSON strings are YAML strings."""
    plain = name.isascii() and name.replace("_", "").isalnum() and name[0].isalpha()
    reserved = name.lower() in ("true", "false", "yes", "no", "on", "off", "null", "y", "n")
    return name if plain and not reserved else canonical(name).decode()
