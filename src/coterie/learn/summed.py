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

A coordinator without data runs no component. It adds up what comes masked to it, as it is announced
(:func:`serve`), and learns from the masked sums nothing but their sizes and their number.
"""

from __future__ import annotations

import hmac
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from coterie.crypto import canonical
from coterie.fl import EXACT, Fixed, Sums
from coterie.learn.errors import SUM_NOT_ANNOUNCED
from coterie.learn.planned import Reveal, Statement, StepPlan, Total

if TYPE_CHECKING:
    from coterie.fl import MeshSums
    from coterie.learn.component import PlanContext, RunContext

__all__ = ["SUMS", "PlannedSums", "planned_sums", "serve", "summing"]

SUMS = Statement(
    protocol="each party adds up its own rows and masks the sums; the coordinator adds the masked vectors, "
    "in which the masks cancel out (Bonawitz et al. 2017)",
    adversary="semi-honest parties; the coordinator may also ask for what it should not, and is refused",
    threshold="any number of parties below the threshold of shares, together with the coordinator",
    leaks="the sums over all parties, which every party with data learns: less its own they are the sums of "
    "the others",
)
"""What steps over sums assume and show."""

TAG = "sum"
_ANNOUNCED = 4
"""Bytes that tell a coordinator without data which of the planned sums comes next."""
_END = 2 ** (8 * _ANNOUNCED) - 1

Floats = NDArray[np.float64]
Phases = Sequence[Sequence[tuple[str, str, int]]]


def planned_sums(context: PlanContext, totals: Iterable[Total], *, at_most: bool = False) -> dict[str, Any]:
    """What a plan says of sums, as fields of a step plan: ``totals``, ``reveals``, and the messages exactly;
    none where there is no coordinator, as when components are used by hand.

    :param at_most: whether the step may take fewer of them, as its results tell.
    """
    planned = tuple(totals)
    if len({one.what for one in planned}) < len(planned):
        raise ValueError("two sums of a step have one name")
    clocks = _Clocks(context.everybody)
    if planned and context.coordinator is not None:
        _pass_sums(context, context.coordinator, planned, clocks)
    return {
        "totals": planned,
        "sent": clocks.sent,
        "rounds": clocks.rounds,
        "reveals": tuple(Reveal(one.what, context.parties, one.values * one.times) for one in planned),
        "at_most": at_most,
    }


def _pass_sums(context: PlanContext, coordinator: str, totals: Sequence[Total], clocks: _Clocks) -> None:
    from coterie.fl import introductions, messages

    announced = _announcement(context, _helper(context))
    clocks.pass_all(introductions(context.parties, coordinator), 1)
    for one in totals:
        phases = messages(context.parties, coordinator, one.values, one.form)
        clocks.pass_all([*announced, *phases], one.times)
    clocks.pass_all(announced, 1)


def _helper(context: PlanContext) -> str | None:
    """The coordinator, where it has no data."""
    return None if context.coordinator in context.parties else context.coordinator


def _announcement(context: PlanContext, helper: str | None) -> Phases:
    return () if helper is None else (((context.parties[0], helper, _ANNOUNCED),),)


class _Clocks:
    """The mesh's account of messages, before they are sent: bytes, and Lamport clocks for rounds."""

    def __init__(self, names: Iterable[str]) -> None:
        self.rounds = dict.fromkeys(names, 0)
        self.sent: dict[str, dict[str, int]] = {}

    def pass_all(self, phases: Phases, times: int) -> None:
        """Messages of a phase depend on those of the phases before it, and the whole is repeated."""
        for source, target, count in (one for phase in phases for one in phase):
            row = self.sent.setdefault(source, {})
            row[target] = row.get(target, 0) + count * times
        left = times
        while left:
            before = dict(self.rounds)
            for phase in phases:
                self._pass(phase)
            left -= 1
            risen = {self.rounds[name] - clock for name, clock in before.items()}
            if len(risen) == 1:  # and so will they with every repetition
                self.rounds = {name: clock + left * risen.copy().pop() for name, clock in self.rounds.items()}
                return

    def _pass(self, phase: Sequence[tuple[str, str, int]]) -> None:
        before = dict(self.rounds)
        for source, target, _ in phase:
            self.rounds[target] = max(self.rounds[target], before[source] + 1)


