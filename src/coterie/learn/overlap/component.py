"""``overlap``: how many rows the parties have in common."""

from __future__ import annotations

from typing import Any, ClassVar

from coterie import psi
from coterie.errors import CoterieError
from coterie.learn.component import Component, Engine, PlanContext, Reveal, RunContext, StepPlan
from coterie.learn.errors import IDS_REPEATED, NOBODY_RECEIVES, TWO_PARTIES
from coterie.learn.membership import differences, with_intersection
from coterie.learn.overlap.clear import counted, deviation, noise
from coterie.learn.overlap.errors import COUNTED_TWICE
from coterie.learn.overlap.mpc import COUNT, counting
from coterie.learn.overlap.params import OverlapParams
from coterie.learn.overlap.record import OverlapCount, PartyRows
from coterie.learn.overlap.rows import plan_rows, run_rows
from coterie.learn.overlap.statement import MPC
from coterie.learn.secure import computed, needs_of, served, traced
from coterie.mpc import Program, Tape

__all__ = ["Overlap"]

PAIR = 2
_BYTES_PER_ROW = 128
"""Hashes of the own ids, and sorting them."""


class Overlap(Component[OverlapParams]):
    """Tells the receivers of "profile" how many rows all datasets have, exactly or with differential privacy.

    Nobody learns which rows these are; or, with ``tell: rows``, one party learns which of its own are and
    nobody learns anything else. In engine ``mpc`` two parties, by :func:`coterie.psi.circuit_receive` and by
    :func:`coterie.psi.intersect`; in engines ``clear`` and ``tee`` any number of owners.

    Errors: CT-3012 where an id has several rows, CT-3136 where nobody may receive the number, CT-3210 for
    other than two parties in engine ``mpc``, CT-3211 for a second such step in a job.
    """

    name: ClassVar[str] = "overlap"
    summary: ClassVar[str] = "Count the rows that the parties have in common, without telling anybody which."
    Parameters: ClassVar = OverlapParams
    engines: ClassVar[frozenset[Engine]] = frozenset({"clear", "mpc"})
    reads_datasets: ClassVar[bool] = True
    needs_label: ClassVar[bool] = False
    takes_hidden: ClassVar[bool] = True

    def plan(self, context: PlanContext, params: OverlapParams) -> StepPlan:
        if context.repeated_ids:
            raise IDS_REPEATED(", ".join(context.repeated_ids), step=context.step)
        if any(one.component == self.name for one in context.earlier):
            raise COUNTED_TWICE("", step=context.step)
        if context.engine == "mpc" and len(context.parties) != PAIR:
            raise TWO_PARTIES(f"{len(context.parties)}: {', '.join(context.parties)}", step=context.step)
        plan: dict[str, Any] = {
            "step": context.step,
            "component": self.name,
            "params": params.model_dump(mode="json"),
        }
        memory = _BYTES_PER_ROW * max(context.dataset_rows[party] for party in context.parties)
        if params.tell == "rows":
            return plan_rows(context, params, plan, memory)
        to = context.receiving("profile")
        if not to:
            raise NOBODY_RECEIVES("'profile'", step=context.step)
        plan |= {"reveals": (_reveal(params, to),), "results": {"profile": to}}
        if context.engine != "mpc":
            return StepPlan(**plan, memory=memory, rounds=dict.fromkeys(context.everybody, 0))
        return StepPlan(**plan, **_messages(context, params, memory), statement=MPC)

    def run(self, context: RunContext, params: OverlapParams) -> None:
        try:
            if params.tell == "rows":
                run_rows(context, params)
                return
            common = self._mpc(context, params) if context.engine == "mpc" else _here(context, params)
        except CoterieError as error:
            raise error.at(step=context.step) from None
        if common is not None:
            context.tell("profile", _document(context, params, common).model_dump(mode="json"))

    def _mpc(self, context: RunContext, params: OverlapParams) -> int | None:
        """The number, where this participant may receive it."""
        planning = context.planning
        program, tape = _program(planning, params), _tape(planning, params)
        outputs = served(program, tape, context)
        if outputs is None:
            strings, receives = _strings(context)
            outputs = computed(program, tape, context, differences(strings, receives))
        found = outputs.revealed.get(COUNT)
        return None if found is None else int(found)


def _messages(context: PlanContext, params: OverlapParams, memory: int) -> dict[str, Any]:
    """What the plan says of the intersection and of the count after it."""
    needs = with_intersection(
        needs_of(_tape(context, params)), _cost(context), *_roles(context), context.everybody
    )
    return needs | {"memory": memory + needs["memory"]}


def _here(context: RunContext, params: OverlapParams) -> int | None:
    """The number, of tables that are all in one place."""
    if not context.computes:
        return None
    context.progress(0, 1, "counting")
    common = counted([context.datasets[owner].keyed_ids(context.id_key) for owner in context.mine])
    return common if params.epsilon is None else common + noise(params.epsilon)


def _strings(context: RunContext) -> tuple[Any, bool]:
    """This party's strings of all bins, and whether the bins are of its rows."""
    receiver, sender = _roles(context.planning)
    rows = context.planning.dataset_rows
    hashes = context.datasets[context.me].keyed_ids(context.id_key)
    if context.me == receiver:
        channel = context.mesh.to(sender)
        taken = psi.circuit_receive(channel, hashes, rows[sender], progress=context.progress)
        return taken.strings, True
    channel = context.mesh.to(receiver)
    return psi.circuit_send(channel, hashes, rows[receiver], progress=context.progress).strings, False


def _roles(context: PlanContext) -> tuple[str, str]:
    """Whose rows the bins are, and the other party."""
    receiver = psi.asker({party: context.dataset_rows[party] for party in context.parties})
    (sender,) = (party for party in context.parties if party != receiver)
    return receiver, sender


def _cost(context: PlanContext) -> psi.CostHidden:
    receiver, sender = _roles(context)
    return psi.cost_hidden(context.dataset_rows[receiver], context.dataset_rows[sender])


def _program(context: PlanContext, params: OverlapParams) -> Program:
    return counting(_cost(context).bins, context.receiving("profile"), params.epsilon)


def _tape(context: PlanContext, params: OverlapParams) -> Tape:
    (receiver, sender), cost = _roles(context), _cost(context)
    after = {receiver: cost.rounds_receiver, sender: cost.rounds_sender}
    return traced(_program(context, params), context, to=context.receiving("profile"), after=after)


def _document(context: RunContext, params: OverlapParams, common: int) -> OverlapCount:
    planning, epsilon = context.planning, params.epsilon
    samples = len(context.parties) if context.engine == "mpc" else 1
    return OverlapCount(
        step=context.step,
        datasets=tuple(
            PartyRows(party=party, rows=planning.dataset_rows[party]) for party in context.parties
        ),
        common=common,
        epsilon=epsilon,
        deviation=None if epsilon is None else deviation(epsilon, samples),
    )


def _reveal(params: OverlapParams, to: tuple[str, ...]) -> Reveal:
    text = "number of common rows"
    if params.epsilon is not None:
        text = f"number of common rows, with noise for differential privacy: epsilon {params.epsilon:g}"
    return Reveal(text, to, 1, "profile")
