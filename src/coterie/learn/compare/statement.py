"""What ``compare`` assumes and shows, beyond the scoring by the models' own protocols."""

from dataclasses import replace

from coterie.learn.component import Statement

__all__ = ["statement"]

_LEAKS = (
    "the label holder learns the score of each row by each model, and can estimate from many of them what "
    "the other parties' columns add to a score; other receivers learn measures of groups of the agreed size"
)


def statement(scoring: Statement | None) -> Statement:
    """The statement of the step, on top of the one of the scoring."""
    if scoring is None:
        return Statement(
            protocol="the label holder compares its scores",
            adversary="none: no secret is computed with",
            threshold="any number of parties",
            leaks=_LEAKS,
        )
    return replace(
        scoring, protocol=f"{scoring.protocol}; the label holder compares the scores", leaks=_LEAKS
    )