class PlannedSums:
    """The sums that a step has planned, while it runs: a :class:`coterie.fl.Sums` that takes no other."""

    def __init__(self, plan: StepPlan, adder: Sums, context: RunContext | None) -> None:
        """:param context: where sums are announced to a coordinator without data; None where there is none
        to announce to."""
        self._totals = {one.what: (number, one) for number, one in enumerate(plan.totals)}
        self._adder, self._step = adder, plan.step
        self._taken: Counter[str] = Counter()
        self._context = context

    @property
    def me(self) -> str:
        return self._adder.me

    @property
    def contributors(self) -> tuple[str, ...]:
        return self._adder.contributors

    def total(self, what: str, values: Floats, form: Fixed = EXACT) -> Floats:
        """The sum of all parties' ``values``, of the same shape.

        :param what: and ``form``, as planned.

        Raises ValueError for a sum that is not planned, is of another size or form, or was taken as often as
        was planned; what :meth:`coterie.fl.Sums.total` raises.
        """
        number, planned = self._totals.get(what, (0, None))
        if planned is None:
            raise ValueError(f"step '{self._step}' has not planned the sum: {what}")
        if (values.size, form) != (planned.values, planned.form):
            raise ValueError(f"{values.size} values in {form} of the sum '{what}', which is {planned}")
        if self._taken[what] == planned.times:
            raise ValueError(f"the sum '{what}' was planned {planned.times} times")
        self._taken[what] += 1
        self._announce(number)
        return self._adder.total(what, np.asarray(values, dtype=np.float64), form)

    def end(self) -> None:
        """No further sum comes."""
        self._announce(_END)

    def _announce(self, number: int) -> None:
        context = self._context
        helper = None if context is None else _helper(context.planning)
        if context is not None and helper is not None and context.me == context.parties[0]:
            context.mesh.to(helper).send_bytes(TAG, number.to_bytes(_ANNOUNCED, "little"))


@contextmanager
def summing(context: RunContext, adder: Sums | None = None) -> Iterator[None]:
    """While a step runs, at a party with data: :meth:`RunContext.sums` are those that it has planned.

    :param adder: what adds up in place of the job's mesh, when a component is used by hand.
    """
    if context.engine != "fl" or not context.plan.totals:
        yield
        return
    if adder is None:
        sums = PlannedSums(context.plan, _over_mesh(context), context)
    else:
        sums = PlannedSums(context.plan, adder, None)
    context.adder = sums
    yield
    sums.end()


def _over_mesh(context: RunContext) -> MeshSums:
    """Sums over the links of a job, for one step. Nobody without the id key learns a sum."""
    from coterie.fl import MeshSums

    planning = context.planning
    assert planning.coordinator is not None, "engine fl has a coordinator"
    about: Mapping[str, Any] = {
        "job": planning.job,
        "agreement": planning.agreement,
        "step": planning.step,
        "parties": list(planning.parties),
        "coordinator": planning.coordinator,
    }
    session = canonical(about)
    key = hmac.digest(context.id_key, b"coterie/sums/v1\x00" + session, "sha256")
    return MeshSums(
        context.mesh,
        planning.parties,
        planning.coordinator,
        session,
        key if context.computes else None,
    )


def serve(context: RunContext) -> None:
    """At a coordinator without data: add up the sums of a step as they are announced, until they end.

    Errors: CT-3230 for a sum that is not planned, or comes more often; those of :class:`coterie.fl.MeshSums`.
    """
    totals = context.plan.totals
    if not totals:
        return
    adder, first = _over_mesh(context), context.parties[0]
    left = [one.times for one in totals]
    while True:
        number = int.from_bytes(context.mesh.to(first).recv_bytes(TAG, _ANNOUNCED), "little")
        if number == _END:
            return
        if number >= len(totals) or not left[number]:
            raise SUM_NOT_ANNOUNCED(f"number {number} of {len(totals)}", party=first, step=context.step)
        left[number] -= 1
        adder.serve(totals[number].values, totals[number].form)
