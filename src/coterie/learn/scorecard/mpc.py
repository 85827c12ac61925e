"""The program that shows each owner its own coefficients, and the label holder the intercept."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from coterie.learn.linear import Floats, ModelFacts, SharedModel
from coterie.mpc import Context, Interval, Kept, Outputs, Program

__all__ = ["inputs", "opening", "shown"]

INTERCEPT = "the intercept"


def opening(facts: ModelFacts, label_holder: str) -> Program:
    """One round. Coefficients have the fractional bits that the model has."""

    def program(ctx: Context) -> None:
        model = ctx.shared("model", (facts.size,), facts.bound, facts.frac)
        first = 0
        for owner, names in facts.columns.items():
            ctx.reveal(model[first : first + len(names)], (owner,), _of(owner))
            first += len(names)
        if facts.params.intercept:
            ctx.reveal(model[first:], (label_holder,), INTERCEPT)

    return program


def inputs(model: SharedModel) -> Mapping[str, Kept]:
    """A compute party's shares."""
    facts = model.facts
    return {"model": Kept(model.shares, facts.frac, Interval(-facts.bound, facts.bound))}


def shown(outputs: Outputs, owner: str) -> tuple[Floats, float]:
    """An owner's coefficients, and the intercept: 0 where it is not shown to it, or there is none."""
    intercept = outputs.revealed.get(INTERCEPT)
    return outputs.revealed.get(_of(owner), np.zeros(0)), 0.0 if intercept is None else float(intercept[0])


def _of(owner: str) -> str:
    return f"coefficients of {owner}"
