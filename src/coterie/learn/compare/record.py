"""The document of a comparison of two scores on the same rows."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from coterie.learn.documents import Document

__all__ = [
    "Comparison",
    "Difference",
    "Exchange",
    "Outcome",
    "Reclassification",
    "Side",
    "SwapCell",
    "SwapSet",
]

CUT_OFFS = 9
TARGETS = 20

Name = Annotated[str, StringConstraints(max_length=64)]


class Difference(Document):
    """A difference that could be chance."""

    difference: float
    """The model's value less the other's."""
    low: float
    """95 % interval."""
    high: float
    z: float | None
    """In standard errors; None where there is none."""
    p_value: float
    """Two-sided, of no difference."""


class Side(Document):
    """One of the two scores."""

    name: Name
    """Of the step that made the model; "own columns alone" for the label holder's own."""
    auc: float
    auc_low: float
    auc_high: float
    gini: float
    ks: float
    brier: float


class Reclassification(Document):
    """How rows change between classes of risk, from the other score to the model's [Pencina et al. 2008,
    2011]. An improvement is up for rows with 1 and down for rows with 0."""

    cut_offs: tuple[float, ...] = Field(max_length=CUT_OFFS)
    """Probabilities from which the next class begins."""
    positives: tuple[Annotated[tuple[int, ...], Field(max_length=CUT_OFFS + 1)], ...] = Field(
        (), max_length=CUT_OFFS + 1
    )
    """Rows with 1, by class of the other score, then by class of the model's; for the label holder alone."""
    negatives: tuple[Annotated[tuple[int, ...], Field(max_length=CUT_OFFS + 1)], ...] = Field(
        (), max_length=CUT_OFFS + 1
    )
    """Rows with 0."""
    nri_positives: float
    """Share of the rows with 1 that go up, less share that go down."""
    nri_negatives: float
    """Share of the rows with 0 that go down, less share that go up."""
    nri: Difference
    """Net reclassification improvement: the sum of the two."""
    nri_continuous: Difference
    """The same where any rise of the probability is up, and any fall down."""
    idi: Difference
    """Integrated discrimination improvement: how much further apart the mean probabilities of the two labels
    are."""


class SwapCell(Document):
    """Rows that the two scores treat so."""

    rows: int = Field(ge=0)
    positives: int = Field(ge=0)
    rate: float | None
    """Share of rows with 1; None without rows."""


class SwapSet(Document):
    """Whom either score approves, where both approve (at most) the same share of the rows."""

    approval: float
    """Share of the rows."""
    both: SwapCell
    swapped_in: SwapCell
    """Approved by the model alone."""
    swapped_out: SwapCell
    """Approved by the other score alone."""
    neither: SwapCell


class Outcome(Document):
    """What approving the rows of the lowest risk brings."""

    approval: float
    """Share of the rows."""
    bad_rate: float
    """Share of the approved rows whose label is 1."""
    loss: float
    """Loss given default times the exposure of approved rows with 1."""
    profit: float
    """Margin times the exposure of approved rows with 0, less the loss."""


class Exchange(Document):
    """The two scores at the same target."""

    target: float
    """Approval rate, or largest rate of bad rows among the approved."""
    first: Outcome | None
    """None where the target cannot be reached."""
    second: Outcome | None


class Comparison(Document):
    """The content of the document of kind "metrics"."""

    version: Literal[1] = 1
    frame: Name
    guarded: bool = False
    """Whether every group of rows in it has at least ``min_group`` rows of either label."""
    rows: int
    positives: int
    first: Side
    """The model."""
    second: Side
    """What it is held against."""
    auc: Difference
    """[DeLong et al. 1988]"""
    ks_difference: float
    reclassification: Reclassification
    swap: SwapSet | None
    """None where a group of it is too small for the receiver."""
    at_equal_approval: tuple[Exchange, ...] = Field((), max_length=TARGETS)
    """Bad rate and loss by target of approval; rows of equal risk at the border count in part."""
    at_equal_bad_rate: tuple[Exchange, ...] = Field((), max_length=TARGETS)
    """Approval by target of the bad rate: the highest cut that keeps to it."""
    loss_given_default: float
    margin: float
    exposure: Annotated[str, StringConstraints(max_length=192)] | None
    """The column; None for 1 (or a constant) for every row."""
