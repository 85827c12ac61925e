"""What ``bin`` and ``woe`` assume and show."""

from __future__ import annotations

from coterie.learn.component import PlanContext, Statement

__all__ = ["CLEAR", "WOE", "counts_statement"]

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
