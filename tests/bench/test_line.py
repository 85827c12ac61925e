"""Lines between parties, in virtual time: bandwidth, latency, jitter and order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.line import LAN, LOOPBACK, NARROW, SHAPES, WAN, Line, Shape


def test_the_named_networks() -> None:
    described = {name: shape.describe() for name, shape in SHAPES.items()}
    assert described == {
        "loopback": "not shaped",
        "lan": "1000 Mb/s each way, round trip 1 ms",
        "wan": "100 Mb/s each way, round trip 50 ms",
        "narrow": "10 Mb/s each way, round trip 50 ms",
    }


@pytest.mark.parametrize("shape", [LAN, WAN, NARROW])
def test_a_full_line_carries_its_bandwidth(shape: Shape) -> None:
    line, pieces = Line(shape), 500
    arrivals = [line.admit(shape.segment, 100.0) for _ in range(pieces)]
    rate = shape.bytes_per_second
    assert rate
    assert arrivals[-1] - arrivals[0] == pytest.approx((pieces - 1) * shape.segment / rate)
    assert line.carried == line.held == pieces * shape.segment


@pytest.mark.parametrize("shape", [LAN, WAN, NARROW])
def test_an_idle_line_takes_half_a_round_trip(shape: Shape) -> None:
    line = Line(shape)
    for second in range(1, 20):
        took = line.admit(64, float(second)) - second
        assert took == pytest.approx(shape.round_trip / 2, abs=1e-9)  # the bucket had saved for 64 bytes


def test_a_line_without_a_shape_takes_no_time() -> None:
    line = Line(LOOPBACK)
    assert [line.admit(1 << 20, now) for now in (1.0, 1.0, 2.0)] == [1.0, 1.0, 2.0]


@given(
    st.lists(st.tuples(st.floats(0, 0.01), st.integers(1, 1250)), min_size=1, max_size=60),
    st.floats(0, 0.01),
)
def test_order_is_kept_and_bandwidth_never_exceeded(sent: list[tuple[float, int]], jitter: float) -> None:
    shape = Shape("any", bits_per_second=1e7, round_trip=0.02, jitter=jitter)
    rate, line, now = 1.25e6, Line(shape), 50.0
    moments, sizes, arrivals = [], [], []
    for pause, size in sent:
        now += pause
        moments.append(now)
        sizes.append(size)
        arrivals.append(line.admit(size, now))
    assert arrivals == sorted(arrivals)
    for moment, arrival in zip(moments, arrivals, strict=True):
        assert arrival >= moment + 0.01 - 1e-9
    # Since any moment, no more has gone out than the line can carry, and one segment saved before.
    for start in range(len(sent)):
        for end in range(start, len(sent)):
            went = sum(sizes[start : end + 1])
            assert (arrivals[end] - 0.01 - moments[start]) * rate >= went - shape.segment - 1e-3


def test_jitter_spreads_arrivals_and_no_farther_than_said() -> None:
    line = Line(Shape("shaky", round_trip=0.02, jitter=0.005), seed=3)
    delays = [line.admit(100, float(second)) - second for second in range(1, 400)]
    assert 0.01 - 1e-9 <= min(delays) < 0.0105
    assert 0.0145 < max(delays) <= 0.015 + 1e-9
    other = Line(Shape("shaky", round_trip=0.02, jitter=0.005), seed=3)
    assert delays == [other.admit(100, float(second)) - second for second in range(1, 400)]


def test_a_line_holds_no_more_than_its_queue_and_what_is_on_its_way() -> None:
    line = Line(NARROW)
    while line.has_room():
        line.admit(NARROW.segment, 1.0)
    on_the_way = 1.25e6 * 0.025
    assert line.held <= NARROW.queue + on_the_way + NARROW.segment
    assert line.held >= NARROW.queue + on_the_way - NARROW.segment
    line.release(NARROW.segment)
    assert line.has_room()
