"""The account of differential privacy: what totals with noise have cost together.

Each total is a Gaussian mechanism as Rényi divergences see it: those of the discrete Gaussian are at most
those of the Gaussian of the same variance (Canonne, Kamath, Steinke 2020, theorem 4), in every number of
dimensions. ``dp_accounting`` adds them up, over times, steps and jobs, and turns them into (epsilon, delta).

*Sampling* (only of records, only Poisson, and only where nobody but the owner knows the sample) is accounted
at whole orders alone: there the bound for the sampled Gaussian (Mironov, Talwar, Zhang 2019) needs nothing of
the distribution but its moments, which are at most the Gaussian's, and that it is symmetric.

*A sum of shares* is no discrete Gaussian: probabilities differ by a factor of up to e^gap for each value
(Kairouz, Liu, Steinke 2021). Of all values together that makes (epsilon + 2 gaps, delta e^gaps) of
(epsilon, delta): it is added at the end, whatever was composed how.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from coterie.fl.errors import BAD_ACCOUNT, NO_ACCOUNTANT, OUT_OF_REACH
from coterie.fl.noise import MOST_VALUES, Noise, Unit

if TYPE_CHECKING:
    from dp_accounting.rdp import RdpAccountant

__all__ = ["Spend", "epsilon_of", "multiplier_for"]

WHOLE_ORDERS = (*range(2, 64), 72, 80, 96, 112, 128, 160, 192, 256, 384, 512, 1024)
ORDERS = (*(1 + k / 20 for k in range(1, 20)), *(1 + k / 10 for k in range(10, 100)), *WHOLE_ORDERS)
STEPS = 1024
"""Of multipliers that are looked for, to the unit: equal at all parties, whatever their processors."""
MOST_MULTIPLIER = 1 << 14


@dataclass(frozen=True)
class Spend:
    """Totals of one kind, as they are accounted and written into ledgers.

    Errors: CT-2432 for numbers that no total has.
    """

    unit: Unit
    multiplier: float
    """Deviation of the honest contributors' noise over the sensitivity."""
    times: int
    """How many totals."""
    values: int
    """Of each."""
    sampling: float
    """Probability of each record to be in a total."""
    variance: int
    """Of a share of the noise, in squares of the grid."""
    honest: int
    """Contributors whose shares make up the noise."""

    def __post_init__(self) -> None:
        counts = (self.times, self.values, self.variance, self.honest)
        fits = (
            0 < self.multiplier < math.inf
            and self.unit in ("record", "party")
            and (0 < self.sampling <= 1 if self.unit == "record" else self.sampling == 1)
            and all(isinstance(one, int) and one >= 1 for one in counts)
            and self.values <= MOST_VALUES
        )
        if not fits:
            raise BAD_ACCOUNT(str(asdict(self))[:200])

    @classmethod
    def of(cls, noise: Noise, times: int) -> Spend:
        """Of so many totals with this noise."""
        of_noise = (noise.values, noise.sampling, noise.variance, noise.honest)
        return cls(noise.unit, noise.multiplier, times, *of_noise)

    @classmethod
    def read(cls, record: Mapping[str, Any]) -> Spend:
        """What :meth:`to_dict` wrote. Errors: CT-2432."""
        try:
            return cls(**record)
        except TypeError as error:
            raise BAD_ACCOUNT(str(error)[:200]) from error

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self)

    def under(self, unit: Unit) -> Spend | None:
        """As it counts for this unit; None where it does not protect it.

        A party's vector that is as long as may be, and another one in its place, are twice as far from each
        other as one and none: so far a single record can move it.
        """
        if unit == self.unit:
            return self
        if self.unit == "party":
            return Spend(
                *("record", self.multiplier / 2, self.times, self.values),
                *(self.sampling, self.variance, self.honest),
            )
        return None

    @property
    def gap(self) -> float:
        """How far log-probabilities of all values together may be from those of a discrete Gaussian."""
        shares = range(1, self.honest)
        each = 10 * sum(math.exp(-2 * math.pi**2 * self.variance * k / (k + 1)) for k in shares)
        return each * self.values * self.times


def epsilon_of(spends: Iterable[Spend], delta: float, unit: Unit) -> float:
    """Epsilon of all of it together at this delta, for one unit; infinite where it is not protected.

    Errors: CT-2431 where ``dp_accounting`` is not installed.
    """
    parts = []
    for one in spends:
        part = one.under(unit)
        if part is None:
            return math.inf
        parts.append(part)
    return _epsilon(tuple(parts), delta)


@lru_cache(maxsize=256)
def _epsilon(spends: tuple[Spend, ...], delta: float) -> float:
    if not 0 < delta < 1:
        raise BAD_ACCOUNT(f"a delta of {delta}")
    if not spends:
        return 0.0
    gap = sum(one.gap for one in spends)
    composed = _composed(spends).get_epsilon(delta * math.exp(-gap))
    return float(composed) + 2 * gap


def _composed(spends: tuple[Spend, ...]) -> RdpAccountant:
    try:
        import dp_accounting
        from dp_accounting.rdp import RdpAccountant
    except ImportError as error:
        raise NO_ACCOUNTANT("dp_accounting") from error
    sampled = any(one.sampling < 1 for one in spends)
    accountant = RdpAccountant(WHOLE_ORDERS if sampled else ORDERS)
    for one in spends:
        event: dp_accounting.DpEvent = dp_accounting.GaussianDpEvent(one.multiplier)
        if one.sampling < 1:
            event = dp_accounting.PoissonSampledDpEvent(one.sampling, event)
        accountant.compose(event, one.times)
    return accountant


@lru_cache(maxsize=256)
def multiplier_for(epsilon: float, delta: float, times: int, sampling: float = 1.0) -> float:
    """The least noise multiplier, in 1024ths, with which so many totals cost no more than that.

    What a grid of values adds is not in it: see :class:`Noise`, whose multiplier is never below the one it is
    asked for.

    Errors: CT-2431; CT-2433 where no multiplier up to 16384 is enough.
    """

    def enough(step: int) -> bool:
        spend = Spend("record", step / STEPS, times, 1, sampling, 1 << 30, 1)
        return _epsilon((spend,), delta) <= epsilon

    low, high = 0, STEPS
    while not enough(high):
        low, high = high, 2 * high
        if high > MOST_MULTIPLIER * STEPS:
            raise OUT_OF_REACH(f"epsilon {epsilon:g} at delta {delta:g} for {times} totals")
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high / STEPS
