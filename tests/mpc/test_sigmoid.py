"""The logistic function by trigonometric sums, and the guard of its range."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import expit

from coterie.errors import CoterieError
from coterie.mpc import Context, Program, trace, twin
from coterie.mpc.fourier import Named, Sum
from coterie.mpc.fourier_tables import SIGMOID, SOFTPLUS
from coterie.mpc.protocols import range_check, window

from .rig import DEALER, NAMES, Played, play

Floats = NDArray[np.float64]
Words = NDArray[np.uint64]


def dense(limit: float) -> Floats:
    return np.linspace(-limit, limit, 100_001)


@pytest.mark.parametrize(
    ("named", "pair", "truth"),
    [
        *((named, pair, expit) for pair, named in SIGMOID.items()),
        *((named, pair, lambda z: np.logaddexp(0, z) - z / 2) for pair, named in SOFTPLUS.items()),
    ],
)
def test_the_tables_keep_what_they_state(named: Named, pair: tuple[int, int], truth: Any) -> None:
    limit, terms = pair
    assert named.sum.terms == terms
    assert Sum.from_params(named.sum.to_params()) == named.sum
    inside = dense(limit)
    assert np.abs(named.sum(named.gain * inside) - truth(inside)).max() <= named.error
    # The guard lets pass what stays below 7/8 of half a period, surely what stays below 5/8.
    assert named.gain * limit <= 0.625 * named.sum.half_period
    passing = dense(0.875 * named.sum.half_period / named.gain)
    values = named.sum(named.gain * passing)
    assert np.abs(values - truth(passing)).max() <= named.beyond
    assert named.sum.low < values.min()
    assert values.max() < named.sum.high


@pytest.mark.parametrize("pair", [(5, 3), (10, 7), (20, 16)])
def test_the_table_is_made_as_it_says(pair: tuple[int, int]) -> None:
    """The same fit by another route: NumPy's least squares, reweighted as long."""
    limit, terms = pair
    named = SIGMOID[pair]
    z = limit * np.sin(np.linspace(0, np.pi / 2, 2001))
    columns = np.sin(np.pi / 16 * named.gain * np.outer(z, 2 * np.arange(terms) + 1))
    weights, best, least = np.ones_like(z), np.zeros(terms), np.inf
    for _ in range(200):
        scale = np.sqrt(weights)
        found = np.linalg.lstsq(columns * scale[:, None], (expit(z) - 0.5) * scale, rcond=1e-13)[0]
        errors = np.abs(columns @ found - expit(z) + 0.5)
        if errors.max() < least:
            best, least = found, float(errors.max())
        weights *= errors
        weights /= weights.max()
    assert named.error < 1.2 * least + 1e-6
    assert np.abs(best - named.sum.sines).max() < 2e-3 * named.error**0.25


def program(n: int, *, limit: int = 10, terms: int = 7, frac: int = 28, bound: float = 4096.0) -> Program:
    """The sigmoid of an input that has 36 fractional bits."""

    def body(ctx: Context) -> None:
        z = ctx.zeros((n,), frac=36) + ctx.private("z", ctx.parties[0], (n,), bound, frac=18)
        p = ctx.sigmoid(z, frac=frac, limit=limit, terms=terms)
        ctx.check()
        ctx.reveal(p, ctx.parties, "p")

    return body


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("pair", SIGMOID)
def test_error_of_the_sigmoid(pair: tuple[int, int], count: int) -> None:
    limit, terms = pair
    named = SIGMOID[pair]
    z = np.linspace(-limit, limit, 3001)
    body = program(z.size, limit=limit, terms=terms)
    got = play(body, {"z": z}, NAMES[:count]).result("p")
    # products with factors rounded to 2^-15 and 2^-13: less than 5e-4 even where all errors add up
    assert np.abs(got - expit(z)).max() < named.error + 5e-4
    noise = got - named.sum(named.gain * z)
    assert noise.std() < 1e-4
    assert abs(noise.mean()) < 1e-5
    fixed = twin(body, NAMES[:count], {"z": z}, "fixed").revealed["p"]
    assert np.abs(got - fixed).max() < 5e-4
    assert np.abs(fixed - named.sum(named.gain * z)).max() < 3e-4
    exact = twin(body, NAMES[:count], {"z": z}, "float").revealed["p"]
    assert exact == pytest.approx(expit(z), abs=1e-15)


