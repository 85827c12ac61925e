"""The choice in engine mpc: what is computed on shares, and who sends what to whom."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from coterie.learn.component import PlanContext, RunContext, StepPlan
from coterie.learn.documents import pack, unpack
from coterie.learn.errors import RECORD_INVALID
from coterie.learn.linear import Floats
from coterie.learn.secure import computed, needs_of, served, traced, with_room
from coterie.learn.select.clear import Evidence
from coterie.learn.select.evidence import Choosing, information_values, missing_rates, placed
from coterie.learn.select.params import SelectParams
from coterie.learn.select.record import MissingRates, Selection, missing_size, selection_size
from coterie.learn.select.telling import Kept, decided, for_reader, told
from coterie.mpc import Context, Program, RowBlocks

__all__ = ["chosen_together", "planned_together"]

MISSING_TAG, CHOICE_TAG, RECORD_TAG = "missing", "choice", "selection"

Sizes: TypeAlias = Mapping[tuple[str, str], int]
"""Bytes, by sender and receiver."""


def planned_together(
    context: PlanContext, params: SelectParams, choosing: Choosing, plan: StepPlan
) -> StepPlan:
    """The plan with what :func:`chosen_together` will send."""
    program = _program(context, choosing)
    if program is not None:
        needs = needs_of(traced(program, context, (context.label_holder,)))
        needs |= {"memory": needs["memory"] + plan.memory}
        needs |= {"rounds": {**plan.rounds, **needs["rounds"]}}
        plan = replace(plan, **(needs if context.exact else with_room(needs)))
    plan = _with_messages(plan, _missing_sizes(context, params, choosing))
    choice, records = _choice_sizes(context, choosing), _record_sizes(context, choosing)
    both = {pair: choice.get(pair, 0) + records.get(pair, 0) for pair in {**choice, **records}}
    return _with_messages(plan, both)


def _program(context: PlanContext, choosing: Choosing) -> Program | None:
    """What is computed on shares, and shown to the label holder."""
    parts = []
    if choosing.correlated is not None:
        parts.append(choosing.correlated.program())
    if choosing.fitted is not None:
        parts.append(choosing.fitted.program((context.label_holder,)))

    def program(ctx: Context) -> None:
        for part in parts:
            part(ctx)

    return program if parts else None


def _inputs(context: RunContext, choosing: Choosing) -> dict[str, Floats | RowBlocks]:
    given: dict[str, Floats | RowBlocks] = {}
    if choosing.correlated is not None:
        given |= choosing.correlated.inputs(context)
    if choosing.fitted is not None:
        given |= choosing.fitted.inputs(context)
    return given


def _computed(context: RunContext, choosing: Choosing) -> Mapping[str, Floats]:
    """What the program tells here, by name."""
    program = _program(context.planning, choosing)
    if program is None:
        return {}
    tape = traced(program, context.planning, (context.planning.label_holder,))
    outputs = served(program, tape, context)
    if outputs is None:
        outputs = computed(program, tape, context, _inputs(context, choosing))
    return outputs.revealed


def _missing_sizes(context: PlanContext, params: SelectParams, choosing: Choosing) -> Sizes:
    """Of the owners' missing rates, by sender and receiver."""
    holder = context.label_holder
    return {
        (owner, holder): missing_size(len(names))
        for owner, names in choosing.shape.columns.items()
        if params.max_missing is not None and names and owner != holder
    }


