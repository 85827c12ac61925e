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
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from coterie.crypto import canonical
from coterie.fl import (
    CONFIRMED,
    EXACT,
    Cost,
    Fixed,
    LastingCoordinator,
    LastingSums,
    MeshSums,
    Rules,
    Sums,
    chosen,
    coordinate,
    cost,
    cost_begin,
    cost_end,
    lasting_cost,
    lasting_tell,
    least_of,
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

DROPPING = (
    "Parties may drop out: where a step takes the same sum again and again, the last one with a party and "
    "the first without it differ by little more than that party's part, so that everybody who learns both "
    "knows it nearly; exactly, where two steps sum the same"
)
"""What more steps show in jobs with a minimum."""

Floats = NDArray[np.float64]


def planned_sums(context: PlanContext, totals: Iterable[Total], *, at_most: bool = False) -> dict[str, Any]:
    """What a plan says of sums, as fields of a step plan: ``totals``, ``reveals``, and the messages exactly;
    none where there is no coordinator, as when components are used by hand.

    :param at_most: whether the step may take fewer of them, as its results tell.
    """
    planned = tuple(totals)
    if len({one.what for one in planned}) < len(planned):
        raise ValueError("two sums of a step have one name")
    if not all(one.parts is None or 3 <= one.parts <= len(context.parties) for one in planned):
        raise ValueError("a sum over fewer than three parties, or more than there are")
    sent: dict[str, dict[str, int]] = {}
    rounds = 0
    if planned and context.coordinator is not None:
        for one, times in _costs(context, context.coordinator, planned):
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
            Reveal(one.what, context.parties, one.values * one.times // one.digits, one.kind)
            for one in planned
        ),
        "at_most": at_most or context.minimum is not None or any(one.parts is not None for one in planned),
    }


def _costs(context: PlanContext, coordinator: str, totals: tuple[Total, ...]) -> Iterator[tuple[Cost, int]]:
    """Of the run's beginning, its sums, its end; and how often each comes."""
    parties = context.parties
    if context.minimum is not None:
        for one in totals:
            yield lasting_cost(parties, coordinator, one.values, one.form, one.parts), one.times
        yield lasting_tell(parties, coordinator, 0), 1
        return
    yield cost_begin(parties, coordinator), 1
    for one in totals:
        yield cost(parties, coordinator, one.values, one.form, parts=one.parts), one.times
    yield cost_end(parties, coordinator), 1


def stated(context: PlanContext, plan: StepPlan) -> StepPlan:
    """The plan of a step with sums, with what they rest on in this job."""
    if not plan.totals or plan.statement is None:
        return plan
    everybody = len(context.parties)
    count = min(one.parts or everybody for one in plan.totals)
    least = count if context.minimum is None else least_of(count, everybody, context.minimum)
    contributes = context.coordinator in context.parties
    rules = Rules.of(count, least, complete=True)
    of_sums = statement(rules, hidden=not contributes, contributes=contributes)
    dropping = "" if context.minimum is None else f". {DROPPING}"
    changed = replace(
        plan.statement,
        adversary=of_sums.adversary,
        threshold=of_sums.threshold,
        helper=of_sums.helper,
        computational_bits=of_sums.computational_bits,
        statistical_bits=of_sums.statistical_bits or 0,
        leaks=f"{plan.statement.leaks}. {of_sums.leaks}{dropping}",
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

    @property
    def counted(self) -> tuple[str, ...]:
        return self._adder.counted

    def total(
        self, what: str, values: Floats, form: Fixed = EXACT, *, among: Sequence[str] | None = None
    ) -> Floats:
        """The sum of the parties' ``values``, of the same shape.

        :param what: and ``form``, as planned; all parties give as many values.
        :param among: of ``parts`` parties in their order, where the sum is not over all: see
            :meth:`coterie.fl.Sums.total`.

        Raises ValueError for a sum that is not planned, is of another size or form, or was taken as often as
        was planned; what :meth:`coterie.fl.Sums.total` raises.
        """
        planned = self._planned(what)
        if planned.noise is not None:
            raise ValueError(f"the sum '{what}' was planned with noise")
        return self._total(planned, values, form, among)

    def noisy(
        self,
        what: str,
        parts: Callable[[NDArray[np.intp]], Iterable[Floats]],
        rows: int,
        *,
        among: Sequence[str] | None = None,
    ) -> Floats:
        """The sum of what all parties' units give, with noise: (values,) as its grid has them.

        :param parts: gives arrays (units, values) of the records of these indices, of which a party alone
            knows that they are in the sum; of a party as the unit one row.
        :param rows: this party's records; 1 of a party as the unit.
        :param among: as of :meth:`total`. Who is not among them gives nothing, and no noise.

        A unit of which a value is not finite gives nothing. Raises what :meth:`total` raises.
        """
        planned = self._planned(what)
        noise = planned.noise
        if noise is None:
            raise ValueError(f"the sum '{what}' was planned without noise")
        if among is None or self.me in among:
            values = noise.share(parts(chosen(rows, noise.sampling)))
        else:
            values = np.zeros(noise.values)
        return self._total(planned, values, noise.form, among) * noise.grid

    def _planned(self, what: str) -> Total:
        planned = self._totals.get(what)
        if planned is None:
            raise ValueError(f"step '{self._step}' has not planned the sum: {what}")
        return planned

    def _total(self, planned: Total, values: Floats, form: Fixed, among: Sequence[str] | None) -> Floats:
        what = planned.what
        fits = values.size <= planned.values if planned.fewer else values.size == planned.values
        if not fits or form != planned.form:
            raise ValueError(f"{values.size} values in {form} of the sum '{what}', which is {planned}")
        if (None if among is None else len(among)) != planned.parts:
            raise ValueError(f"the sum '{what}' among {among}, which is planned for {planned.parts or 'all'}")
        if self._taken[what] == planned.times:
            raise ValueError(f"the sum '{what}' was planned {planned.times} times")
        self._taken[what] += 1
        return self._adder.total(what, np.asarray(values, dtype=np.float64), form, among=among)


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
    if context.lasting is not None:
        assert isinstance(context.lasting, LastingSums)
        context.adder = PlannedSums(context.plan, context.lasting)
        yield
        context.lasting.confirm()
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
        if context.lasting is not None:
            assert isinstance(context.lasting, LastingCoordinator)
            context.lasting.serve(CONFIRMED, most_bytes=most)
            return
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