def test_more_rows_than_a_chunk_and_odd_ends() -> None:
    z = np.random.default_rng(1).uniform(-9, 9, 2 * window.CHUNK + 77)
    got = play(program(z.size), {"z": z}).result("p")
    assert np.abs(got - expit(z)).max() < 6e-4


@pytest.mark.parametrize("frac", [18, 21, 31, 42])
def test_logits_of_any_fixed_point_format(frac: int) -> None:
    z = np.linspace(-10, 10, 500)

    def body(ctx: Context) -> None:
        logits = ctx.zeros((500,), frac=frac) + ctx.private("z", ctx.parties[0], (500,), 16.0, frac=18)
        p = ctx.sigmoid(logits.reshape(50, 10), frac=28)
        ctx.check()
        ctx.reveal(p, ctx.parties, "p")

    got = play(body, {"z": z}).result("p").reshape(-1)
    assert np.abs(got - expit(z)).max() < 6e-4


def outcome(z: Floats, count: int = 2) -> Played:
    return play(program(z.size), {"z": z}, NAMES[:count], raises=False)


@pytest.mark.parametrize("count", [2, 3])
def test_the_guard_lets_the_whole_range_pass(count: int) -> None:
    edge = 10 - 2.0**-15
    for _ in range(8):  # fresh masks each time
        z = np.random.default_rng().uniform(-edge, edge, 2000)
        z[:4] = (-edge, edge, 0.0, -0.0)
        assert not outcome(z, count).errors


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize(
    "far", [16.001, -16.001, 17.0, -17.0, 31.0, 32.0, -32.0, 48.0, 64.0, 100.0, -1000.0, 1024.0, 4096.0]
)
def test_no_value_wraps_unseen(far: float, count: int) -> None:
    """One row of many, once or several whole periods away, is found whatever the masks are."""
    z = np.zeros(300)
    z[17] = far
    played = outcome(z, count)
    assert set(played.errors) >= set(NAMES[:count])
    for name in NAMES[:count]:
        error = played.errors[name]
        assert isinstance(error, CoterieError)
        assert error.code == "CT-2108"
    assert not any(outputs.revealed for outputs in played.outputs.values())


@pytest.mark.parametrize("mode", ["float", "fixed"])
def test_twins_notice_it_as_well(mode: str) -> None:
    z = np.array([1.0, 16.001])
    with pytest.raises(CoterieError, match="CT-2108"):
        twin(program(2), NAMES[:2], {"z": z}, mode)  # type: ignore[arg-type]


def test_every_pass_is_watched_and_one_check_tells() -> None:
    """What leaves the range in the middle and comes back is found at the end."""

    def body(ctx: Context, far: float) -> None:
        z = ctx.zeros((3,)) + ctx.private("z", ctx.parties[0], (3,), 8.0)
        for shift in (0.0, far, 0.0):
            p = ctx.sigmoid(z + shift, frac=24)
        ctx.check()
        ctx.reveal(p, ctx.parties, "p")

    z = np.array([0.0, 1.0, -1.0])
    assert not play(lambda ctx: body(ctx, 2.0), {"z": z}, raises=False).errors
    assert play(lambda ctx: body(ctx, 20.0), {"z": z}, raises=False).errors


def split(words: Words) -> tuple[NDArray[np.intp], NDArray[np.uint16]]:
    """The lowest three bits of the bucket, and the 16 bits above the period."""
    low = (words >> np.uint64(window.PERIOD_BITS - 3)) & np.uint64(7)
    return low.astype(np.intp), (words >> np.uint64(window.PERIOD_BITS)).astype(np.uint16)


def test_tables_of_the_guard_decide_as_stated() -> None:
    """All masks of a bucket's width, all values: in range passes, 1.4 times the limit and beyond fails."""
    random = np.random.default_rng(5)
    unit = 2.0 ** (5 - window.PERIOD_BITS)  # T = 16
    z = np.concatenate([np.arange(-14.25, 14.25, 0.01), np.arange(-600, 600, 0.37), [2.0**19, -(2.0**19)]])
    for _ in range(20):
        mask = random.integers(0, 2**40, z.size, dtype=np.uint64)
        opened = (np.rint(z / unit).astype(np.int64).view(np.uint64) + mask) % np.uint64(2**40)
        low, high = split(mask)
        table = range_check._ENTRIES[low] + high[:, None]
        low, high = split(opened + range_check._OFFSET)
        difference = np.take_along_axis(table, low[:, None], axis=1)[:, 0] - high
        assert not difference[np.abs(z) < 10].any()
        assert difference[np.abs(z) >= 14].all()


