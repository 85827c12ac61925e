"""Random numbers in runs: their laws, who knows them, and what noise makes of a reveal."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats
from scipy.optimize import brentq

from coterie.crypto import Identity
from coterie.errors import CoterieError
from coterie.mpc import Context, Program, functions, trace, twin
from coterie.mpc.functions.sampling import gaussian_sigma
from coterie.mpc.seeds import OWN

from .rig import DEALER, NAMES, play, recorded_claims
from .tapefiles import from_files

TWO, THREE = NAMES[:2], NAMES
PLENTY = 1e-4
"""Least accepted p-value: the entropy is fixed, so no test fails by chance."""


def drawn(make: Any, parties: tuple[str, ...] = TWO, deterministic: bool = True) -> Any:
    """What a run draws by ``make``."""
    played = play(
        lambda ctx: ctx.reveal(make(ctx), ctx.parties, "drawn"), {}, parties, deterministic=deterministic
    )
    assert played.sent() == played.tape.sent
    return played.result("drawn")


def test_uniform_integers() -> None:
    """Every integer of a span that is no power of two, negative ones too, alike."""
    n = 40_000
    samples = drawn(lambda ctx: functions.random_integers(ctx, -5, 8, (n,)))
    assert stats.chisquare(np.bincount(samples.astype(int) + 5, minlength=13)).pvalue > PLENTY


def test_uniform_fixed_point() -> None:
    samples = drawn(lambda ctx: functions.random_uniform(ctx, -1.0, 3.0, (20_000,)))
    assert stats.kstest(samples, stats.uniform(-1, 4).cdf).pvalue > PLENTY
    assert -1 <= samples.min() <= samples.max() < 3


@pytest.mark.parametrize("by", ["dealer", "parties"])
@pytest.mark.parametrize("parties", [TWO, THREE])
def test_noise_in_a_run(parties: tuple[str, ...], by: Any) -> None:
    """By the parties the variance is that of as many samples as there are parties."""
    n, width = 20_000, math.sqrt(len(parties)) if by == "parties" else 1.0
    gaussian = drawn(lambda ctx: functions.discrete_gaussian(ctx, (n,), 3.0, by=by), parties)
    assert stats.kstest(gaussian, stats.norm(0, 3 * width).cdf).pvalue > PLENTY
    laplace = drawn(lambda ctx: functions.discrete_laplace(ctx, (n,), 3.0, by=by), parties)
    if by == "dealer":
        assert stats.kstest(laplace, stats.laplace(0, 3).cdf).pvalue > PLENTY
    assert abs(laplace.var() / (2 * 9 * width**2) - 1) < 0.06


def test_noise_lies_on_the_grid_and_within_its_range() -> None:
    def make(ctx: Context) -> Any:
        noise = functions.discrete_gaussian(ctx, (5000,), 2.0, frac=1)
        assert (noise.frac, noise.range.low, noise.range.high) == (1, -28.5, 28.5)
        return noise

    samples = drawn(make)
    assert np.array_equal(samples * 2, np.rint(samples * 2))
    assert set(np.abs(samples * 2 % 2)) == {0.0, 1.0}


def test_noise_is_fresh_for_each_run_and_the_same_under_test_entropy() -> None:
    def make(ctx: Context) -> Any:
        return functions.discrete_gaussian(ctx, (50,), 2.0)

    assert np.array_equal(drawn(make), drawn(make))
    fresh = [drawn(make, deterministic=False) for _ in range(2)]
    assert not np.array_equal(*fresh)


def test_a_twin_draws_of_the_same_law() -> None:
    def program(ctx: Context) -> None:
        ctx.reveal(functions.discrete_gaussian(ctx, (20_000,), 3.0, by="parties"), TWO, "noise")
        ctx.reveal(functions.random_integers(ctx, 2, 4, (100,)), TWO, "bits")

    fixed, exact = twin(program, TWO, {}, "fixed").revealed, twin(program, TWO, {}, "float").revealed
    np.testing.assert_array_equal(fixed["noise"], exact["noise"])
    assert stats.kstest(fixed["noise"], stats.norm(0, 3 * math.sqrt(2)).cdf).pvalue > PLENTY
    assert set(fixed["bits"]) == {2.0, 3.0}


@pytest.mark.parametrize("by", ["dealer", "parties"])
def test_nobody_else_can_derive_noise(by: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is drawn from a seed that only who draws it holds, and that makes no masks or shares."""
    books = recorded_claims(monkeypatch)
    drawn(lambda ctx: functions.discrete_gaussian(ctx, (10,), 3.0, by=by))
    used = {
        name: {label for (label, _), claim in one.book.claims.items() if "own draws" in claim.use}
        for name, one in books.items()
    }
    who = {DEALER} if by == "dealer" else set(TWO)
    assert used == {name: {OWN} if name in who else set() for name in (*TWO, DEALER)}
    seeds = [one.book._seeds[OWN] for one in books.values()]
    others = {seed for one in books.values() for label, seed in one.book._seeds.items() if label != OWN}
    assert len(set(seeds)) == len(seeds)
    assert others.isdisjoint(seeds)


