"""Trigonometric sums that stand for the logistic function, and how they were found.

For |z| <= limit, 1/2 + sum_j b_j sin(j pi z / T) with T = 1.6 limit differs from 1 / (1 + exp(-z)) by at most
``error``; up to 1.4 limit, where the range check fails every run for sure, by at most ``beyond``. The fit is
minimax: least squares, reweighted towards the largest errors until they level out (Lawson 1961). The factors
are public and must be the same to the last bit at all parties, and least squares is not, from one processor
to the next: so they are rounded to 2^-32 and written down here. :func:`derive` finds them again, and a test
compares.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

GRID = 2.0**-32
"""All factors are multiples of it."""


@dataclass(frozen=True)
class Sum:
    """One trigonometric sum."""

    limit: int
    half_period: int
    """T, a power of two, so that the period is one in the ring too."""
    error: float
    beyond: float
    largest: float
    """No value of the sum, anywhere, is larger in magnitude."""
    factors: tuple[float, ...]

    def __call__(self, z: NDArray[np.float64]) -> NDArray[np.float64]:
        """The sum in float64, without the 1/2."""
        angles = np.pi / self.half_period * z
        result = np.zeros_like(angles)
        for j, factor in enumerate(self.factors, start=1):
            result += factor * np.sin(j * angles)
        return result


def derive(
    limit: int, terms: int, loose: float, points: int = 3000, rounds: int = 400
) -> NDArray[np.float64]:
    """The factors, before rounding. ``loose`` is the weight of errors between ``limit`` and 1.4 limit."""
    half_period = 1.6 * limit
    inside = limit * np.sin(np.linspace(0, np.pi / 2, points))  # denser at the end, where errors are largest
    outside = np.linspace(limit, 1.4 * limit, points // 3)
    z = np.concatenate([inside, outside])
    importance = np.concatenate([np.ones(points), np.full(points // 3, loose)])
    target = 1 / (1 + np.exp(-z)) - 0.5
    sines = np.sin(np.pi / half_period * np.outer(z, np.arange(1, terms + 1)))
    weights = np.full(z.size, 1 / z.size)
    best, best_error = np.zeros(terms), np.inf
    for _ in range(rounds):
        scale = np.sqrt(weights) * importance
        factors = np.linalg.lstsq(sines * scale[:, None], target * scale, rcond=1e-13)[0]
        errors = np.abs(sines @ factors - target) * importance
        if errors.max() < best_error:
            best, best_error = factors, float(errors.max())
        weights *= errors + 1e-300
        weights /= weights.sum()
    return best


LOOSE = {10: 0.03, 20: 0.1}
"""Weights of errors beyond the limit, by limit."""


TABLE: dict[tuple[int, int], Sum] = {
    (10, 8): Sum(
        limit=10,
        half_period=16,
        error=1.7e-03,
        beyond=5.4e-02,
        largest=0.57,
        factors=(
            0.6162912447471172,
            -0.02802177844569087,
            0.1525797531940043,
            -0.015668438281863928,
            0.039444929221645,
            0.005144487833604217,
            0.002551271114498377,
            0.006602640729397535,
        ),
    ),
    (10, 10): Sum(
        limit=10,
        half_period=16,
        error=5.0e-04,
        beyond=1.7e-02,
        largest=0.53,
        factors=(
            0.6106209736317396,
            -0.02180319488979876,
            0.15240239910781384,
            -0.02499758475460112,
            0.05638365400955081,
            -0.01362190768122673,
            0.01724929711781442,
            -0.0016240878030657768,
            0.0020459371153265238,
            0.0015861745923757553,
        ),
    ),
    (10, 12): Sum(
        limit=10,
        half_period=16,
        error=1.7e-04,
        beyond=5.5e-03,
        largest=0.52,
        factors=(
            0.6118777054361999,
            -0.023748190142214298,
            0.1545479390770197,
            -0.02755790948867798,
            0.0601878329180181,
            -0.01931768679060042,
            0.024498696206137538,
            -0.009037700714543462,
            0.007954377681016922,
            -0.0019986554980278015,
            0.001269821310415864,
            0.00025938358157873154,
        ),
    ),
    (10, 14): Sum(
        limit=10,
        half_period=16,
        error=5.6e-05,
        beyond=1.9e-03,
        largest=0.52,
        factors=(
            0.6131585016846657,
            -0.02595089888200164,
            0.1571564960759133,
            -0.030183722032234073,
            0.06276359548792243,
            -0.022073790663853288,
            0.027730022789910436,
            -0.012812139932066202,
            0.011965116718783975,
            -0.0056702804286032915,
            0.00404700031504035,
            -0.0014343059156090021,
            0.0007084519602358341,
            -1.4181481674313545e-05,
        ),
    ),
    (20, 16): Sum(
        limit=20,
        half_period=32,
        error=1.9e-03,
        beyond=1.9e-02,
        largest=0.53,
        factors=(
            0.6157810296863317,
            0.02019183593802154,
            0.15694980463013053,
            0.034438887145370245,
            0.04708233568817377,
            0.04663896490819752,
            -0.0038825643714517355,
            0.04944286192767322,
            -0.021604408975690603,
            0.04197750939056277,
            -0.02521492331288755,
            0.035321147413924336,
            -0.02394899632781744,
            0.024488044204190373,
            -0.012281522387638688,
            0.008526366902515292,
        ),
    ),
    (20, 24): Sum(
        limit=20,
        half_period=32,
        error=1.5e-04,
        beyond=1.5e-03,
        largest=0.52,
        factors=(
            0.6167452477384359,
            0.019542506895959377,
            0.1560041829943657,
            0.03708226955495775,
            0.04361921059899032,
            0.05042342795059085,
            -0.008896156679838896,
            0.057490378618240356,
            -0.0337393949739635,
            0.05735298804938793,
            -0.041649907594546676,
            0.051120833959430456,
            -0.03926911833696067,
            0.04095706716179848,
            -0.031244088197126985,
            0.02912675915285945,
            -0.021351361414417624,
            0.018273721681907773,
            -0.01268563256599009,
            0.010007720673456788,
            -0.006207215134054422,
            0.004193850792944431,
            -0.001879675779491663,
            0.0009225162211805582,
        ),
    ),
}
"""By limit and number of terms."""
