"""A job as it stands, and as it goes on."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator

from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from coterie.client import Client
from coterie.crypto import now, parse_timestamp
from coterie.errors import CoterieError
from coterie.node import ApprovalView, AttemptView, DropoutsView, JobView, LostView, ParticipantView

from .output import amount, cell, console, drawn_table, duration, facts, short, state_text, table, when
from .waiting import all_wait_for, last_progress, stalls, waits

__all__ = ["follow_job", "print_job"]

NOTABLE_WAIT = 2
"""Seconds of waiting below which a moving display does not mention it."""

LINE_SECONDS = 10
"""Between two lines about the same step of the same party, where no display can move."""

BAR = 24


def follow_job(client: Client, view: JobView, *, quiet: bool) -> tuple[JobView, CoterieError | None]:
    """Stay until the job is over.

    :param quiet: show nothing on the way.
    :returns: the job at its end, and the error that ended it.
    """
    seen = [view]

    def following(tell: Callable[[JobView], None]) -> tuple[JobView, None]:
        def progress(known: JobView) -> None:
            seen.append(known)
            tell(known)

        return client.wait(view.id, progress), None

    try:
        if quiet:
            return following(lambda _: None)
        if not console.is_terminal:
            return following(_Lines(view).tell)
        with Live(_moving(view), console=console, refresh_per_second=4, transient=True) as live:
            return following(lambda known: live.update(_moving(known)))
    except CoterieError as error:
        if seen[-1].over:
            return seen[-1], error
        raise
    except KeyboardInterrupt:
        sys.stderr.write(
            f"\nThe job goes on. To see more of it: coterie job status {short(view.id)[:-1]} -f\n"
        )
        raise


class _Lines:
    """Progress as lines of text, for logs and pipes."""

    def __init__(self, view: JobView) -> None:
        self._told: dict[str, tuple[str, float]] = {}
        self._awaited = ""
        self._lost: set[str] = set()
        self._attempts = 0
        self._stalls: set[tuple[str, str]] = set()
        console.print(Text(f"job {view.id}: {view.name}"))

    def tell(self, view: JobView) -> None:
        seconds = now().timestamp()
        awaited = _awaited(view) if view.state == "proposed" else ""
        if awaited and awaited != self._awaited:
            console.print(Text(f"{now():%H:%M:%S}  waits for {awaited}"))
        self._awaited = awaited
        for broken in [one for one in view.attempts if one.broke][self._attempts :]:
            self._attempts += 1
            console.print(cell(f"{now():%H:%M:%S}  {_broken(broken)}; it goes on"))
        for stall, (_, words) in zip(view.stalls, stalls(view), strict=True):
            if (stall.party, stall.since) not in self._stalls:
                self._stalls.add((stall.party, stall.since))
                console.print(cell(f"{now():%H:%M:%S}  stalled: {words}"))
        for lost in view.dropouts.lost if view.dropouts else ():
            if lost.party not in self._lost:
                self._lost.add(lost.party)
                console.print(cell(f"{now():%H:%M:%S}  {lost.party:<12}  {_without(lost)}"))
                console.print(cell(f"{now():%H:%M:%S}  {_left(view.dropouts)}"))
        for one in view.participants if not awaited else ():
            place = f"{one.state} {one.step or ''}"
            known, since = self._told.get(one.party, ("", 0.0))
            if place != known or (not view.over and seconds - since > LINE_SECONDS):
                self._told[one.party] = (place, seconds)
                waiting = "; ".join(waits(one, NOTABLE_WAIT))
                step = f"{_place(view, one):<16}" if one.state == "running" else ""
                words = [f"{now():%H:%M:%S}", f"{one.party:<12}", f"{one.state:<9}", step, _doing(one)]
                console.print(Text("  ".join(words + [f"waits for {waiting}"] * bool(waiting)).rstrip()))


def _broken(one: AttemptView) -> str:
    """What an attempt has come to. People count from one."""
    place = f" behind step {one.behind}" if one.behind else ""
    why = ", ".join(filter(None, (one.code, f"party {one.party}" if one.party else None, one.detail)))
    return f"attempt {one.number + 1}{place} broke off: {why}"


def _attempts(view: JobView) -> Iterator[tuple[str, object]]:
    """Those that broke off, and the present one."""
    for number, one in enumerate(view.attempts):
        if one.broke:
            yield "" if number else "attempts", f"{when(one.broke)} UTC, {_broken(one)}"
        else:
            place = f", behind step {one.behind}" if one.behind else ", from the start on"
            yield "", f"{when(one.started)} UTC, attempt {one.number + 1} began{place}"


def _without(lost: LostView) -> str:
    step = f", last heard of in step {lost.step}" if lost.step else ""
    return f"lost{step}, {lost.code}; later numbers are without its {lost.rows:,} rows"


def _left(known: DropoutsView | None) -> str:
    if known is None:
        return ""
    left = known.parties - len(known.lost)
    return f"{left} of {known.parties} parties with data are left, {known.minimum} are needed"


def _dropped(view: JobView, known: DropoutsView) -> Iterator[tuple[str, object]]:
    """Of whom the numbers are, and whether this party is among them."""
    for number, lost in enumerate(known.lost):
        yield "" if number else "without", f"{lost.party}: {when(lost.time)} UTC, {_without(lost)}"
    if known.lost:
        yield "", _left(known)
    if known.out and view.error is not None:
        me = view.error.party
        others = [one.state for one in view.participants if one.party != me]
        fare = "the others have failed, too" if set(others) == {"failed"} else "the others go on"
        yield "out", f"{me} is out of this job; {fare}"


def _moving(view: JobView) -> RenderableType:
    title = Text.assemble((view.name, "bold"), "   ", state_text(view.state), "   ", (short(view.id), "dim"))
    if view.state == "proposed":
        return Group(title, Text(f"  waits for {_awaited(view)}"))
    return Group(title, _participants(view, NOTABLE_WAIT))


def _awaited(view: JobView) -> str:
    """What keeps a proposed job from starting. Only its initiator hears of the others' approvals at once."""
    asked = [one for one in view.approvals if one.state == "waiting" and one.mode != "automatic"]
    if asked:
        return f"the approval of {', '.join(map(_persons, asked))}: coterie job approve {view.id[:12]}"
    return f"{view.initiator} to start it"


