"""Who waits for whom, since when, for which bytes, and whether anybody comes further."""

from __future__ import annotations

from collections.abc import Iterator

from coterie.crypto import now, parse_timestamp
from coterie.errors import CoterieError
from coterie.node import JobView, ParticipantView, WaitingView, awaited_parties

from .output import amount, duration, when

__all__ = ["all_wait_for", "last_progress", "stalls", "waits"]

THEN = {
    "wait": "its operator lets it wait",
    "abort": "its operator has it ended",
}


def waits(one: ParticipantView, notable: float) -> Iterator[str]:
    """Each peer that a participant waits for, in words, where it does for so many seconds."""
    for wait in one.waiting:
        seconds = _ago(wait.since)
        if seconds >= notable:
            link = "" if wait.link == "up" else f"; link {wait.link}"
            since = f"since {wait.since[11:19]}, {duration(seconds)}"
            yield f"{wait.peer} {since} ({wait.what}{_bytes(wait)}{link})"


def _bytes(wait: WaitingView) -> str:
    if wait.size is None:
        return ""
    here = f"{amount(wait.here)} of " if wait.here else ""
    return f", {here}{amount(wait.size)}"


def last_progress(one: ParticipantView) -> str:
    """How long ago a participant came further."""
    return "" if one.further is None or one.state != "running" else f"{duration(_ago(one.further))} ago"


def all_wait_for(view: JobView, notable: float) -> str:
    """At whom the chains of waiting end."""
    long = [one for one in view.participants if any(_ago(wait.since) >= notable for wait in one.waiting)]
    return ", ".join(awaited_parties(view.participants)) if long and not view.over else ""


def stalls(view: JobView) -> Iterator[tuple[str, object]]:
    """Whose nodes say that nobody comes further."""
    for number, one in enumerate(view.stalls):
        names = f", all wait for {', '.join(one.awaited)}" if one.awaited else ""
        then = THEN.get(one.then, one.then)
        told = f"since {when(one.since)} UTC nobody has come further, says {one.party}{names}; {then}"
        yield "" if number else "stalled", told


def _ago(time: str) -> int:
    """Seconds. Clocks of two parties differ: nothing is in the future. A peer's word may be no time."""
    try:
        return max(0, round((now() - parse_timestamp(time)).total_seconds()))
    except CoterieError:
        return 0
