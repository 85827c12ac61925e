"""How many rows stand behind a sum: its reader takes off its own."""

from __future__ import annotations

from coterie.learn.component import FrameShape, PlanContext
from coterie.learn.pooled.errors import TOO_FEW_BESIDE

__all__ = ["enough_beside"]


def enough_beside(context: PlanContext, shape: FrameShape, numbers: int = 0) -> None:
    """That no party can tell much of few rows from sums over all of them, less its own.

    :param numbers: of which a sum is made of a row: features. There have to be more rows than these, or sums
        of their products would tell how the rows lie. Where parties may drop out, each one has so many
        itself: two sums, with it and without it, differ by its own.

    Errors: CT-3235.
    """
    by_party = shape.horizontal or {}
    least = max(context.min_group, numbers + 1)
    for party, own in by_party.items():
        if context.minimum is not None and own < least:
            # Gone between two sums, its rows are what these differ by.
            raise TOO_FEW_BESIDE(
                f"{own} rows of {party}, which may drop out, and at least {least} are needed",
                step=context.step,
            )
        others = sorted(rows for name, rows in by_party.items() if name != party)
        # Where parties may drop out those with most rows may.
        beside = sum(others if context.minimum is None else others[: context.minimum - 1])
        if beside < least:
            raise TOO_FEW_BESIDE(
                f"{beside} rows beside those of {party}, and at least {least} are needed",
                step=context.step,
            )
