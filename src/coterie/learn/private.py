"""Differential privacy of steps over sums: a step states a total with noise, and can take it in no other way.

::

    class Params(...):
        privacy: Privacy | None = None

    def plan(self, context, params):
        total = noisy(context, params.privacy, GRADIENTS, unit="record", values=9, clip=1.0, times=30)
        return StepPlan(..., **private_sums(context, [total]), statement=PRIVATE)

    def run(self, context, params):
        gradient = noisy_total(context, GRADIENTS, lambda rows: [gradients(rows)], count)

What the total is made of, the sum itself clips, rounds and adds noise to (:meth:`PlannedSums.noisy`): the
plan has all of its numbers, and the budget of an agreement is counted by the plan alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from coterie.fl import Noise, Rules, Spend, Unit, epsilon_of, least_of, multiplier_for
from coterie.learn.errors import TOO_MANY_COLLUDING, TOO_MANY_RECORDS
from coterie.learn.planned import Statement, StepPlan, Total
from coterie.learn.summed import SUMS, PlannedSums, planned_sums

if TYPE_CHECKING:
    from coterie.data import VerticalFrame
    from coterie.learn.component import FrameShape, PlanContext, ResultKind, RunContext

__all__ = [
    "MECHANISM",
    "PRIVATE",
    "Privacy",
    "budget_of",
    "colluding",
    "labels_there",
    "noisy",
    "noisy_total",
    "private_sums",
    "rows_counted",
    "spends_of",
    "stated_privacy",
]

Floats = NDArray[np.float64]

MOST_RECORDS = 1 << 26
"""Of a party, for which there is room in a sum. Not the number that there are: plans have to be the same
before and after it is known."""

MECHANISM = "distributed discrete Gaussian"

PRIVATE = Statement(
    protocol=f"{SUMS.protocol}; before, each party shortens what a record or a party gives to the norm that "
    "the plan says, and adds its share of discrete Gaussian noise (Kairouz, Liu, Steinke 2021)",
    leaks="the sums over all parties with noise, which every party with data learns: differentially private, "
    "for as many colluding parties as the plan says",
)


class Privacy(BaseModel):
    """Noise of a step, by its multiplier or by what the step may cost."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    noise_multiplier: float | None = Field(None, gt=0, le=10_000, allow_inf_nan=False)
    """Deviation of the noise that is enough, in units of the largest contribution of a record or party."""
    epsilon: float | None = Field(None, gt=0, le=1000, allow_inf_nan=False)
    """In place of it: what the step may cost; the multiplier follows."""
    delta: float = Field(1e-6, gt=0, lt=0.1)
    """The probability that goes with epsilon. Below one over the number of records, or parties."""
    local: bool = False
    """Whether each party's own noise is to be enough for itself, whoever else colludes."""

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if (self.noise_multiplier is None) == (self.epsilon is None):
            raise ValueError("privacy has either noise_multiplier or epsilon")
        return self

    def multiplier(self, times: int, sampling: float = 1.0) -> float:
        """For so many totals. Errors: CT-2431, CT-2433."""
        if self.noise_multiplier is not None:
            return self.noise_multiplier
        assert self.epsilon is not None
        return multiplier_for(self.epsilon, self.delta, times, sampling)


def colluding(context: PlanContext, *, local: bool) -> int:
    """Parties of the job that may pool what they know, for noise to be enough against them: as many as the
    agreement says; as many as the sums stand where it says nothing; all others where noise is ``local``.

    Errors: CT-3267 for more than the sums of this job stand.
    """
    everybody = len(context.parties)
    if local:
        return everybody - 1
    stood = Rules.of(everybody, context.minimum or everybody, complete=True).colluding
    if context.colluding is None:
        return stood
    if context.colluding > stood:
        raise TOO_MANY_COLLUDING(
            f"{context.colluding} by the agreement, {stood} of {everybody} parties by the sums of this job",
            step=context.step,
        )
    return context.colluding


def honest(context: PlanContext, parts: int | None, *, local: bool) -> int:
    """Contributors of a total whose noise must be enough: all but those who may collude. One, where they may
    be as many as take a total over some of the parties apart.

    :param parts: of how many a total is, where not of all.

    Errors: CT-3267.
    """
    against = colluding(context, local=local)
    if local:
        return 1
    everybody = len(context.parties)
    count = parts or everybody
    least = count if context.minimum is None else least_of(count, everybody, context.minimum)
    return least - against if against <= Rules.of(count, least, complete=True).colluding else 1


