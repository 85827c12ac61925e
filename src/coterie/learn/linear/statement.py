"""What linear models show, whatever trained them."""

from __future__ import annotations

from collections.abc import Mapping

from coterie.learn.component import Reveal, Statement

__all__ = ["CLEAR", "MODEL", "SCORES", "model_reveals"]

MODEL = "coefficient of each feature, and the intercept where there is one"
"""Of a model that is in the clear."""


def model_reveals(results: Mapping[str, tuple[str, ...]], size: int) -> tuple[Reveal, ...]:
    """What receivers learn of a model of ``size`` numbers that is in one place: as a file, as a document."""
    reveals = []
    if "model" in results:
        reveals.append(Reveal(MODEL, results["model"], size, "model"))
    if "coefficients" in results:
        reveals.append(Reveal(MODEL, results["coefficients"], size, "coefficients"))
    return tuple(reveals)


CLEAR = Statement(
    protocol="in the clear at the one party that holds all columns",
    adversary="none: nothing is sent",
    threshold="one party",
    computational_bits=0,
    statistical_bits=0,
)

SCORES = Statement(
    protocol="additive sharing in Z_2^64, private bilinear products, exact truncation, zero-shared reveal",
    helper="a dealer that gives out correlated randomness and colludes with no compute party",
)
