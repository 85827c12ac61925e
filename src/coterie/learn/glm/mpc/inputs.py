"""Who brings what into the secure program: the names and bounds of private inputs, and the numbers behind
them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from coterie.learn.glm.design import CAP, LOCATION_CAP, SMALLEST_SPREAD, WEIGHT_CAP, Rows
from coterie.learn.glm.families import family_of
from coterie.learn.glm.mpc.formats import (
    COEFFICIENT_FRAC,
    RIDGE_FRAC,
    ROW_WEIGHT_FRAC,
    SLACK,
    SQUARES_FRAC,
    Formats,
)
from coterie.learn.glm.preparation import Block, Label, Offset, Weights
from coterie.learn.glm.statistics import LabelFacts
from coterie.learn.linear import Floats
from coterie.mpc import Context, Private, RowBlocks

__all__ = ["Own", "Piece", "Roles", "Small", "declare_piece", "declare_small", "inputs", "location_of"]

LOSS_CAP, LOSS_CAP_FRAC = 2.0**20, 20
SCALE_BOUND, SCALE_FRAC = LOCATION_CAP, 30
COARSE_FRAC = 14
FACTS_FRAC = 30
FACTS_BOUND = 2.0**28
"""Of the numbers that the label holder tells for statistics."""


@dataclass(frozen=True)
class Roles:
    """Who holds what beside features. Public."""

    label: str
    weights: str | None = None
    offset: str | None = None
    classes: bool = False
    """Whether the label holder weighs classes."""

    @property
    def weighers(self) -> tuple[str, ...]:
        """Holders of factors of row weights; one party's factors are one."""
        both = [*([self.label] if self.classes else []), *([self.weights] if self.weights else [])]
        return tuple(dict.fromkeys(both))


@dataclass(frozen=True)
class Own:
    """What one party brings, prepared."""

    block: Block | None = None
    label: Label | None = None
    weights: Floats | None = None
    """(rows,): its factor of the row weights, of mean 1."""
    given_weights: Weights | None = None
    """Of the weights' holder."""
    offset: Offset | None = None
    facts: LabelFacts | None = None
    """Of the label holder, where statistics are asked for."""


@dataclass(frozen=True)
class Piece:
    """Private inputs over a range of rows."""

    rows: Rows
    features: dict[str, Private]
    label: Private
    weights: tuple[Private, ...]
    offset: Private | None
    signs: Private | None
    """1 − 2y, of logistic labels."""
    best: Private | None
    """What each row's loss would be at best, where losses are added up."""
    squares: dict[str, Private]
    """Each row's sum of squared features, where their curvature has to be guarded."""

    @property
    def count(self) -> int:
        return self.rows[1] - self.rows[0]


def _name(what: str, rows: Rows) -> str:
    return f"{what}, rows {rows[0]} to {rows[1]}"


def declare_piece(
    ctx: Context, formats: Formats, roles: Roles, rows: Rows, *, curved: bool, told: bool
) -> Piece:
    """The inputs over those rows.

    :param curved: whether their curvature is asked for. :param told: whether their losses are.
    """
    design, params, count = formats.design, formats.design.params, rows[1] - rows[0]
    features, squares = {}, {}
    for owner, width in design.widths.items():
        features[owner] = ctx.private(
            _name(f"features of {owner}", rows),
            owner,
            (count, width),
            CAP,
            formats.feature_frac,
            row_sum=formats.row_sum(owner),
            column_sum=formats.column_sum(rows),
        )
        if curved and formats.guarded:
            squares[owner] = ctx.private(
                _name(f"squares of {owner}", rows),
                owner,
                (count, 1),
                (0.0, width * CAP**2),
                SQUARES_FRAC,
                column_sum=design.rows * width * SLACK + count * 2.0**-SQUARES_FRAC,
            )
    low = -formats.label_bound if params.family == "linear" else 0.0
    label = ctx.private(
        _name("label", rows), roles.label, (count,), (low, formats.label_bound), formats.label_frac
    )
    signs = None
    if params.family == "logistic":
        signs = ctx.private(_name("signs of the label", rows), roles.label, (count,), 1.0, 0)
    weights = tuple(
        ctx.private(_name(f"weights of {party}", rows), party, (count,), (0.0, WEIGHT_CAP), ROW_WEIGHT_FRAC)
        for party in roles.weighers
    )
    offset = None
    if roles.offset is not None and params.family != "linear":
        shape = (count, len(params.exponents)) if params.log_link else (count,)
        offset = ctx.private(_name("offset", rows), roles.offset, shape, params.reach, formats.weight_frac)
    best = None
    if told and params.log_link:
        best = ctx.private(_name("best losses", rows), roles.label, (count,), LOSS_CAP, LOSS_CAP_FRAC)
    return Piece(rows, features, label, weights, offset, signs, best, squares)