def noisy(
    context: PlanContext,
    privacy: Privacy,
    what: str,
    *,
    unit: Unit,
    values: int,
    clip: float,
    times: int = 1,
    sampling: float = 1.0,
    bits: int = 64,
    parts: int | None = None,
    kind: ResultKind | None = None,
) -> Total:
    """A total with noise.

    :param unit: whether a record or a party gives at most ``clip`` (L2 norm).
    :param sampling: the probability of each record to be in a total.
    :param parts: of how many parties it is each time, where not of all.

    Errors: CT-2430, CT-2431, CT-2433; CT-3265 where a party has more records than there is room for; CT-3267
    where more may collude than the sums stand.
    """
    most = max(context.all_rows.values(), default=0)
    if unit == "record" and most > MOST_RECORDS:
        raise TOO_MANY_RECORDS(f"{most} of a party, {MOST_RECORDS} at most", step=context.step)
    noise = Noise.of(
        unit,
        clip=clip,
        multiplier=privacy.multiplier(times, sampling),
        values=values,
        contributors=len(context.parties),
        honest=honest(context, parts, local=privacy.local),
        parts=MOST_RECORDS if unit == "record" else 1,
        bits=bits,
        sampling=sampling,
        colluding=colluding(context, local=privacy.local),
    )
    # Results say what they have cost: who cannot account for it learns so before anything runs.
    epsilon_of([Spend.of(noise, times)], privacy.delta, unit)
    return Total(what, values, noise.form, times, kind, parts=parts, noise=noise)


def private_sums(context: PlanContext, totals: Iterable[Total], *, at_most: bool = False) -> dict[str, Any]:
    """As :func:`planned_sums`, of totals with noise alone: nothing else of rows may the step show or give,
    but to whom the rows belong. Raises ValueError for a total without noise."""
    planned = tuple(totals)
    if any(one.noise is None for one in planned):
        raise ValueError("a step that is to be private has a total without noise")
    return planned_sums(context, planned, at_most=at_most) | {"private": True}


def noisy_total(
    context: RunContext,
    what: str,
    parts: Callable[[NDArray[np.intp]], Iterable[Floats]],
    rows: int,
    *,
    among: Sequence[str] | None = None,
) -> Floats:
    """The total over all parties, with noise: see :meth:`PlannedSums.noisy`."""
    sums = context.sums()
    assert isinstance(sums, PlannedSums)
    return sums.noisy(what, parts, rows, among=among)


def labels_there(frame: VerticalFrame) -> Floats:
    """(rows,) labels, NaN where one is missing: a failure would tell of single rows. Such rows give nothing
    to totals with noise.

    Errors: CT-1433 for a column of text, CT-1503 where the label is not here: what is known before.
    """
    return frame.values([(frame.label_holder, frame.label)])[:, 0]


def rows_counted(context: RunContext, shape: FrameShape) -> int:
    """Rows of the parties that are in the last total: a job may go on without some. Numbers of rows are
    public.

    :param shape: of the rows that the total is of.
    """
    rows = shape.horizontal or {}
    return sum(rows[name] for name in context.sums().counted)


def spends_of(plan: StepPlan) -> tuple[Spend, ...]:
    """What a step costs, as it is accounted: every total as often as it may be taken."""
    return tuple(Spend.of(one.noise, one.times) for one in plan.totals if one.noise is not None)


def _delta_of(plan: StepPlan) -> float:
    """That the step's epsilon is told at."""
    given = plan.params.get("privacy") or {}
    return float(given.get("delta", Privacy.model_fields["delta"].default))


def budget_of(plans: Sequence[StepPlan]) -> float:
    """Epsilon of several steps together for a record, at the largest of their deltas. Errors: CT-2431."""
    spends = [one for plan in plans for one in spends_of(plan)]
    return epsilon_of(spends, max(_delta_of(plan) for plan in plans), "record")


def stated_privacy(plan: StepPlan) -> dict[str, Any]:
    """What a step's result says of its privacy: plain values.

    Errors: CT-2431.
    """
    spends, delta = spends_of(plan), _delta_of(plan)
    noises = [one.noise for one in plan.totals if one.noise is not None]
    unit: Unit = "party" if all(one.unit == "party" for one in spends) else "record"
    return {
        "mechanism": MECHANISM,
        "unit": unit,
        "epsilon": epsilon_of(spends, delta, unit),
        "delta": delta,
        "honest": min(one.honest for one in noises),
        "colluding": min(one.colluding for one in noises),
        "totals": [
            {
                "what": total.what,
                "times": total.times,
                "noise_multiplier": total.noise.multiplier,
                "clip": total.noise.clip,
                "sampling": total.noise.sampling,
                "deviation": total.noise.deviation,
            }
            for total in plan.totals
            if total.noise is not None
        ],
    }
