"""What ``bin`` and ``woe`` assume and show."""

from __future__ import annotations

from collections.abc import Sequence

from coterie.learn.component import PlanContext, Reveal, Statement

__all__ = ["CLEAR", "WOE", "counts_statement", "subtracted"]

COUNTING = frozenset({"bin", "crosstab"})
"""Components that show an owner counts of labels by group of its columns."""

CLEAR = Statement(
    protocol="counts where all columns are",
    adversary="none: nothing is sent",
    threshold="any number of parties",
)

WOE = Statement(
    protocol="each owner replaces its own columns by the weights of their bins, without a message",
    adversary="none: nothing is sent",
    threshold="any number of parties",
)


def counts_statement(context: PlanContext) -> Statement:
    """Of label counts by group of engine mpc."""
    return Statement(
        protocol="labels counted by group on shares, from the label holder's labels and the owner's groups; "
        f"groups with fewer than {context.min_group} rows of either label are merged on shares before the "
        "owner sees a count",
        helper=context.dealer,
        leaks="nothing beyond its output: the label holder learns neither cut points nor groups nor counts, "
        "the owner of a column no row's label",
    )


def subtracted(context: PlanContext, owner: str, values: int) -> tuple[Reveal, ...]:
    """What an owner can subtract from what earlier steps have shown it: groups that overlap, or the same ones
    of other rows, differ by fewer rows than any of them has.

    :param values: that this step shows it.
    """
    before = [
        f"'{one.step}'"
        for one in context.earlier
        if one.component in COUNTING and _counts(one.params.model_dump().get("columns", ()), owner)
    ]
    if not before:
        return ()
    text = f"what these counts and those of {', '.join(before)} differ by, which may be of one row"
    return (Reveal(text, context.parties if context.horizontal else (owner,), values, "bins"),)


def _counts(columns: Sequence[str], owner: str) -> bool:
    """Whether a step that names these columns looks at an owner's; all where it names none."""
    return not columns or any(name.startswith(f"{owner}.") for name in columns)
