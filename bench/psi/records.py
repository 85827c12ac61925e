"""Records of what was measured."""

from __future__ import annotations

from collections.abc import Sequence

from bench.psi.side import Run
from bench.psi.work import OURS, PARTIES, Work
from bench.records import Record, compare
from bench.turns import by_side, largest, middle


def records_of(work: Work, runs: Sequence[Run], missing: str | None) -> list[Record]:
    """Each peer beside ours; processor and memory beside the first peer; seconds by row."""
    mine, sides = by_side(runs, work.ours)
    fewer = sides.pop(work.smaller_name, [])
    first, *_ = [*sides, ""]
    records = [_compared(work, mine, side, theirs, own=side == first) for side, theirs in sides.items()]
    first = next((side for side in sides if not side.startswith(OURS)), first)
    if first:
        records += [_processor(work, mine, first, sides[first]), _memory(work, mine, first, sides[first])]
    else:
        records.append(_alone(work, mine))
    if fewer:
        records.append(_by_row(work, mine, fewer))
    return [*records, *([Record(work.name, note=missing)] if missing else [])]


def _compared(work: Work, mine: Sequence[Run], side: str, theirs: Sequence[Run], own: bool) -> Record:
    """Times and bytes; the note says more of the peer, and of ours where ``own``."""
    return compare(
        work.name,
        ours_s=middle(mine),
        peer=side,
        peer_s=middle(theirs),
        ours_bytes=largest(mine, "bytes"),
        peer_bytes=largest(theirs, "bytes"),
        rounds=largest(mine, "rounds"),
        note="; ".join((_told("ours", work, mine) if own else []) + _told("the peer", work, theirs)) or None,
    )


def _alone(work: Work, mine: Sequence[Run]) -> Record:
    return Record(
        work.name,
        ours_s=middle(mine),
        ours_bytes=largest(mine, "bytes"),
        rounds=largest(mine, "rounds"),
        note="; ".join(_told("ours", work, mine)) or None,
    )


def _told(who: str, work: Work, runs: Sequence[Run]) -> list[str]:
    """Bytes by row, parts of the time, memory and processor of a side, in words."""
    if not runs:
        return []
    sent = ", ".join(
        f"{max(run.sent[party] for run in runs) / work.rows[party]:.1f} at {party}" for party in PARTIES
    )
    found = [f"{who} sent bytes for each own row: {sent}"]
    slower = max(runs[-1].parts.values(), key=lambda parts: sum(parts.values()))
    if slower:
        found.append("seconds of " + ", ".join(f"{name} {spent:.2f}" for name, spent in slower.items()))
    memory, processor = largest(runs, "memory"), middle(runs, "processor_s")
    return [*found, f"at most {memory / 2**20:.0f} MiB, {processor:.2f} s of processor"]


def _processor(work: Work, mine: Sequence[Run], side: str, theirs: Sequence[Run]) -> Record:
    return compare(
        f"{work.name}/processor",
        ours_s=middle(mine, "processor_s"),
        peer=side,
        peer_s=middle(theirs, "processor_s"),
    )


def _memory(work: Work, mine: Sequence[Run], side: str, theirs: Sequence[Run]) -> Record:
    return Record(
        f"{work.name}/memory",
        peer=side,
        ours_bytes=largest(mine, "memory"),
        peer_bytes=largest(theirs, "memory"),
    )


def _by_row(work: Work, mine: Sequence[Run], fewer: Sequence[Run]) -> Record:
    """Seconds for each row, beside those of fewer rows: a ratio of one is exact growth as rows grow."""
    rows, few = max(work.rows.values()), max(work.smaller.rows.values())
    ours_s, fewer_s = middle(mine), middle(fewer)
    return compare(
        f"{work.name}/row",
        ours_s=None if ours_s is None else ours_s / rows,
        peer=work.smaller_name,
        peer_s=None if fewer_s is None else fewer_s / few,
    )
