"""Sums over the parties of a horizontal frame: what steps of engine fl learn of each other's rows.

A step names its sums while it is planned (:class:`~coterie.learn.planned.Total`), and takes them while it
runs; it can take no other, and none more often than was planned::

    def plan(self, context, params):
        totals = [Total("sums of the rows' gradients", width, EXACT, times=params.passes)]
        return StepPlan(context.step, self.name, ..., **planned_sums(context, totals), statement=SUMS)

    def run(self, context, params):
        gradient = context.sums().total("sums of the rows' gradients", own)     # (width,) of all parties

Every party with data calls ``total`` with the same names in the same order. What it gives is known to all of
them, so they take the same decisions from it. How often a step takes a sum may depend on that, as where a
training converges: then ``planned_sums(..., at_most=True)``, and bytes and rounds are bounds.

A coordinator without data runs no component. It adds up what comes masked to it (:func:`serve`), and learns
nothing but how many sums there are, and of how many values.
"""

from __future__ import annotations

import hmac
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from coterie.crypto import canonical
from coterie.fl import (
    EXACT,
    Cost,
    Fixed,
    MeshSums,
    Rules,
    Sums,
    coordinate,
    cost,
    cost_begin,
    cost_end,
    statement,
)
from coterie.learn.planned import Reveal, Statement, StepPlan, Total

if TYPE_CHECKING:
    from coterie.learn.component import PlanContext, RunContext

__all__ = ["SUMS", "PlannedSums", "planned_sums", "serve", "stated", "summing"]

SUMS = Statement(
    protocol="each party adds up its own rows and masks the sums; the coordinator adds the masked vectors, "
    "in which the masks cancel out (Bonawitz et al. 2017, Bell et al. 2020)",
    leaks="the sums over all parties, which every party with data learns: less its own they are the sums of "
    "the others",
)
"""What steps over sums assume and show. Plans say more, by who takes part: see :func:`stated`."""

Floats = NDArray[np.float64]


def planned_sums(context: PlanContext, totals: Iterable[Total], *, at_most: bool = False) -> dict[str, Any]:
    """What a plan says of sums, as fields of a step plan: ``totals``, ``reveals``, and the messages exactly;
    none where there is no coordinator, as when components are used by hand.

    :param at_most: whether the step may take fewer of them, as its results tell.
    """
    planned = tuple(totals)
    if len({one.what for one in planned}) < len(planned):
        raise ValueError("two sums of a step have one name")
    sent: dict[str, dict[str, int]] = {}
    rounds = 0
    if planned and context.coordinator is not None:
        for one, times in _costs(context.parties, context.coordinator, planned):
            rounds += one.rounds * times
            for source, targets in one.sent.items():
                row = sent.setdefault(source, {})
                for target, count in targets.items():
                    row[target] = row.get(target, 0) + count * times
    return {
        "totals": planned,
        "sent": sent,
        "rounds": dict.fromkeys(context.everybody, rounds),
        "reveals": tuple(
            Reveal(one.what, context.parties, one.values * one.times, one.kind) for one in planned
        ),
        "at_most": at_most,
    }


def _costs(
    parties: tuple[str, ...], coordinator: str, totals: tuple[Total, ...]
) -> Iterator[tuple[Cost, int]]:
    """Of the run's beginning, its sums, its end; and how often each comes."""
    yield cost_begin(parties, coordinator), 1
    for one in totals:
        yield cost(parties, coordinator, one.values, one.form), one.times
    yield cost_end(parties, coordinator), 1


def stated(context: PlanContext, plan: StepPlan) -> StepPlan:
    """The plan of a step with sums, with what they rest on in this job."""
    if not plan.totals or plan.statement is None:
        return plan
    count = len(context.parties)
    contributes = context.coordinator in context.parties
    of_sums = statement(
        Rules.of(count, count, complete=True), hidden=not contributes, contributes=contributes
    )
    changed = replace(
        plan.statement,
        adversary=of_sums.adversary,
        threshold=of_sums.threshold,
        helper=of_sums.helper,
        computational_bits=of_sums.computational_bits,
        statistical_bits=of_sums.statistical_bits or 0,
        leaks=f"{plan.statement.leaks}. {of_sums.leaks}",
    )
    return replace(plan, statement=changed)


class PlannedSums:
    """The sums that a step has planned, while it runs: a :class:`coterie.fl.Sums` that takes no other."""

    def __init__(self, plan: StepPlan, adder: Sums) -> None:
        self._totals = {one.what: one for one in plan.totals}
        self._adder, self._step = adder, plan.step
        self._taken: Counter[str] = Counter()

    @property
    def me(self) -> str:
        return self._adder.me

    @property
    def contributors(self) -> tuple[str, ...]:
        return self._adder.contributors

    def total(self, what: str, values: Floats, form: Fixed = EXACT) -> Floats:
        """The sum of all parties' ``values``, of the same shape.

        :param what: and ``form``, as planned; all parties give as many values.

        Raises ValueError for a sum that is not planned, is of another size or form, or was taken as often as
        was planned; what :meth:`coterie.fl.Sums.total` raises.
        """
        planned = self._totals.get(what)
        if planned is None:
            raise ValueError(f"step '{self._step}' has not planned the sum: {what}")
        fits = values.size <= planned.values if planned.fewer else values.size == planned.values
        if not fits or form != planned.form:
            raise ValueError(f"{values.size} values in {form} of the sum '{what}', which is {planned}")
        if self._taken[what] == planned.times:
            raise ValueError(f"the sum '{what}' was planned {planned.times} times")
        self._taken[what] += 1
        return self._adder.total(what, np.asarray(values, dtype=np.float64), form)


@contextmanager
def summing(context: RunContext, adder: Sums | None = None) -> Iterator[None]:
    """While a step runs, at a party with data: :meth:`RunContext.sums` are those that it has planned.

    :param adder: what adds up in place of the job's mesh, when a component is used by hand.

    Errors: those of :class:`coterie.fl.MeshSums`; CT-2418 at the end, where parties heard different totals.
    """
    if context.engine != "fl" or not context.plan.totals:
        yield
        return
    if adder is not None:
        context.adder = PlannedSums(context.plan, adder)
        yield
        return
    coordinator = _coordinator(context)
    run = _run_of(context)
    # A coordinator without data in the job may be an owner too, and have the key of the ids: sums hide their
    # totals by secrets of the parties, beside this key.
    key = hmac.digest(context.id_key, b"coterie/sums/v1\x00" + run, "sha256")
    hidden = coordinator not in context.parties
    sums = MeshSums(context.mesh, context.parties, coordinator, run, key if hidden else None)
    context.adder = PlannedSums(context.plan, sums)
    yield
    sums.close()


def serve(context: RunContext) -> None:
    """At a coordinator without data: add up the sums of a step, until they end. What it sends for them is
    bounded by the plan.

    Errors: those of :func:`coterie.fl.coordinate`.
    """
    if context.plan.totals:
        most = max(one.values * one.form.bits // 8 for one in context.plan.totals)
        coordinate(context.mesh, context.parties, _run_of(context), most_bytes=most)


def _coordinator(context: RunContext) -> str:
    named = context.planning.coordinator
    assert named is not None, "engine fl has a coordinator"
    return named


def _run_of(context: RunContext) -> bytes:
    """Tells the sums of this step of this job from all others."""
    planning = context.planning
    about: Mapping[str, Any] = {
        "job": planning.job,
        "agreement": planning.agreement,
        "step": context.step,
        "parties": list(context.parties),
        "coordinator": _coordinator(context),
    }
    return canonical(about)
