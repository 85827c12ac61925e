"""Functions of the program's own: smooth ones by a trigonometric sum, others in pieces.

The sum is fitted while the program is traced, the same at all participants (see ``fourier_fit``), and is on
the tape with all its coefficients: participants whose mathematics libraries give other values of the function
follow another tape, and are told (CT-2105).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np

from coterie.mpc.arrays import Bits, Secret, implements
from coterie.mpc.errors import RANGE_NEEDED
from coterie.mpc.fourier_fit import Basis, Fit, Function, fit
from coterie.mpc.functions import logic
from coterie.mpc.functions.arithmetic import add, as_secret, rounded, subtract, times
from coterie.mpc.functions.operands import Operand
from coterie.mpc.functions.promises import promise
from coterie.mpc.functions.sums import evaluated
from coterie.mpc.location import program_line
from coterie.mpc.protocols.compare import less_call
from coterie.mpc.protocols.range_check import LIMIT
from coterie.mpc.protocols.window import PERIOD_BITS
from coterie.mpc.ranges import Interval
from coterie.mpc.ring import FRAC, Floats

__all__ = ["piecewise", "smooth"]

MOST_TERMS = 24
LARGEST_NORM = 2.0**9
"""Of coefficients, in relation to the function: larger ones would spoil the precision of what is dealt."""
_HALF_PERIOD = 16.0
_GAIN_BITS = 4
_KNOWN = (
    (14.5, Basis(_HALF_PERIOD, 1)),
    (12.5, Basis(_HALF_PERIOD, 1)),
    (10.0, Basis(_HALF_PERIOD, 1)),
    (8.0, Basis(_HALF_PERIOD, 1)),
    (8.0, Basis(_HALF_PERIOD, 1, 1, 2)),
    (6.75, Basis(_HALF_PERIOD, 1, 1, 2)),
)
"""What is tried where the range is known: how far the argument reaches, and the basis."""
_REACH = LIMIT * _HALF_PERIOD
_WATCHED = (
    (_REACH, Basis(_HALF_PERIOD, 1)),
    (_REACH, Basis(_HALF_PERIOD, 2)),
    (_REACH, Basis(_HALF_PERIOD, 2, 1, 2)),
)
"""And where it is watched: the guard says how far."""
_ROUNDS = 4


@implements()
def smooth(
    x: Operand,
    function: Callable[[Floats], Floats],
    low: float | None = None,
    high: float | None = None,
    *,
    error: float = 1e-4,
    relative: bool = False,
    frac: int | None = None,
) -> Secret:
    """A smooth function of x, given as a function of NumPy arrays.

    :param function: finite on the whole range; the smoother it is there, the fewer terms it takes.
    :param low: with ``high``, a range that is promised of x where the trace knows none, and watched.
    :param error: largest error of the sum that stands for the function; rounding adds less than as much.
    :param relative: whether ``error`` counts in relation to the function, which then must have no zero.
    :param frac: fractional bits of the result; 28 or more in one round, 18 in two, where nothing is said.

    Cost, with N terms (2 to 24): 1 round, 3 bytes sent, 16N dealt; or 2 rounds, 7 sent, 8N + 16 dealt, where
    that is quicker; with a promise 2 sent and 16 dealt more. CT-2113 where no sum is good enough: the range
    is too wide for the function, or the function not smooth there.
    """
    secret = as_secret(x)
    promised = promise(secret, low, high)
    span = promised or secret.range
    centre, reach = _centre(span)
    found = _shortest(function, centre, reach, promised is not None, error, relative)
    if found is None:
        raise RANGE_NEEDED(
            f"smooth{program_line()} from {span.low:.4g} to {span.high:.4g} with an error of {error:.2g}: no "
            f"sum of {MOST_TERMS} terms is good enough"
        )
    gain, made = found
    return evaluated(
        add(secret, -centre) if centre else secret,
        made.sum,
        gain,
        function=None,
        guard=promised is not None,
        frac=frac,
        error=error * (made.least if relative else 1.0),
    )


def _centre(span: Interval) -> tuple[float, float]:
    """Near the middle, and how far the ends are from it."""
    width = max(span.high - span.low, 2.0**-8)
    unit = 2.0 ** (math.frexp(width)[1] - 8)
    centre = round((span.low + span.high) / 2 / unit) * unit
    return centre, max(span.high - centre, centre - span.low, width / 4)


def _shortest(
    function: Function, centre: float, reach: float, watched: bool, error: float, relative: bool
) -> tuple[tuple[int, int], Fit] | None:
    """The shortest sum that is good enough, with its gain as factor and fractional bits; the most precise of
    several."""
    best: tuple[tuple[int, int], Fit] | None = None
    for most, basis in _WATCHED if watched else _KNOWN:
        gain = _gain(most / reach)
        factor = gain[0] / 2.0 ** gain[1]

        def fitted(terms: int, factor: float = factor, basis: Basis = basis) -> Fit | None:
            scaled: Function = lambda z: function(z / factor + centre)  # noqa: E731 - two lines are clearer
            ends = (-reach * factor, reach * factor)
            made = fit(scaled, *ends, basis, terms, _ROUNDS, relative, watched)
            return made if made.error <= error and _tame(made, error) else None

        made = _fewest(fitted, best[1].sum.terms if best else MOST_TERMS)
        if made and (best is None or (made.sum.terms, made.error) < (best[1].sum.terms, best[1].error)):
            best = gain, made
    return best


def _tame(made: Fit, error: float) -> bool:
    """Whether rounding z to the window's unit, and rounding what is dealt, adds little."""
    unit = 2 * _HALF_PERIOD / 2.0**PERIOD_BITS
    largest = max(-made.sum.low, made.sum.high)
    return made.slope * unit < error / 4 and made.sum.norm <= LARGEST_NORM * largest