def _choice_sizes(context: PlanContext, choosing: Choosing) -> Sizes:
    """Of the choice itself, one bit for each feature, to the other owners."""
    holder, size = context.label_holder, -(-choosing.shape.width // 8)
    return {(holder, party): size for party in context.parties if party != holder}


def _record_sizes(context: PlanContext, choosing: Choosing) -> Sizes:
    holder, size = context.label_holder, selection_size(choosing.places)
    return {(holder, reader): size for reader in context.receiving("selection") if reader != holder}


def _with_messages(plan: StepPlan, sizes: Sizes) -> StepPlan:
    """The plan of a step that goes on with these."""
    sent = {source: dict(to) for source, to in plan.sent.items()}
    rounds = dict(plan.rounds)
    for (source, target), size in sizes.items():
        to = sent.setdefault(source, {})
        to[target] = to.get(target, 0) + size
        rounds[target] = max(rounds[target], plan.rounds[source] + 1)
    return replace(plan, sent=sent, rounds=rounds)


def chosen_together(context: RunContext, params: SelectParams, choosing: Choosing) -> Kept | None:
    """At every participant of engine mpc; None where there are no frames."""
    planning, me, holder = context.planning, context.me, context.planning.label_holder
    revealed = _computed(context, choosing)
    if context.deals_ahead:
        return None
    rates = _gathered(context, params, choosing)
    if me == holder:
        correlated, fitted = choosing.correlated, choosing.fitted
        evidence = Evidence(
            choosing.places,
            information_values(context, choosing),
            placed(choosing, rates),
            None if correlated is None else correlated.told(revealed),
            None if fitted is None else fitted.told(revealed),
        )
        selection = decided(params, evidence)
        return _sent(context, params, choosing, selection)
    kept = None
    size = _choice_sizes(planning, choosing).get((holder, me))
    if size is not None:
        kept = _read_bits(context.mesh.to(holder).recv_bytes(CHOICE_TAG, size), choosing, holder)
    size = _record_sizes(planning, choosing).get((holder, me))
    if size is not None:
        received = unpack(context.mesh.to(holder).recv_bytes(RECORD_TAG, size), Selection, holder)
        shown = _checked(received, choosing, kept, holder)
        context.tell("selection", shown.model_dump(mode="json"))
    return kept


def _gathered(context: RunContext, params: SelectParams, choosing: Choosing) -> dict[str, tuple[float, ...]]:
    """Missing rates by owner, at the label holder."""
    holder, sizes = context.planning.label_holder, _missing_sizes(context.planning, params, choosing)
    if params.max_missing is None:
        return {}
    own = {owner: missing_rates(context, choosing, owner) for owner in context.mine}
    for (owner, _), size in sizes.items():
        if owner == context.me:
            content = pack(MissingRates(rates=own[owner]), size)
            context.mesh.to(holder).send_bytes(MISSING_TAG, content)
        elif holder == context.me:
            received = context.mesh.to(owner).recv_bytes(MISSING_TAG, size)
            own[owner] = unpack(received, MissingRates, owner).rates
            if len(own[owner]) != len(choosing.shape.columns[owner]):
                raise RECORD_INVALID(f"missing rates of {len(own[owner])} features", party=owner)
    return own


def _sent(context: RunContext, params: SelectParams, choosing: Choosing, selection: Selection) -> Kept:
    """The label holder tells all others."""
    planning, kept = context.planning, [one.kept for one in selection.features]
    bits = np.packbits(np.array(kept, np.bool_), bitorder="little").tobytes()
    for _, party in _choice_sizes(planning, choosing):
        context.mesh.to(party).send_bytes(CHOICE_TAG, bits)
    for (_, reader), size in _record_sizes(planning, choosing).items():
        shown = for_reader(planning, params, selection, reader)
        context.mesh.to(reader).send_bytes(RECORD_TAG, pack(shown, size))
    return told(context, params, selection)


def _read_bits(content: bytes, choosing: Choosing, holder: str) -> Kept:
    """Errors: CT-3031."""
    bits = np.unpackbits(np.frombuffer(content, np.uint8), bitorder="little")
    width = choosing.shape.width
    if bits[width:].any() or not bits.any():
        raise RECORD_INVALID(f"a choice of none of {width} features, or of others", party=holder)
    return tuple(bits[:width].astype(bool).tolist())


def _checked(received: Selection, choosing: Choosing, kept: Kept | None, holder: str) -> Selection:
    """Errors: CT-3031 where it is not of the planned features, or not what was chosen."""
    places = tuple(f"{one.party}.{one.column}" for one in received.features)
    said = tuple(one.kept for one in received.features)
    if places != choosing.places or kept not in (None, said):
        raise RECORD_INVALID("reasons of another choice", party=holder)
    return received
