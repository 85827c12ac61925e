"""What happens over rows: predictors, the pulls of the label, gradients, curvatures, losses.

Everything that is as long as the rows is opened in masked form once, and products with features then cost the
dealer's correction of their small result; only W ∘ F_K, which the matrix of curvatures is made of, is as
large as the features. Costs for n rows and d features, one iteration of "newton": see docs/components/glm.md.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from coterie.learn.glm.design import WEIGHT_CAP, Design
from coterie.learn.glm.mpc.formats import FINE_FRAC, PULL_PERIOD, ROOM, ROW_WEIGHT_FRAC, Formats
from coterie.learn.glm.mpc.inputs import Piece, Roles, Small
from coterie.learn.glm.mpc.trim import trimmed
from coterie.learn.glm.params import EXPONENT_REACH
from coterie.mpc import Context, Private, Secret, functions

__all__ = ["Pulls", "RowWork", "owners_parts"]

LOSS_FRAC = 20
RULE_FRAC = 10
"""Of the factors with which pulls are mixed to a curvature."""


def owners_parts(design: Design, vector: Secret) -> Iterator[tuple[str, Secret]]:
    """Each owner's part of a vector of weights, or of rows of them."""
    first = 0
    for owner, width in design.widths.items():
        yield owner, vector[..., first : first + width]
        first += width


@dataclass(frozen=True)
class Pulls:
    """Of one piece, row by row, weights included, ready to be multiplied with features."""

    slope: Secret
    """a − b."""
    curved: Secret | None
    """Second derivatives, or what stands for them."""


