"""What ``stability`` assumes and shows, beyond the scoring by the model's own protocol."""

from dataclasses import replace

from coterie.learn.component import Statement

__all__ = ["statement"]

_LEAKS = (
    "the label holder learns the score of each row of both samples; receivers learn one index of each "
    "feature, of which its owner alone has the bins, and of the score"
)


def statement(scoring: Statement | None) -> Statement:
    """The statement of the step, on top of the one of the scoring."""
    own = "each owner compares its own columns, the label holder the scores"
    if scoring is None:
        return Statement(
            protocol=own,
            adversary="none: no secret is computed with",
            threshold="any number of parties",
            leaks=_LEAKS,
        )
    return replace(scoring, protocol=f"{scoring.protocol}; {own}", leaks=_LEAKS)
