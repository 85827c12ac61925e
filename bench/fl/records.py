"""Records of secure sums."""

from __future__ import annotations

from collections.abc import Sequence

from bench.fl.side import Run
from bench.fl.work import OURS, Sum
from bench.records import Record, compare
from bench.turns import by_side, largest, middle

PLAIN = "the vector alone"


def records_of(work: Sum, runs: Sequence[Run], missing: str | None) -> list[Record]:
    """Ours beside each peer, then our other ways; bytes beside those of the plain vector; memory."""
    mine, sides = by_side(runs, work.sides[0])
    records = [_compared(work, mine, side, theirs) for side, theirs in sides.items() if not _is_ours(side)]
    if not records:
        records.append(_alone(work.name, mine))
    for side, others in sides.items():
        if _is_ours(side):
            records.append(_alone(f"{work.name}/{side.removeprefix(OURS).strip(' ,')}", others))
    if mine:
        records.append(
            Record(
                f"{work.name}/bytes",
                peer=PLAIN,
                ours_bytes=largest(mine, "sent"),
                peer_bytes=work.plain,
                note=f"{largest(mine, 'sent') / work.plain:.4f} times the vector",
            )
        )
    return [*records, *([Record(work.name, note=missing)] if missing else [])]


def _is_ours(side: str) -> bool:
    return side.startswith(OURS)


def _compared(work: Sum, mine: Sequence[Run], side: str, theirs: Sequence[Run]) -> Record:
    notes = [_told("ours", mine), _told("the peer", theirs)]
    return compare(
        work.name,
        ours_s=middle(mine),
        peer=side,
        peer_s=middle(theirs),
        ours_bytes=largest(mine, "sent"),
        peer_bytes=largest(theirs, "sent"),
        error=largest(mine, "error"),
        note="; ".join(filter(None, notes)),
    )


def _alone(name: str, runs: Sequence[Run]) -> Record:
    return Record(
        name,
        ours_s=middle(runs),
        ours_bytes=largest(runs, "sent"),
        error=largest(runs, "error"),
        note=_told("ours", runs) or None,
    )


def _told(who: str, runs: Sequence[Run]) -> str:
    """Whose processor, memory, bytes and error, in words."""
    if not runs:
        return ""
    clients, server = middle(runs, "clients_s"), middle(runs, "server_s")
    wall, memory = middle(runs, "wall_s"), largest(runs, "memory")
    found = (
        f"{who}: {clients:.3g} s of processor at clients, {server:.3g} s at the server, {wall:.3g} s by the "
        f"clock, at most {memory / 2**20:.0f} MiB; a client sends {largest(runs, 'sent'):,} bytes and is "
        f"sent {largest(runs, 'received'):,}; error {largest(runs, 'error'):.2g}"
    )
    parts = ", ".join(f"{name} {spent:.3g}" for name, spent in runs[-1].parts.items())
    wire = middle(runs, "wire_s")
    apart = f"; {wire:.2g} s for messages, not counted" if wire is not None else ""
    return found + (f"; seconds of {parts}" if parts else "") + apart
