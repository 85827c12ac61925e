"""A ledger's folder, as readers see it: lines, entries, the head and the party."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, TypeVar

from pydantic import BaseModel, ValidationError

from coterie.crypto import PublicIdentity, canonical, parse_json
from coterie.errors import CoterieError

from .entry import MAX_ENTRY, Entry, Kind, SignedHead
from .errors import LEDGER_DAMAGED, LEDGER_MISSING

__all__ = [
    "ENTRIES",
    "HEAD",
    "PARTY",
    "Line",
    "claimed_number",
    "parse_entry",
    "read_entries",
    "read_head",
    "read_lines",
    "read_party",
]

ENTRIES = "ledger.jsonl"
HEAD = "head.json"
PARTY = "party.json"
MAX_DOCUMENT = 16 * 1024

M = TypeVar("M", bound=BaseModel)


class Line(NamedTuple):
    """A line of ``ledger.jsonl`` without its end."""

    number: int
    content: bytes
    complete: bool
    """Whether it ends as a line does; only the last one may not."""


def read_lines(directory: Path, limit: int | None = None) -> Iterator[Line]:
    """The lines, those longer than an entry may be cut short; of the first ``limit`` bytes alone if given.

    Raises CT-1306 where there is no ledger.
    """
    path = directory / ENTRIES
    if not path.is_file():
        raise LEDGER_MISSING(str(directory))
    number = 0
    with path.open("rb") as file:
        while limit is None or file.tell() < limit:
            content = file.readline(MAX_ENTRY + 2)
            if not content:
                return
            number += 1
            rest = content
            while not rest.endswith(b"\n") and (rest := file.readline(MAX_ENTRY)):
                pass
            yield Line(number, content.rstrip(b"\n"), complete=rest.endswith(b"\n"))


def parse_entry(content: bytes) -> Entry:
    """An entry with the right form and hash, its signature not checked. Raises ValueError with the reason."""
    entry = _parse(Entry, content, MAX_ENTRY)
    if not entry.hash_fits():
        raise ValueError("its hash is not that of its content")
    return entry


def claimed_number(content: bytes) -> int | None:
    """The entry number that a damaged line still shows."""
    try:
        value = parse_json(content, limit=MAX_ENTRY)
    except CoterieError:
        return None
    number = value.get("seq") if isinstance(value, dict) else None
    return number if isinstance(number, int) and not isinstance(number, bool) else None


def read_entries(
    directory: Path, kind: Kind | None = None, job: str | None = None, *, limit: int | None = None
) -> Iterator[Entry]:
    """Entries of a ledger, which another process may be writing to, of that kind and job (``body["job"]``).

    :param limit: read so many bytes of the file at most.

    Nothing is verified but their form and hash. Raises CT-1302, CT-1306.
    """
    for line in read_lines(directory, limit):
        if not line.complete:
            return
        entry = _wanted(directory, line, kind, job)
        if entry is not None:
            yield entry


def read_head(directory: Path) -> SignedHead:
    """The signed head in the folder, its signature not checked. Raises ValueError with the reason."""
    return _parse(SignedHead, _content(directory / HEAD), MAX_DOCUMENT)


def read_party(directory: Path) -> PublicIdentity:
    """The party that the folder claims to be of. Raises ValueError with the reason."""
    return _parse(PublicIdentity, _content(directory / PARTY), MAX_DOCUMENT)


def _content(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_DOCUMENT + 1)
    except OSError as error:
        raise ValueError(f"{path.name} cannot be read: {error.strerror}") from None


def _wanted(directory: Path, line: Line, kind: Kind | None, job: str | None) -> Entry | None:
    problem = ""
    try:
        entry = parse_entry(line.content)
        return entry if kind in (None, entry.kind) and job in (None, entry.body.get("job")) else None
    except ValueError as error:
        problem = str(error)
    raise LEDGER_DAMAGED(f"{directory}, line {line.number}: {problem}")


def _parse(kind: type[M], content: bytes, limit: int) -> M:
    try:
        document = kind.model_validate(parse_json(content, limit=limit))
        if canonical(document) != content:
            raise ValueError("it is not in canonical form")
        return document
    except CoterieError as error:
        problem = error.detail
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        problem = f"{'.'.join(str(item) for item in first['loc'])[:100]}: {first['msg'][:200]}"
    raise ValueError(problem)
