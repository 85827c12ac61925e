"""What is public of bins, and which columns a step looks at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from coterie.learn.component import FrameShape, PlanContext, RunContext
from coterie.learn.transform import Learnt

from .errors import BINS_MISSING, COLUMN_UNKNOWN
from .record import Bins

__all__ = ["BinsFacts", "WoeFacts", "bins_facts", "bins_here", "chosen"]


@dataclass(frozen=True)
class BinsFacts:
    """In ``PlanContext.models``: what everybody knows of the bins of a step."""

    columns: Mapping[str, tuple[str, ...]]
    """Columns that have bins, by owner."""
    slots: int
    """Bins of a column, at most."""


@dataclass(frozen=True)
class WoeFacts:
    """In ``PlanContext.models``: which columns a step replaced by weights of evidence."""

    columns: Mapping[str, tuple[str, ...]]
    """By owner."""


def bins_facts(context: PlanContext, step: str | None) -> tuple[str, BinsFacts]:
    """Name and facts of the step that has the bins; the last one where it is not named.

    Errors: CT-3103.
    """
    made = {name: facts for name, facts in context.models.items() if isinstance(facts, BinsFacts)}
    found = step or next(reversed(made), None)
    if found is None or found not in made:
        raise BINS_MISSING(f"'{step}' makes none" if step else "", step=context.step)
    return found, made[found]


def bins_here(context: RunContext, step: str, owner: str) -> Bins:
    """What that step learnt of columns of an owner who is here. Errors: CT-3103."""
    left: Any = context.models.get(step)
    bins = left.states.get(owner) if isinstance(left, Learnt) else None
    if not isinstance(bins, Bins):
        raise BINS_MISSING(f"'{step}'", step=context.step, party=owner)
    return bins


def chosen(
    shape: FrameShape, columns: Sequence[str], named: Iterable[str] = ()
) -> dict[str, tuple[str, ...]]:
    """Columns by owner, in model order: those of ``columns`` (``party.column``), or all where it is empty.

    :param named: more columns that have to be among the frame's.

    Errors: CT-3100.
    """
    every = {owner: tuple(names) for owner, names in shape.columns.items() if names}
    known = {f"{owner}.{name}" for owner, names in every.items() for name in names}
    for column in (*columns, *named):
        if column not in known:
            raise COLUMN_UNKNOWN(f"'{column}'")
    if not columns:
        return every
    wanted = frozenset(columns)
    kept = {
        owner: tuple(name for name in names if f"{owner}.{name}" in wanted) for owner, names in every.items()
    }
    return {owner: names for owner, names in kept.items() if names}
