"""How fast a step is said to go, by a clock that the test turns."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from coterie.cli.following import _facts, _participants
from coterie.cli.output import duration
from coterie.node import DropoutsView, ErrorView, JobView, LostView, ParticipantView
from coterie.node.pace import Pace, Speed


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def steady(pace: Pace, clock: Clock, done: range, seconds: float, total: int = 10**6) -> None:
    """One report for each, so many seconds apart."""
    for one in done:
        pace.took("align", one, total, "rows")
        clock.now += seconds


def test_nothing_is_said_at_the_start(clock: Clock) -> None:
    pace = Pace(clock)
    assert pace.speed() == Speed()
    steady(pace, clock, range(0, 15_000, 1000), 0.1)
    assert pace.speed() == Speed()  # after 1.5 s
    steady(pace, clock, range(15_000, 25_000, 1000), 0.1)
    assert pace.speed() == Speed(10_000.0, 98)


def test_the_last_seconds_count(clock: Clock) -> None:
    pace = Pace(clock)
    steady(pace, clock, range(0, 100_000, 1000), 1.0)
    assert pace.speed().rate == pytest.approx(1000, rel=0.02)
    steady(pace, clock, range(100_000, 700_000, 5000), 0.25)
    assert pace.speed().rate == pytest.approx(20_000, rel=0.02)
    assert pace.speed().left == pytest.approx(305_000 / 20_000, abs=1)


def test_slow_pieces_are_measured_by_the_last_of_them(clock: Clock) -> None:
    pace = Pace(clock)
    for epoch in range(6):
        pace.took("neural", epoch, 100, "epochs")
        clock.now += 40
    assert pace.speed() == Speed(0.025, 95 * 40)


def test_who_stands_still_slows_down(clock: Clock) -> None:
    pace = Pace(clock)
    steady(pace, clock, range(0, 20_000, 1000), 0.2)
    before = pace.speed()
    clock.now += 60
    now = pace.speed()
    assert before.rate is not None
    assert now.rate is not None
    assert now.rate < before.rate / 5
    assert now.left is not None
    assert before.left is not None
    assert now.left > before.left * 5


def test_what_is_counted_anew_begins_anew(clock: Clock) -> None:
    pace = Pace(clock)
    for step, total, unit in (("align", 10**6, "rows"), ("align", 10**6, "trees"), ("align", 10, "trees")):
        for done in range(0, 10, 1):
            pace.took(step, done, total, unit)
            clock.now += 1
        assert pace.speed() == Speed(1.0, total - 9)
    pace.took("align", 0, 10, "trees")  # fewer than before
    assert pace.speed() == Speed()


def test_a_run_that_was_taken_up_is_measured_from_there(clock: Clock) -> None:
    pace = Pace(clock)
    steady(pace, clock, range(900_000, 930_000, 1000), 0.1)
    assert pace.speed() == Speed(10_000.0, 7)


def test_steps_of_unequal_pieces_and_those_that_are_done_say_nothing(clock: Clock) -> None:
    pace = Pace(clock)
    for done in range(20):
        pace.took("logistic", done, 100, None)
        clock.now += 1
    assert pace.speed() == Speed()
    for done in range(101):
        pace.took("align", done, 100, "rows")
        clock.now += 1
    assert pace.speed() == Speed()


@given(
    st.lists(
        st.tuples(st.floats(0, 100), st.integers(0, 10**9), st.sampled_from([10, 10**6, 10**9])), max_size=60
    )
)
def test_no_report_makes_nonsense(reports: list[tuple[float, int, int]]) -> None:
    clock = Clock()
    pace = Pace(clock)
    for seconds, done, total in reports:
        clock.now += seconds
        pace.took("align", done, total, "rows")
        rate, left = pace.speed()
        assert rate is None or 0 < rate < float("inf")
        assert left is None or left >= 0
        assert (rate is None) <= (left is None)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (59, "59 s"), (61, "1 min 1 s"), (3600, "1 h 0 min"), (90_000, "1 d 1 h")],
)
def test_time_spans(seconds: int, said: str) -> None:
    assert duration(seconds) == said


@pytest.mark.parametrize(
    ("rate", "unit", "left", "said"),
    [
        (52_000.0, "rows", 75, "hashing, 52,000 rows/s, 1 min 15 s left"),
        (0.025, "epochs", 3800, "hashing, epochs: 1 in 40 s, 1 h 3 min left"),
        (None, None, None, "hashing"),
    ],
)
def test_a_display_says_how_fast_and_how_long(
    rate: float | None, unit: str | None, left: int | None, said: str
) -> None:
    one = ParticipantView(
        party="lender",
        state="running",
        step="align",
        what="hashing",
        done=1,
        total=9,
        unit=unit,
        rate=rate,
        left=left,
    )
    view = JobView(
        id="ab" * 16,
        name="job",
        agreement="sha256:00",
        engine="mpc",
        initiator="lender",
        state="running",
        created="2026-11-01T00:00:00Z",
        steps=("align",),
        participants=(one,),
    )
    console = Console(width=160)
    with console.capture() as captured:
        console.print(_participants(view, 0))
    assert captured.get().splitlines()[-1].rstrip().endswith(said)


def test_a_display_says_who_is_lost_and_of_whom_the_numbers_are() -> None:
    lost = LostView(party="west", time="2026-11-01T00:05:00Z", code="CT-5060", step="neural", rows=900)
    view = JobView(
        id="ab" * 16,
        name="job",
        agreement="sha256:00",
        engine="fl",
        initiator="north",
        state="failed",
        created="2026-11-01T00:00:00Z",
        participants=(
            ParticipantView(party="west", state="failed"),
            ParticipantView(party="north", state="running"),
        ),
        error=ErrorView(code="CT-5060", family="", title="", detail="", next_step="", party="west"),
        dropouts=DropoutsView(minimum=3, parties=4, lost=(lost,), out=True),
    )
    said = "; ".join(str(value) for _, value in _facts(view, "loans"))
    for words in (
        "lost, last heard of in step neural, CT-5060; later numbers are without its 900 rows",
        "3 of 4 parties",
    ):
        assert words in said
    assert "west is out of this job; the others go on" in said
    assert "job again" not in said


def test_a_peer_cannot_tell_of_endless_rates() -> None:
    for wrong in ({"rate": float("inf")}, {"rate": -1.0}, {"left": -1}, {"unit": "x" * 40}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            ParticipantView.model_validate({"party": "a", "state": "running", **wrong})