def _fewest(fitted: Callable[[int], Fit | None], most: int) -> Fit | None:
    """With as few terms as do, at most ``most``; errors fall as terms are added."""
    low, terms = 1, min(4, most)
    while (made := fitted(terms)) is None:
        if terms == most:
            return None
        low, terms = terms, min(2 * terms, most)
    high = terms
    while high - low > 1:
        middle = (low + high) // 2
        shorter = fitted(middle)
        if shorter is None:
            low = middle
        else:
            high, made = middle, shorter
    return made


def _gain(most: float) -> tuple[int, int]:
    """The largest factor of few bits that is not larger."""
    mantissa, exponent = math.frexp(most)
    factor, frac = math.floor(mantissa * 2**_GAIN_BITS), _GAIN_BITS - exponent
    while factor % 2 == 0:
        factor, frac = factor // 2, frac - 1
    return factor, frac


Piece = Callable[[Floats], Floats] | Sequence[float] | float
"""A smooth function of arrays, constant and slope of a straight line, or a number."""


@implements()
def piecewise(
    x: Operand, breaks: Sequence[float], pieces: Sequence[Piece], *, error: float = 1e-4, frac: int = FRAC
) -> Secret:
    """Another function between each two of some public numbers.

    :param breaks: b, in rising order, rounded to x's fractional bits. The first piece counts below b[0], the
        next from b[0] to below b[1], and so on.
    :param pieces: one more than breaks. Each is a number, constant and slope of a straight line, or a
        function of NumPy arrays that is smooth between its breaks, evaluated by :func:`smooth`; towards the
        ends the range of x must be known.
    :param error: of each smooth piece.
    :param frac: fractional bits that straight lines and smooth pieces have.

    Cost: a comparison with all breaks, of which x is opened once; of :func:`smooth` for each smooth piece;
    and a round in which the pieces are chosen, with 8 bytes for each that is no number and a bit for each
    break sent, and 16 bytes dealt for each break.
    """
    secret = as_secret(x)
    limits = [int(np.rint(limit * 2.0**secret.frac)) for limit in breaks]
    if len(pieces) != len(limits) + 1 or limits != sorted(set(limits)):
        raise ValueError("breaks rise, and there is one piece more than breaks")
    edges = [secret.range.low, *(limit / 2.0**secret.frac for limit in limits), secret.range.high]
    spans = [Interval(min(a, b), max(a, b)) for a, b in pairwise(edges)]
    values = [
        _piece(secret.context.within(secret, span), piece, error, frac)
        for piece, span in zip(pieces, spans, strict=True)
    ]
    steps = [_minus(after, before) for before, after in pairwise(values)]
    pairs: list[tuple[Bits, Operand | None]] = [
        (logic.logical_not(truth), step if isinstance(step, Secret) else None)
        for truth, step in zip(_below(secret, limits), steps, strict=True)
    ]
    result: Secret | float = values[0]
    for chosen, step in zip(logic.products(pairs) if pairs else [], steps, strict=True):
        part = chosen if isinstance(step, Secret) else times(chosen, step, frac)
        result = add(part, result)
    if not isinstance(result, Secret):
        return secret.context.public(np.full(secret.shape, result), frac)
    ranges = [value.range if isinstance(value, Secret) else Interval(value, value) for value in values]
    low, high = min(one.low for one in ranges), max(one.high for one in ranges)
    return secret.context.within(result, Interval(low, high).widened(len(pieces) * 2.0**-frac))


def _piece(x: Secret, piece: Piece, error: float, frac: int) -> Secret | float:
    if callable(piece):
        return smooth(x, piece, error=error, frac=frac)
    if isinstance(piece, Sequence):
        constant, slope = map(float, piece)
        (line,) = rounded(add(times(x, slope, frac), constant), frac=frac)
        return line
    return float(piece)


def _minus(after: Secret | float, before: Secret | float) -> Secret | float:
    if isinstance(after, Secret) or isinstance(before, Secret):
        return subtract(after, before)
    return after - before


def _below(x: Secret, limits: Sequence[int]) -> list[Bits]:
    """x < t for each t, in units of the last place: of one opening."""
    if not limits:
        return []
    kind, params = less_call(x.context.network, x.context.parties, x.form, limits)
    truths = x.context.truth(kind, [x], **params)
    return [truths[place] for place in range(len(limits))]
