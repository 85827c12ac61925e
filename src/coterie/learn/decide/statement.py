"""What ``decide`` assumes and shows, beyond the scoring by the model's own protocol."""

from dataclasses import replace

from coterie.learn.component import Statement

__all__ = ["statement"]

_LEAKS = (
    "the label holder learns the score of each row, and can estimate from many of them what the other "
    "parties' columns add to a score; other receivers learn counts of groups of the agreed size"
)


def statement(scoring: Statement | None) -> Statement:
    """The statement of the step, on top of the one of the scoring."""
    if scoring is None:
        return Statement(
            protocol="the label holder counts its scores and labels",
            adversary="none: no secret is computed with",
            threshold="any number of parties",
            leaks=_LEAKS,
        )
    return replace(
        scoring, protocol=f"{scoring.protocol}; the label holder counts scores and labels", leaks=_LEAKS
    )