@dataclass(frozen=True)
class Small:
    """Private inputs that do not grow with the rows."""

    ridge: dict[str, Private]
    """(width, width) diagonal: L2 penalties."""
    lasso: dict[str, Private]
    """(width,): L1 penalties."""
    back: dict[str, Private]
    """(width + 1, width): weights to coefficients."""
    start: Private | None
    unit: Private | None
    """(exponentials,): what a label's unit adds to their arguments, without an intercept."""
    logarithm: Private | None
    """(1,): of the label's unit, added to the intercept."""
    centre: Private | None
    """(1,): taken off the intercept, by the offset's holder."""
    scale: Private | None
    """(2,): exponent and location of a linear label."""
    coarse: dict[str, Private]
    """The way back once more, with fewer bits, for variances."""
    turn: dict[str, Private]
    """(width, width): that without the intercept."""
    facts: Private | None
    """(3,): exponent, null and constant of :class:`LabelFacts`, zeros for what there is not."""
    weight: Private | None
    """(2,): mean of the row weights as given, as mantissa and exponent."""


def declare_small(
    ctx: Context, formats: Formats, roles: Roles, *, first: bool, last: bool, told: bool
) -> Small:
    """The inputs beside rows: of the first part of a training, and of its last.

    :param told: whether statistics are.
    """
    params, holder = formats.design.params, roles.label
    start = unit = logarithm = centre = scale = facts = weight = None
    if params.intercept and first and params.family != "linear":
        start = ctx.private("start", holder, (1,), params.reach, formats.weight_frac)
    if params.log_link and params.intercept and last:
        logarithm = ctx.private("logarithm of the unit", holder, (1,), 64.0, COEFFICIENT_FRAC)
    if params.log_link and not params.intercept:
        unit = ctx.private("unit of the label", holder, (len(params.exponents),), 64.0, formats.weight_frac)
    if params.family == "linear" and last:
        scale = ctx.private("scale of the label", holder, (2,), SCALE_BOUND, SCALE_FRAC)
    elif roles.offset is not None and params.intercept and last:
        centre = ctx.private("centre of the offset", roles.offset, (1,), 64.0, COEFFICIENT_FRAC)
    if told:
        facts = ctx.private("facts of the label", holder, (3,), FACTS_BOUND, FACTS_FRAC)
        if roles.weights is not None:
            weight = ctx.private("mean weight", roles.weights, (2,), 2048.0, FACTS_FRAC)
    ridge, lasso, back, coarse, turn = _declare_ways(ctx, formats, last=last, told=told)
    return Small(ridge, lasso, back, start, unit, logarithm, centre, scale, coarse, turn, facts, weight)


def _declare_ways(
    ctx: Context, formats: Formats, *, last: bool, told: bool
) -> tuple[dict[str, Private], ...]:
    """Each owner's penalties, and its ways back to coefficients."""
    design, params, far = formats.design, formats.design.params, formats.back_bound
    ridge, lasso, back, coarse, turn = {}, {}, {}, {}, {}
    for owner, width in design.widths.items():
        if params.l2:
            bound = (0.0, design.ridge_bound)
            ridge[owner] = ctx.private(f"ridge of {owner}", owner, (width, width), bound, RIDGE_FRAC)
        if params.l1:
            bound = (0.0, params.l1 / SMALLEST_SPREAD**0.5)
            lasso[owner] = ctx.private(f"lasso of {owner}", owner, (width,), bound, RIDGE_FRAC)
        shape = (width + 1, width)
        if last:
            back[owner] = ctx.private(f"way back of {owner}", owner, shape, far, formats.back_frac)
        if told:
            coarse[owner] = ctx.private(f"coarse way back of {owner}", owner, shape, far, COARSE_FRAC)
            turn[owner] = ctx.private(f"turn of {owner}", owner, (width, width), far, COARSE_FRAC)
    return ridge, lasso, back, coarse, turn