def test_noise_and_permutations_from_tape_files(tmp_path: Path, identities: dict[str, Identity]) -> None:
    """The dealer draws ahead of the run, and corrects every party in its own file."""
    x = np.arange(60.0).reshape(20, 3)

    def program(ctx: Context) -> None:
        rows = functions.shuffle(ctx.private("x", TWO[0], (20, 3), 64.0))
        rows = functions.permute(rows, ctx.private_permutation("order", TWO[1], 20))
        functions.noisy_reveal(rows, TWO, "rows", sigma=2.0**-12)

    played = play(program, {"x": x, "order": np.arange(20)[::-1]}, dealt=from_files(tmp_path, identities))
    rows = played.result("rows")
    whole = np.rint(rows)
    assert 0 < np.abs(rows - whole).max() < 14 * 2.0**-12
    assert not np.array_equal(whole, x)
    np.testing.assert_array_equal(whole[np.argsort(whole[:, 0])], x)


def noisy(**options: Any) -> Program:
    def program(ctx: Context) -> None:
        x = ctx.private("x", TWO[0], (4,), 8.0).secret()
        functions.noisy_reveal(x, [TWO[1]], "x", **options)

    return program


def test_what_a_plan_says_of_a_noisy_reveal() -> None:
    for options, note in (
        ({"sigma": 2.5}, "with discrete Gaussian noise, sigma 2.5"),
        ({"scale": 1.25, "by": "parties"}, "with discrete Laplace noise, scale 1.25, of each party"),
        (
            {"sensitivity": 2.0, "epsilon": 0.5},
            "with discrete Laplace noise, scale 4: epsilon 0.5 for sensitivity 2",
        ),
        (
            {"sensitivity": 1.0, "epsilon": 1.0, "delta": 1e-6},
            "with discrete Gaussian noise, sigma 4.53088: epsilon 1, delta 1e-06 for sensitivity 1",
        ),
    ):
        (disclosure,) = trace(noisy(**options), TWO, DEALER).disclosures
        assert (disclosure.name, disclosure.to, disclosure.values) == ("x", (TWO[1],), 4)
        assert disclosure.note == note


def test_only_the_receiver_gets_the_noisy_value() -> None:
    x = np.array([1.0, -2.0, 3.5, 0.0])
    played = play(noisy(sigma=2.0**-8), {"x": x})
    assert not played.outputs[TWO[0]].revealed
    error = played.outputs[TWO[1]].revealed["x"] - x
    assert 0 < np.abs(error).max() < 14 * 2.0**-8


def test_noise_of_the_dealer_covers_nothing_from_the_dealer() -> None:
    def program(by: Any) -> Program:
        def run(ctx: Context) -> None:
            functions.noisy_reveal(ctx.zeros((2,)), [DEALER, TWO[0]], "x", sigma=1.0, by=by)

        return run

    with pytest.raises(CoterieError, match=r"CT-2109.*noise that it knows"):
        trace(program("dealer"), TWO, DEALER, (DEALER,))
    assert trace(program("parties"), TWO, DEALER, (DEALER,)).disclosures[0].to == (DEALER, TWO[0])


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({}, TypeError),
        ({"sigma": 1.0, "scale": 1.0}, TypeError),
        ({"sigma": 1.0, "epsilon": 1.0}, TypeError),
        ({"sensitivity": 1.0}, TypeError),
        ({"sensitivity": 1.0, "delta": 1e-6}, TypeError),
        ({"sensitivity": 0.0, "epsilon": 1.0}, ValueError),
        ({"sensitivity": 1.0, "epsilon": -1.0, "delta": 1e-6}, ValueError),
        ({"sigma": -1.0}, CoterieError),
        ({"scale": math.nan}, CoterieError),
        ({"sigma": 1.0, "by": "nobody"}, CoterieError),
        ({"sigma": 2.0**46}, CoterieError),  # leaves the ring
    ],
)
def test_noise_that_is_none(options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        trace(noisy(**options), TWO, DEALER)


def exact_delta(sigma: float, epsilon: float) -> float:
    """Of the discrete Gaussian on the integers and a sensitivity of 1: Canonne, Kamath, Steinke (2020),
    Theorem 7."""
    reach = math.ceil(15 * sigma)
    x = np.arange(-reach, reach + 1)
    law = np.exp(-(x**2) / (2 * sigma**2))
    law /= law.sum()
    middle = epsilon * sigma**2
    return float(law[x > middle - 0.5].sum() - math.exp(epsilon) * law[x > middle + 0.5].sum())


def best_sigma(epsilon: float, delta: float) -> float:
    """Of the continuous Gaussian: Balle, Wang (2018), Theorem 8."""

    def excess(sigma: float) -> float:
        low, high = 0.5 / sigma - epsilon * sigma, -0.5 / sigma - epsilon * sigma
        return float(stats.norm.cdf(low) - math.exp(epsilon) * stats.norm.cdf(high)) - delta

    return float(brentq(excess, 1e-3, 1e6))


@pytest.mark.parametrize(("epsilon", "delta"), [(1.0, 1e-6), (0.1, 1e-8), (4.0, 1e-5), (0.5, 1e-3)])
def test_a_sigma_that_is_private_and_not_much_larger_than_need_be(epsilon: float, delta: float) -> None:
    sigma = gaussian_sigma(1.0, epsilon, delta)
    assert exact_delta(sigma, epsilon) <= delta
    assert best_sigma(epsilon, delta) < sigma < 1.15 * best_sigma(epsilon, delta)
    assert gaussian_sigma(3.0, epsilon, delta) == pytest.approx(3 * sigma, rel=1e-8)
