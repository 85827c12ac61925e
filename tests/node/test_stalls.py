"""Who comes further, and who is waited for, by a clock that the test turns."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie.node import ParticipantView, StallView, WaitingView, awaited_parties
from coterie.node.watching.effort import Effort, processor_seconds
from coterie.node.watching.pulses import SILENT_SECONDS, Pulses


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