def _persons(one: ApprovalView) -> str:
    if one.mode == "person":
        return one.party
    return f"{one.party} ({'one more person' if one.persons else 'two people'})"


def _participants(view: JobView, notable: float) -> RenderableType:
    """A table, and below it who waits for whom: a column of sentences would be squeezed to a strip."""
    rows = [
        (one.party, state_text(one.state), _place(view, one), _bar(one), last_progress(one), _doing(one))
        for one in view.participants
    ]
    columns = ("|party", "|state", "|step", "|", "|last progress", "doing")
    shown = columns[:4] if view.over else columns
    told = [number for number in range(len(shown)) if any(row[number] for row in rows)]
    drawn = drawn_table("", [columns[number] for number in told], [[row[n] for n in told] for row in rows])
    present = () if view.over else view.participants
    lines = [cell(f"{one.party} waits for {wait}") for one in present for wait in waits(one, notable)]
    ends = all_wait_for(view, notable)
    return Group(drawn, *lines, *([cell(f"all wait for {ends}")] if len(lines) > 1 and ends else []))


def _place(view: JobView, one: ParticipantView) -> str:
    """The step, and which one of all."""
    if one.step in view.steps:
        return f"{one.step} {view.steps.index(one.step) + 1}/{len(view.steps)}"
    return one.step or ""


def _doing(one: ParticipantView) -> str:
    """What the worker says of its step, where that is more than the step's name; how fast, and how long."""
    if one.state not in ("running", "resuming") or one.what in ("done", one.step):
        return ""
    return ", ".join(word for word in (one.what or "", *_speed(one)) if word)


def _speed(one: ParticipantView) -> Iterator[str]:
    if one.rate:
        # Below one in a second, people count how long one takes.
        seconds = "" if one.rate >= 1 else f"1 in {duration(round(1 / one.rate))}"
        yield f"{one.unit}: {seconds}" if seconds else f"{one.rate:,.0f} {one.unit}/s"
    if one.left is not None:
        yield f"{duration(one.left)} left"


def _bar(one: ParticipantView) -> Table | str:
    if not one.total:
        return ""
    holder = Table.grid()
    holder.add_row(ProgressBar(total=one.total, completed=min(one.done, one.total), width=BAR))
    return holder


def _stages_awaited(view: JobView) -> set[int]:
    """Stages whose tape files some participant waits for."""
    running = view.participants if view.state == "running" else ()
    found = (re.fullmatch(r"waiting for the tape file of stage (\d+)", one.what or "") for one in running)
    return {int(one[1]) for one in found if one}


def print_job(view: JobView, agreement: str) -> None:
    """Where the job stands, what came of it, and what to do next.

    :param agreement: the name of its agreement.
    """
    title = Text.assemble((view.name, "bold"), "   ", state_text(view.state))
    facts(title, [*_facts(view, agreement)])
    lost = view.dropouts.lost if view.dropouts else ()
    if view.participants and (lost or view.state not in ("proposed", "done")):
        console.print()
        console.print(_participants(view, 0))
    if view.results:
        rows = [(one.name, one.kind, amount(one.size)) for one in view.results]
        table("Results", ("name", "kind", ">size"), rows, apart=True)


def _facts(view: JobView, agreement: str) -> Iterator[tuple[str, object]]:
    yield "job", view.id
    yield "agreement", f"{agreement}, {short(view.agreement)}"
    yield "engine", view.engine
    yield "submitted by", f"{view.initiator}, {when(view.created)} UTC"
    yield "plan", short(view.plan)
    words = [
        one.party + ("" if one.mode == "automatic" else " (a person)")
        for one in view.approvals
        if one.state == "approved"
    ]
    yield "approved by", ", ".join(words)
    if view.state == "proposed":
        yield "waits for", _awaited(view)
    if view.started and view.ended:
        took = (parse_timestamp(view.ended) - parse_timestamp(view.started)).total_seconds()
        yield "took", f"{took:,.0f} s"
    yield "countersigned by", ", ".join(view.countersigned_by)
    yield from _attempts(view)
    yield from stalls(view)
    if view.dropouts:
        yield from _dropped(view, view.dropouts)
    for stage in sorted(_stages_awaited(view)):
        name = f"stage-{stage}.json"
        yield "next", f"coterie job plan --job {view.id[:12]} --stage {stage} --output {name}"
        yield (
            "",
            f"at the dealer: coterie dealer deal {name} --out FOLDER; then each party: coterie tape add FILE",
        )
    if view.goes_on and view.over:
        yield "next", f"coterie job again {view.id[:12]}: step {view.goes_on} goes on where it broke off"
    elif view.goes_on and view.state in ("proposed", "starting"):
        yield "goes on", f"step {view.goes_on} of an earlier run, where all parties have kept their part"
    if view.results:
        yield "next", f"coterie job results {view.id[:12]} --to FOLDER"
