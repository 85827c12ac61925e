"""What ``select`` assumes and shows."""

from __future__ import annotations

from coterie.learn.component import PlanContext, Reveal, Statement
from coterie.learn.glm import RANGE
from coterie.learn.select.evidence import Choosing
from coterie.learn.select.params import SelectParams

__all__ = ["MPC", "reveals_of"]

CHOICE = "which features stay"
RECORD = "why each feature stays or goes, with what was held against the threshold"
MISSING = "share of missing values of each feature of another party"
CORRELATIONS = "correlation of each pair of features"
INFORMATION = "matrix of information of a logistic fit with all features"
MOMENTS = "that matrix times the coefficients, each feature in units of its spread"

MPC = Statement(
    protocol="the label holder chooses by figures of the features, which it is told; those of several "
    "owners' columns by additive sharing in Z_2^64, private bilinear products, exact truncation, zero-shared "
    "reveal",
    helper="a dealer that gives out correlated randomness and colludes with no compute party",
    leaks="nothing beyond its output; which features stay says something of the label",
)


def reveals_of(context: PlanContext, params: SelectParams, choosing: Choosing) -> tuple[Reveal, ...]:
    """What becomes known to whom."""
    holder, width = context.label_holder, choosing.shape.width
    found = []
    if context.engine == "mpc":
        if choosing.correlated is not None:
            pairs = choosing.correlated.pairs
            found.append(Reveal(CORRELATIONS, (holder,), pairs, "correlations"))
        if choosing.fitted is not None:
            size = choosing.fitted.numbers.size
            found.append(Reveal(RANGE, context.parties, 1))
            found.append(Reveal(INFORMATION, (holder,), size * size, "statistics"))
            found.append(Reveal(MOMENTS, (holder,), size, "coefficients"))
        others = width - len(choosing.shape.columns.get(holder, ()))
        if params.max_missing is not None and others:
            found.append(Reveal(MISSING, (holder,), others, "profile"))
    if context.everybody:
        found.append(Reveal(CHOICE, context.everybody, width))
    told = tuple(one for one in context.receiving("selection") if one != holder or context.engine == "tee")
    if told:
        found.append(Reveal(RECORD, told, 3 * width, "selection"))
    return tuple(found)
