"""Who comes further, and who is waited for, by a clock that the test turns."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Callable
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie.errors import CoterieError
from coterie.node import ParticipantView, StallView, WaitingView, awaited_parties
from coterie.node.observing import StallSettings
from coterie.node.watching import stalls
from coterie.node.watching.effort import Effort, processor_seconds
from coterie.node.watching.pulses import SILENT_SECONDS, Pulses
from coterie.node.watching.stalls import Stalls


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def report(party: str, waits_for: str = "", **changes: object) -> ParticipantView:
    waiting = [WaitingView(peer=one, since="2026-11-24T02:00:00Z", what="receive x") for one in waits_for]
    return ParticipantView.model_validate({"party": party, "state": "running", "waiting": waiting, **changes})


@pytest.mark.parametrize(
    ("waits", "silent", "ends"),
    [
        ({"a": "b", "b": "c"}, "", "c"),
        ({"a": "c", "b": "c"}, "", "c"),
        ({"a": "bc", "b": "c", "c": ""}, "", "c"),
        ({"a": "b", "b": "a"}, "", "ab"),
        ({"a": "b", "b": "a"}, "b", "b"),  # its last word was before it fell silent
        ({"a": "b", "c": "d", "b": "", "d": ""}, "", "bd"),
        ({"a": "", "b": ""}, "", ""),
        ({"a": "a"}, "", ""),
    ],
)
def test_who_is_waited_for(waits: dict[str, str], silent: str, ends: str) -> None:
    views = [report(party, peers) for party, peers in waits.items()]
    assert awaited_parties(views, silent) == tuple(ends)


@given(
    st.dictionaries(st.sampled_from("abcde"), st.text("abcde", max_size=3)), st.sets(st.sampled_from("abcde"))
)
def test_whoever_is_waited_for_is_named_by_somebody(waits: dict[str, str], silent: set[str]) -> None:
    found = awaited_parties([report(party, peers) for party, peers in waits.items()], silent)
    named = {peer for party, peers in waits.items() if party not in silent for peer in peers if peer != party}
    assert set(found) <= named
    assert bool(found) == bool(named)


def test_a_job_stands_still_when_nobody_comes_further() -> None:
    clock = Clock()
    pulses = Pulses(clock)
    assert pulses.still("job") == 0
    for party in ("a", "b"):
        pulses.heard("job", report(party, step="align", moved=5))
    clock.now += 30
    pulses.heard("job", report("a", "b", step="align", moved=5))  # waits for another now: no progress
    assert pulses.still("job") == 30
    assert pulses.silent("job") == {"b"}
    pulses.heard("job", report("b", step="align", moved=6))
    assert pulses.still("job") == 0
    clock.now += SILENT_SECONDS / 2
    assert pulses.silent("job") == frozenset()
    for change in ({"moved": 7}, {"done": 1}, {"step": "logistic"}, {"state": "finishing"}):
        clock.now += 3
        pulses.heard("job", report("b", **{"step": "align", "moved": 6} | change))
        assert pulses.still("job") == 0
    assert pulses.stillest() == 0
    pulses.forget("job")
    assert pulses.further("job", "a") is None


def test_what_nodes_say_is_news_once() -> None:
    pulses = Pulses(Clock())
    stall = StallView(party="a", since="2026-11-24T02:00:00Z", awaited=("b",), then="wait")
    assert [pulses.told("job", stall) for _ in range(3)] == [True, False, False]
    assert pulses.stalls("job") == (stall,)
    assert (pulses.stalled("a"), pulses.stalled("b")) == (1, 0)
    assert [pulses.told("job", stall, over=True) for _ in range(2)] == [True, False]
    assert pulses.stalls("job") == ()


def test_connections_beyond_the_first_are_counted() -> None:
    pulses = Pulses(Clock())
    for up, connections in ((False, 0), (True, 1), (True, 1), (False, 1), (True, 3)):
        pulses.linked("job", {"b": (up, connections)})
    assert (pulses.reconnects["b"], pulses.links()["b"]) == (2, 1)
    pulses.linked("job", {"b": (False, 1)})  # the worker of another attempt
    assert (pulses.reconnects["b"], pulses.links()["b"]) == (2, 0)


def test_signs_of_life_are_no_progress() -> None:
    clock, used, moved = Clock(), [0.0], [0]
    effort = Effort(lambda: moved[0], lambda: used[0], clock)

    def look(seconds: float = 0.5, *, waits: bool = False) -> int:
        clock.now += 0.5
        used[0] += seconds
        return effort.look(waits=waits)

    start = look(0)
    assert look(0.01) == start  # links and reports
    assert look(0.4, waits=True) == start  # who waits may poll
    assert look(0.4) == start + 1  # it computes
    moved[0] = 100
    assert look(0) == start + 101
    moved[0] = 50  # a link is gone: nothing is taken back
    assert look(0) == start + 101
    for _ in range(3):
        effort.stepped("align", 4)
    assert look(0) == start + 102


def test_what_children_compute_counts() -> None:
    before = processor_seconds()
    busy = "import time\nwhile time.process_time() < 0.3: pass\nprint(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", busy], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        while_it_lives = processor_seconds()
        child.communicate(b"\n")
    assert while_it_lives - before > 0.25
    assert processor_seconds() >= while_it_lives - 0.05


JOB = "ab" * 16


class Book:
    """One job of two parties, which runs until the test says otherwise."""

    def __init__(self, clock: Clock) -> None:
        self.pulses = Pulses(clock)
        self.states = {JOB: "running"}
        self.views = {"a": report("a", "b", moved=1), "b": report("b", moved=1)}

    def state(self, job: str) -> str:
        return self.states[job]

    def over(self, job: str) -> bool:
        return self.states[job] == "failed"

    def others(self, _job: str) -> tuple[str, ...]:
        return ("b",)

    def row(self, _job: str) -> SimpleNamespace:
        return SimpleNamespace(participants=["a", "b"])

    def progress_of(self, _job: str, party: str, _state: str) -> ParticipantView:
        return self.views[party]


@pytest.mark.parametrize("then", ["wait", "abort"])
def test_a_node_says_so_and_does_what_its_operator_wants(then: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stalls, "LOOK_SECONDS", 0.001)
    asyncio.run(_watched(then))


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.001)


async def _watched(then: str) -> None:
    clock, written, sent = Clock(), [], []
    book = Book(clock)

    async def record(_kind: str, body: dict[str, object]) -> None:
        written.append(body)

    async def end(job: str, state: str, error: CoterieError) -> None:
        book.states[job] = state
        assert (error.code, error.party) == ("CT-5067", "b")

    async def flush(_peer: str) -> None: ...

    home = SimpleNamespace(
        settings=SimpleNamespace(stall=StallSettings.model_validate({"after": "60s", "then": then}))
    )
    tasks = []
    core = SimpleNamespace(
        home=home,
        name="a",
        record=record,
        spawn=lambda _name, work: tasks.append(asyncio.ensure_future(work)),
    )
    outbox = SimpleNamespace(put=lambda _peers, _topic, message: sent.append(message), flush=flush)
    Stalls(core, outbox, book, end)  # type: ignore[arg-type]

    async def settled(events: list[str]) -> None:
        await until(lambda: [one["event"] for one in written] == events)
        await asyncio.sleep(0.01)  # nothing comes after it
        assert [one["event"] for one in written] == events

    for view in book.views.values():
        book.pulses.heard(JOB, view)
    clock.now += 59
    for view in book.views.values():
        book.pulses.heard(JOB, view)  # a sign of life
    await settled([])
    clock.now += 1
    await settled(["stalled"])
    assert (written[0]["awaited"], written[0]["then"]) == (["b"], then)
    if then == "wait":
        assert book.pulses.stalled("a") == 1
        book.views["b"] = report("b", "a", moved=1)  # now in a circle: whom it waits for is told again
        await until(lambda: len(sent) == 2)
        assert sent[1].stall.awaited == ("a", "b")
        book.pulses.heard(JOB, report("b", moved=2))
        await settled(["stalled", "moved"])
        assert sent[-1].over
        assert book.pulses.stalled("a") == 0
        book.states[JOB] = "resuming"  # another attempt has a limit of its own
        clock.now += 600
        await settled(["stalled", "moved"])
        book.states[JOB] = "failed"
    async with asyncio.timeout(10):
        await asyncio.gather(*tasks)
    assert book.states[JOB] == "failed"
    assert book.pulses.further(JOB, "a") is None
