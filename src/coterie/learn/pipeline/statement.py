"""What saving shows. What predicting shows is the model's own statement of scoring."""

from coterie.learn.component import Statement

__all__ = ["SAVE"]

SAVE = Statement(
    protocol="each party with data stores what it holds already, without a message",
    adversary="none: nothing is sent",
    threshold="any number of parties",
)
