"""The choice, its reasons, and who may read how much of them."""

from __future__ import annotations

from typing import TypeAlias

from coterie.learn.component import PlanContext, ResultKind, RunContext
from coterie.learn.select.clear import Evidence, choose
from coterie.learn.select.errors import NOTHING_LEFT
from coterie.learn.select.params import SelectParams
from coterie.learn.select.record import Selection

__all__ = ["Kept", "decided", "for_reader", "told"]

VALUES: tuple[ResultKind, ...] = ("iv", "profile", "correlations", "statistics")
"""Kinds of result that values in the record are of."""

Kept: TypeAlias = tuple[bool, ...]
"""Of each feature, in model order."""


def decided(params: SelectParams, evidence: Evidence) -> Selection:
    """Errors: CT-3146."""
    selection = choose(params, evidence)
    if not any(one.kept for one in selection.features):
        reasons = dict.fromkeys(one.reason for one in selection.features)
        raise NOTHING_LEFT(f"{len(selection.features)} features went: {', '.join(reasons)}")
    return selection


def told(context: RunContext, params: SelectParams, selection: Selection) -> Kept:
    """Tell those who are served here."""
    for reader in context.receiving("selection"):
        shown = for_reader(context.planning, params, selection, reader)
        context.tell("selection", shown.model_dump(mode="json"), (reader,))
    return tuple(one.kept for one in selection.features)


def for_reader(context: PlanContext, params: SelectParams, selection: Selection, reader: str) -> Selection:
    kinds: set[str] = {
        kind for kind in VALUES if context.engine == "clear" or reader in context.receiving(kind)
    }
    return selection.for_reader(kinds, "iv" if params.stepwise is None else "statistics")