class RowWork:
    """The operations of a program over one piece of its rows."""

    def __init__(self, ctx: Context, formats: Formats, roles: Roles, piece: Piece, small: Small) -> None:
        self.ctx, self.formats, self.roles, self.piece, self.small = ctx, formats, roles, piece, small
        self.design, self.params = formats.design, formats.design.params
        self._weights: Private | Secret | None = None
        self._arguments: Secret | None = None
        self._predictor: Secret | None = None
        self._pair: tuple[Secret | None, Secret | None] = (None, None)
        self._plain: Secret | None = None

    @property
    def plain(self) -> Secret:
        """a − b of the weights that were looked at last, without the weights of rows."""
        assert self._plain is not None
        return self._plain

    def mask(self) -> list[Private]:
        """What is masked once at the start."""
        piece = self.piece
        return [*piece.features.values(), *piece.weights, *piece.squares.values()]

    def parts(self, vector: Secret) -> Iterator[tuple[str, Secret]]:
        return owners_parts(self.design, vector)

    # Predictors

    def predictor(self, weights: Secret) -> Secret:
        """(rows,) η of weights that are opened."""
        eta = self.ctx.dot([(self.piece.features[owner], part) for owner, part in self.parts(weights)])
        if self.params.intercept:
            eta = eta + weights[self.design.width :]
        return eta if self.piece.offset is None else eta + self.piece.offset

    def arguments(self, weights: Secret) -> Secret:
        """(rows, exponentials): what is exponentiated, of opened multiples (exponentials, size) of
        weights."""
        pairs = [(self.piece.features[owner], part.T) for owner, part in self.parts(weights)]
        found = self.ctx.dot(pairs)
        if self.params.intercept:
            found = found + weights[:, self.design.width]
        for constant in (self.piece.offset, self.small.unit):
            found = found if constant is None else found + constant
        return found

    def multiples(self, weights: Secret) -> Secret:
        """(exponentials, size): the weights times the exponents, opened. Two rounds, one for whole
        exponents."""
        rows = [weights if factor == 1 else -weights for factor in self.params.exponents if abs(factor) == 1]
        if len(rows) < len(self.params.exponents):
            frac = self.formats.weight_frac
            scaled = [weights.times(factor, frac) for factor in self.params.exponents]
            rows = trimmed(self.ctx, *((one, frac) for one in scaled))
        stacked = functions.stack(rows)
        self.ctx.open(stacked)
        return stacked

    def exponentials(self, weights: Secret) -> list[Secret | None]:
        """a's and b's, (rows,) each, None where the exponent is 0; of weights that need not be opened."""
        self._arguments, frac = self.arguments(self.multiples(weights)), self.formats.exponential_frac
        values = functions.exp(self._arguments, low=-EXPONENT_REACH, high=EXPONENT_REACH, frac=frac)
        found = iter(values[:, j] for j in range(len(self.params.exponents)))
        power = self.params.variance_power
        return [next(found) if power < 2 else None, next(found) if power > 1 else None]

    # Pulls

    def pulls(self, weights: Secret, rule: str | None, *, exact: bool = False) -> Pulls:
        """What the rows want.

        :param rule: "balanced", "observed" or "expected" curvatures, None for none.
        :param exact: with the longer sum for the sigmoid.
        """
        if self.params.family == "linear":
            self.ctx.open(weights)
            slope, curved = self.predictor(weights) - self.piece.label, None
        elif self.params.family == "logistic":
            slope, curved = self._logistic(weights, rule, exact)
        else:
            slope, curved = self._logarithmic(weights, rule)
        self._plain = slope
        return self._weighed(slope, curved)

    def _logistic(self, weights: Secret, rule: str | None, exact: bool) -> tuple[Secret, Secret | None]:
        """From e = σ − y: |e| = (1 − 2y) e, and σ (1 − σ) = |e| − e²."""
        ctx, formats, piece = self.ctx, self.formats, self.piece
        ctx.open(weights)
        self._predictor = self.predictor(weights)
        fitted = logistic(ctx, self._predictor, formats.sigmoid_frac, self.params.max_logit, exact=exact)
        (slope,) = trimmed(ctx, (fitted - piece.label, formats.sigmoid_frac))
        slope = ctx.within(slope, 1.1)  # both lie between 0 and 1, but for the error
        if rule is None:
            return slope, None
        assert piece.signs is not None
        ctx.open(slope)
        magnitude = ctx.private_product("multiply", [(piece.signs, slope)], bound=1.1)
        if rule == "balanced":
            return slope, magnitude.ldexp(-1)
        square = ctx.product("multiply", slope, slope, bound=1.21)
        return slope, ctx.within(ctx.refine(magnitude, square.frac) - square, 0.3)

    def _logarithmic(self, weights: Secret, rule: str | None) -> tuple[Secret, Secret | None]:
        ctx, power = self.ctx, self.params.variance_power
        self._pair = a, b = self.pull_pair(weights)
        label = self.piece.label
        one = ctx.public(np.ones(self.piece.count), 0) if a is None else a
        slope = one - (label if b is None else b)
        if rule is None:
            return slope, None
        if rule == "expected":
            return slope, one
        mix = (0.5, 0.5) if rule == "balanced" else (2 - power, power - 1)
        curved = None
        for factor, pull in zip(mix, (one, label.secret() if b is None else b), strict=True):
            if factor:
                term = pull if factor == 1 else pull.times(factor, RULE_FRAC)
                curved = term if curved is None else curved + term
        return slope, curved

    def pull_pair(self, weights: Secret) -> tuple[Secret | None, Secret | None]:
        """a and b, (rows,) each, with the bits of pulls; None for an a of 1 and a b that is the label."""
        ctx, frac = self.ctx, self.formats.pull_frac
        a, up = self.exponentials(weights)
        b = None if up is None else self.piece.label * up
        wanted = [x for x in (a, b) if x is not None]
        short = dict(zip(map(id, wanted), trimmed(ctx, *((x, frac) for x in wanted)), strict=True))
        return tuple(None if x is None else self._vouched(short[id(x)]) for x in (a, b))  # type: ignore[return-value]

    def _vouched(self, pull: Secret) -> Secret:
        """Guarded, where its bound is not known to hold."""
        if pull.bound <= self.formats.pull_bound:
            return pull
        return self.ctx.check_range(pull, PULL_PERIOD)

    # Weights of rows

    def weights(self) -> Private | Secret | None:
        """Of the rows, masked or opened; None where all weigh the same. Two parties' factors are multiplied
        once.
        """
        own = self.piece.weights
        if self._weights is None and own:
            self._weights = own[0]
            if len(own) == 2:
                both = own[0] * own[1].secret()
                (self._weights,) = trimmed(self.ctx, (both, ROW_WEIGHT_FRAC))
            elif self.params.family == "linear":
                # Its matrix of curvatures is made of them, so labels are multiplied with what is left of
                # them.
                (self._weights,) = trimmed(self.ctx, (own[0].secret(), self.formats.curvature_frac))
        if isinstance(self._weights, Secret):
            self.ctx.open(self._weights)
        return self._weights

    def times_weights(self, *arrays: Secret) -> list[Secret]:
        """Each times the weights of its rows, not yet rounded. The arrays are opened."""
        weights = self.weights()
        self.ctx.open(*arrays)
        if isinstance(weights, Private):
            return [self.ctx.private_product("multiply", [(weights, array)]) for array in arrays]
        assert weights is not None
        return [self.ctx.product("multiply", weights, array) for array in arrays]

    def _weighed(self, slope: Secret, curved: Secret | None) -> Pulls:
        ctx, formats = self.ctx, self.formats
        fracs = (formats.pull_frac, formats.curvature_frac)
        arrays = [slope] if curved is None else [slope, curved]
        arrays = trimmed(ctx, *zip(arrays, fracs, strict=False))
        if self.piece.weights:
            arrays = trimmed(ctx, *zip(self.times_weights(*arrays), fracs, strict=False))
            arrays = [self._vouched(array) for array in arrays]
        ctx.open(*arrays)
        return Pulls(arrays[0], arrays[1] if len(arrays) > 1 else None)

    def row_weights(self) -> Secret:
        """(rows,) of the linear family: its second derivatives."""
        weights = self.weights()
        if isinstance(weights, Private):
            return weights.secret()
        return self.ctx.public(np.ones(self.piece.count), 0) if weights is None else weights

    def weighed_label(self) -> Secret:
        """(rows,): labels times weights."""
        label = self.piece.label.secret()
        if not self.piece.weights:
            return label
        return trimmed(self.ctx, (self.times_weights(label)[0], 16))[0]

    # Losses, of the weights that were looked at last

    def losses(self) -> Secret:
        """(): the weighted sum of how far the rows' losses are above their best."""
        ctx = self.ctx
        each = self._softplus_losses() if self.params.family == "logistic" else self._power_losses()
        if self.piece.best is not None:
            each = each - self.piece.best
        largest = math.log2(each.bound * (WEIGHT_CAP if self.piece.weights else 1.0))
        room = ROOM - largest - max(math.log2(self.piece.count), ROW_WEIGHT_FRAC if self.piece.weights else 0)
        frac = max(0, min(LOSS_FRAC, math.floor(room)))
        (each,) = trimmed(ctx, (each, frac))
        if self.piece.weights:
            (each,) = trimmed(ctx, (self.times_weights(each)[0], frac))
        return each.sum()

    def _softplus_losses(self) -> Secret:
        assert self._predictor is not None
        limit = float(self.params.max_logit)
        even = functions.softplus(self._predictor, limit=limit, error=2e-4, frac=24, halve=False)
        return even - self._times_label(self._predictor)

    def _power_losses(self) -> Secret:
        assert self._arguments is not None
        (a, b), power = self._pair, self.params.variance_power
        if power == 1:
            assert a is not None
            return a - self._times_label(self._arguments[:, 0])
        assert b is not None
        if power == 2:
            (eta,) = trimmed(self.ctx, (self._arguments[:, 0], LOSS_FRAC))
            return b - eta
        assert a is not None
        return a.times(1 / (2 - power), RULE_FRAC) + b.times(1 / (power - 1), RULE_FRAC)

    def _times_label(self, predictor: Secret) -> Secret:
        """y η; the guard of the function of η vouches for its range."""
        bound = 2 * self.params.reach
        room = ROOM - math.log2(self.formats.label_bound * bound) - self.formats.label_frac
        (short,) = trimmed(self.ctx, (predictor, min(LOSS_FRAC, math.floor(room))))
        return self.piece.label * self.ctx.within(short, bound)

    def relative_errors(self) -> Secret:
        """(rows,): 1 − y / μ, for "gamma" and "tweedie". With a = μ^(2−p), y / μ is b / a."""
        ctx, (a, b) = self.ctx, self._pair
        if a is None or b is None:
            return self.plain
        assert self._arguments is not None
        frac = max(
            4, min(20, math.floor(ROOM - math.log2(b.bound) - b.frac - EXPONENT_REACH * 1.5 / math.log(2)))
        )
        inverse = functions.exp(-self._arguments[:, 0], low=-EXPONENT_REACH, high=EXPONENT_REACH, frac=frac)
        (ratio,) = trimmed(ctx, (b * inverse, self.formats.pull_frac))
        return 1.0 - ctx.check_range(ratio, 2 * PULL_PERIOD)

    def squared_label(self, weighed: Secret, bound: float) -> Secret:
        """(): y times the label with its weights, which is opened; the linear family's."""
        (short,) = trimmed(self.ctx, (self.piece.label * trimmed(self.ctx, (weighed, 14))[0], 20))
        return self.ctx.within(short.sum(), math.ldexp(bound, self.design.halvings))

    # Sums over rows

    def gradient(self, slope: Secret) -> Secret:
        """(size,): Fᵀ slope, and its sum."""
        bound = self.formats.slope_sum
        parts = [
            self.ctx.private_product("matmul_t", [(features, slope)], bound=bound)
            for features in self.piece.features.values()
        ]
        if self.params.intercept:
            parts.append(slope.sum().reshape(1))
        return functions.concatenate(parts)

    def trace(self, curved: Secret) -> Secret:
        """(): the trace of FᵀWF, at the precision at which nothing can make it overflow."""
        column = self.ctx.private_product(
            "matmul_t", [(squares, curved) for squares in self.piece.squares.values()]
        )
        total = column.reshape()
        return total + curved.sum() if self.params.intercept else total

    def curvatures(self, curved: Secret) -> Secret:
        """(size, size): FᵀWF with the constant column, W ``curved``."""
        ctx, features, bound = self.ctx, self.piece.features, self.formats.curvature_sum
        column = curved.reshape(self.piece.count, 1)
        mixed = {owner: ctx.private_product("multiply", [(own, column)]) for owner, own in features.items()}
        ctx.open(*mixed.values())
        owners = list(features)
        blocks: dict[tuple[str, str], Secret] = {}
        for i, owner in enumerate(owners):
            right = functions.concatenate([mixed[other] for other in owners[i:]], axis=1)
            found = ctx.private_product("matmul_t", [(features[owner], right)], bound=bound)
            first = 0
            for other in owners[i:]:
                width = self.design.widths[other]
                blocks[owner, other] = found[:, first : first + width]
                first += width
        edges = {
            owner: ctx.private_product("matmul_t", [(own, column)], bound=bound)
            for owner, own in features.items()
        }
        corner = ctx.within(curved.sum(), bound).reshape(1, 1)
        return _assembled(owners, blocks, edges, corner if self.params.intercept else None)


def _assembled(
    owners: Sequence[str],
    blocks: dict[tuple[str, str], Secret],
    edges: dict[str, Secret],
    corner: Secret | None,
) -> Secret:
    """A symmetric matrix of its upper blocks, with the constant's edge."""
    lines = []
    for i, owner in enumerate(owners):
        line = [blocks[other, owner].T for other in owners[:i]]
        line += [blocks[owner, other] for other in owners[i:]]
        lines.append(functions.concatenate(line if corner is None else [*line, edges[owner]], axis=1))
    if corner is not None:
        lines.append(functions.concatenate([*(edges[owner].T for owner in owners), corner], axis=1))
    return functions.concatenate(lines)


def logistic(ctx: Context, eta: Secret, frac: int, limit: int, *, exact: bool) -> Secret:
    """σ(η), to 1.7e-5 up to 10, to 2.4e-5 up to 20, or 3.2e-6 where it is to be ``exact``: that one has more
    fractional bits than ``frac``."""
    terms = {10: 11, 20: 24 if exact else 16}[limit]
    return ctx.sigmoid(eta, frac=max(frac, FINE_FRAC) if exact else frac, limit=limit, terms=terms)