def test_no_distance_makes_the_guard_blind() -> None:
    """Random combinations miss a difference of 2^v * odd with a probability of some 2^(-8 (16 - v))."""
    unit, period = 2.0 ** (5 - window.PERIOD_BITS), 32.0
    random = np.random.default_rng(6)
    for periods, largest in ((2**10 - 1, 2**10), (window.PERIODS, 2**15)):
        far = np.arange(14.0, periods * period, 1.0)
        z = np.concatenate(
            [far, -far, (periods - random.random(4000)) * period * random.choice([-1, 1], 4000)]
        )
        mask = random.integers(0, 2**40, z.size, dtype=np.uint64)
        opened = (np.rint(z / unit).astype(np.int64).view(np.uint64) + mask) % np.uint64(2**40)
        low, high = split(mask)
        table = range_check._ENTRIES[low] + high[:, None]
        low, high = split(opened + range_check._OFFSET)
        difference = (np.take_along_axis(table, low[:, None], axis=1)[:, 0] - high).astype(np.int64)
        assert difference.all()
        assert (difference & -difference).max() <= largest


def test_a_checked_value_can_be_opened_beside_the_unchecked() -> None:
    """They are one array to the parties and two to the dealer."""

    def body(ctx: Context) -> None:
        x = ctx.zeros((2,)) + ctx.private("x", ctx.parties[0], (2,), 8.0)
        y = ctx.zeros((2,)) + ctx.private("y", ctx.parties[1], (2,), 8.0)
        checked = ctx.check_range(x, 16)
        ctx.open(x, y)
        ctx.open(checked)
        product = ctx.product("multiply", x, y)
        ctx.check()
        ctx.reveal(product, ctx.parties, "xy")

    given = {"x": np.array([1.0, 2.0]), "y": np.array([3.0, -4.0])}
    assert play(body, given).result("xy").tolist() == [3.0, -8.0]


def test_a_range_can_be_checked_by_itself() -> None:
    def body(ctx: Context) -> None:
        x = ctx.zeros((4,), frac=20) + ctx.private("x", ctx.parties[1], (4,), 1e6, frac=20)
        checked = ctx.check_range(x, 64)
        assert checked.bound == 56.0
        ctx.check()
        ctx.reveal(checked, ctx.parties, "x")

    inside = np.array([0.0, 39.9, -40.0, 1.0])
    for count in (2, 3):
        np.testing.assert_array_equal(play(body, {"x": inside}, NAMES[:count]).result("x").round(5), inside)
        for far in (57.0, -56.0, 128.0, 1e6):
            played = play(body, {"x": np.array([0, 0, far, 0])}, NAMES[:count], raises=False)
            assert played.errors


@pytest.mark.parametrize(
    ("changes", "message", "code"),
    [
        ({"limit": 11}, "no sum for limit and terms", "CT-2106"),
        ({"terms": 13}, "there are", "CT-2106"),
        ({"frac": 60}, "60 fractional bits", "CT-2106"),
        ({"bound": 2.0**21}, "beyond what the range check sees", "CT-2101"),
    ],
)
def test_what_the_sigmoid_cannot_do_is_refused_at_trace(
    changes: dict[str, float], message: str, code: str
) -> None:
    with pytest.raises(CoterieError, match=message) as caught:
        trace(program(4, **changes), NAMES[:2], DEALER)  # type: ignore[arg-type]
    assert caught.value.code == code


def test_nothing_is_revealed_or_kept_before_the_check() -> None:
    def body(ctx: Context, end: str) -> None:
        z = ctx.zeros((3,))
        p = ctx.sigmoid(z, frac=24)
        if end == "reveal":
            ctx.reveal(p, ctx.parties, "p")
        if end == "keep":
            ctx.keep(p, "p")

    for end in ("reveal", "keep", "return"):
        with pytest.raises(CoterieError, match=r"CT-2106.*check"):
            trace(lambda ctx, end=end: body(ctx, end), NAMES[:2], DEALER)  # type: ignore[misc]