def location_of(own: Own) -> float:
    """Of a linear label, less the centre of the offset that its holder has subtracted; in its unit."""
    assert own.label is not None
    centre = 0.0 if own.offset is None else math.ldexp(own.offset.centre, -own.label.exponent)
    return own.label.location - centre


def inputs(me: str, own: Own, formats: Formats) -> dict[str, Floats | RowBlocks]:
    """All of a party's own inputs, by name. A program takes those that it names."""
    design = formats.design
    given: dict[str, Floats | RowBlocks] = {}
    for rows in design.pieces:
        given |= _over_rows(me, own, formats, rows)
    if own.block is not None:
        given[f"ridge of {me}"] = np.diag(own.block.ridge * design.share)
        given[f"lasso of {me}"] = own.block.lasso * design.share
        given[f"way back of {me}"] = given[f"coarse way back of {me}"] = own.block.back()
        given[f"turn of {me}"] = own.block.turn
        given[f"units of {me}"] = own.block.units()
    if own.label is not None:
        logarithm = own.label.exponent * np.log(2.0)
        given["scale of the label"] = np.array([float(own.label.exponent), location_of(own)])
        given["start"] = np.array([own.label.start])
        given["logarithm of the unit"] = np.array([logarithm])
        given["unit of the label"] = -logarithm * np.array(formats.design.params.exponents)
    if own.facts is not None:
        told = (float(own.facts.exponent), own.facts.null or 0.0, own.facts.constant or 0.0)
        given["facts of the label"] = np.array(told)
    if own.given_weights is not None:
        given["mean weight"] = np.array(math.frexp(own.given_weights.mean))
    if own.offset is not None:
        given["centre of the offset"] = np.array([own.offset.centre])
    return given


def _over_rows(me: str, own: Own, formats: Formats, rows: Rows) -> dict[str, Floats | RowBlocks]:
    given: dict[str, Floats | RowBlocks] = {}
    first, end = rows
    if own.block is not None:
        scaled = own.block.scaled()
        given[_name(f"features of {me}", rows)] = _part(scaled, rows)
        given[_name(f"squares of {me}", rows)] = _squares(scaled, rows, formats.feature_frac)
    if own.label is not None:
        given[_name("label", rows)] = own.label.values[first:end]
        best = family_of(formats.design.params).best_loss(own.label.values[first:end])
        given[_name("best losses", rows)] = best
        given[_name("signs of the label", rows)] = 1 - 2 * own.label.values[first:end]
    if own.weights is not None:
        given[_name(f"weights of {me}", rows)] = own.weights[first:end]
    if own.offset is not None:
        values = own.offset.values[first:end]
        if formats.design.params.log_link:
            values = values[:, None] * np.array(formats.design.params.exponents)
        given[_name("offset", rows)] = values
    return given


def _part(blocks: RowBlocks, rows: Rows) -> RowBlocks:
    first, end = rows
    shape = (end - first, *blocks.shape[1:])
    return RowBlocks(shape, lambda start, stop: blocks.rows(first + start, first + stop))


def _squares(blocks: RowBlocks, rows: Rows, frac: int) -> RowBlocks:
    """Of features as they are rounded, and rounded up themselves: the guard's sum is not below the truth."""
    first, end = rows

    def part(start: int, stop: int) -> Floats:
        rounded = np.rint(blocks.rows(first + start, first + stop) * 2.0**frac) / 2.0**frac
        total = (rounded**2).sum(axis=1, keepdims=True)
        return np.asarray(np.ceil(total * 2.0**SQUARES_FRAC) / 2.0**SQUARES_FRAC)

    return RowBlocks((end - first, 1), part)
