"""What every benchmark writes: build/bench/NAME.json, a list of records with the same fields."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parents[1] / "build" / "bench"

KINDS: dict[str, tuple[type, ...]] = {
    "work": (str,),
    "ours_s": (float, int),
    "peer": (str,),
    "peer_s": (float, int),
    "ratio": (float, int),
    "ours_bytes": (int,),
    "peer_bytes": (int,),
    "rounds": (int,),
    "error": (float, int),
    "note": (str,),
}
"""Types of the fields. All but ``work`` may be null, where they do not apply."""


@dataclass(frozen=True)
class Record:
    """One comparison. Times are medians in seconds, bytes are payload sent by all parties together,
    unless the note says otherwise."""

    work: str
    ours_s: float | None = None
    peer: str | None = None
    peer_s: float | None = None
    ratio: float | None = None
    ours_bytes: int | None = None
    peer_bytes: int | None = None
    rounds: int | None = None
    error: float | None = None
    note: str | None = None


def compare(work: str, *, ours_s: float | None, peer: str, peer_s: float | None, **rest: Any) -> Record:
    """A record with its ratio: how many times faster than the peer ours is."""
    ratio = peer_s / ours_s if peer_s is not None and ours_s is not None else None
    return Record(work, ours_s=ours_s, peer=peer, peer_s=peer_s, ratio=ratio, **rest)


def faults(records: object) -> list[str]:
    """What is wrong with the content of a results file."""
    if not isinstance(records, list) or not records:
        return ["not a list of records"]
    found = []
    for index, record in enumerate(records):
        if not isinstance(record, dict) or set(record) != set(KINDS):
            found.append(f"record {index}: the fields are not {', '.join(KINDS)}")
            continue
        before = len(found)
        for name, kinds in KINDS.items():
            value = record[name]
            if value is None and name != "work":
                continue
            right = isinstance(value, kinds) and not isinstance(value, bool)
            if not right or (isinstance(value, (int, float)) and not (math.isfinite(value) and value >= 0)):
                found.append(f"record {index}: {name} is {value!r}")
        if len(found) > before:
            continue
        ours, peer, ratio = record["ours_s"], record["peer_s"], record["ratio"]
        if ours and peer and not (ratio and math.isclose(ratio, peer / ours, rel_tol=1e-6)):
            found.append(f"record {index}: ratio is not peer_s / ours_s")
    return found


def write(name: str, records: Sequence[Record], directory: Path = RESULTS) -> Path:
    """Write a results file, and say where it is.

    :raises ValueError: where a record is not one.
    """
    content = [asdict(record) for record in records]
    if wrong := faults(content):
        raise ValueError("; ".join(wrong))
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{name}.json"
    path.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return path


def table(records: Sequence[Record]) -> str:
    """The records as aligned text, notes below."""
    names = [field.name for field in fields(Record) if field.name != "note"]
    rows = [names] + [[_cell(getattr(record, name)) for name in names] for record in records]
    widths = [max(len(row[column]) for row in rows) for column in range(len(names))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]
    notes = [f"{record.work} / {record.peer}: {record.note}" for record in records if record.note]
    return "\n".join([*lines, "", *notes])


def _cell(value: object) -> str:
    if value is None:
        return "-"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
