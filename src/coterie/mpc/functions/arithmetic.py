"""Sums and products.

A sum or product is exact: it has the fractional bits that it needs. Where the next operation would not fit
the ring with them, its operands are rounded to 18 bits first, together, in one round and with at most one
unit (2^-18) of error each: rounding happens as late as possible, and always at the same place of a program.
Where values are so large that 18 bits do not fit either, factors are rounded to fewer, down to 8: to as many
as leave the product the smallest error.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from coterie.mpc.arrays import Bits, Private, Secret, implements
from coterie.mpc.form import ShapeError, axis_of
from coterie.mpc.functions import shape as views
from coterie.mpc.functions.operands import (
    Operand,
    Public,
    axes_of,
    constant,
    context_of,
    factor_frac,
    is_public,
    public_array,
    refined,
    secret_of,
)
from coterie.mpc.ring import FRAC, HEADROOM, fits

LEAST_FRAC = 8
"""Fewer bits nobody wants without having said so."""

__all__ = [
    "add",
    "as_secret",
    "cumsum",
    "matmul",
    "mean",
    "multiply",
    "negative",
    "power",
    "rounded",
    "square",
    "subtract",
    "sum",
    "times",
]


@implements()
def as_secret(x: Operand) -> Secret:
    """Own plaintext, truth values or a secret, as a secret number.

    Cost: none; truth values as :func:`numbers`.
    """
    return secret_of(x, context_of(x))


@implements()
def rounded(*secrets: Secret, frac: int = FRAC) -> tuple[Secret, ...]:
    """Those with more than ``frac`` fractional bits rounded to them, together: a tuple, of one secret too.

    Cost: 1 round, 8 bytes sent, 16 dealt, for each element that is rounded. Error: below 2^-frac, unbiased.
    """
    long = [secret for secret in dict.fromkeys(secrets) if secret.frac > frac]
    if not long:
        return secrets
    short = dict(zip(long, long[0].context.truncate(*long, frac=frac), strict=True))
    return tuple(short.get(secret, secret) for secret in secrets)


@implements()
def add(x: Operand, y: Operand) -> Secret:
    """x + y; shapes broadcast. Public numbers are rounded to the secret's fractional bits, or to as many as
    show them, up to 18.

    Cost: none.
    """
    return _sum(x, y, 1)


@implements()
def subtract(x: Operand, y: Operand) -> Secret:
    """x - y; as :func:`add`."""
    return _sum(x, y, -1)


def _sum(x: Operand, y: Operand, sign: int) -> Secret:
    context = context_of(x, y)
    if is_public(x):
        return _sum(negative(y) if sign < 0 else y, x, 1)
    left = secret_of(x, context)
    if is_public(y):
        values = public_array(y, "add")
        left = refined(left, values)
        words, params = constant(sign * values, left.frac, "add")
        return context.one("add_public", [left], constant=words, **params)
    if isinstance(y, Private):
        return context.one("add_private", [left, y], sign=sign)
    left, right = aligned(left, secret_of(y, context))
    return context.one("add", [left, right], sign=sign)


def aligned(left: Secret, right: Secret) -> tuple[Secret, Secret]:
    """Rounded where one of them would not fit in the other's finer format, so that their sum does not round.

    What uses an operand twice must round it once: the unit that is drawn is another each time.
    """
    finest = max(left.frac, right.frac)
    if all(fits(one.bound, finest) for one in (left, right)):
        return left, right
    left, right = rounded(left, right, frac=max(FRAC, min(left.frac, right.frac)))
    return left, right


@implements()
def negative(x: Operand) -> Secret:
    """-x. Cost: none."""
    return context_of(x).one("scale", [as_secret(x)], factor="-1", frac=0)


@implements()
def times(x: Secret, factor: Public, frac: int) -> Secret:
    """x times a public factor that is rounded to ``frac`` fractional bits; the result has as many more.

    Cost: none. Error: the rounding of the factor.
    """
    values = public_array(factor, "times")
    words, params = constant(values, frac, "times")
    if not words.shape:
        return x.context.one("scale", [x], factor=str(int(words.view(np.int64))), frac=frac)
    return x.context.one("scale_by", [x], constant=words, **params, frac=frac)


@implements()
def multiply(x: Operand, y: Operand) -> Secret:
    """x * y, element by element; shapes broadcast. The result has the fractional bits of both.

    A public factor keeps what shows it exactly, or 20 significant bits.

    Cost: nothing by public factors. Otherwise 1 round, 8 bytes sent for each element of a secret factor, and
    8 dealt; a private factor is masked once, 8 bytes sent by its owner. Factors that would not fit the ring
    are rounded first, see above. Truth values: as :func:`where`.
    """
    context = context_of(x, y)
    if is_public(x):
        x, y = y, x
    if is_public(y):
        left, values = as_secret(x), public_array(y, "multiply")
        frac = factor_frac(values)
        if not fits(left.bound * float(np.max(np.abs(values), initial=0.0)), left.frac + frac):
            (left,) = rounded(left)
        return times(left, values, frac)
    if isinstance(x, Bits) or isinstance(y, Bits):
        return x * y if isinstance(x, Bits) else y * x  # type: ignore[return-value]
    if isinstance(y, Private):
        x, y = y, x
    right = secret_of(y, context)
    if isinstance(x, Private):
        if not fits(x.bound * right.bound, x.frac + right.frac):
            (right,) = rounded(right)
        return context.private_product("multiply", [(x, right)])
    left, right = _factors(secret_of(x, context), right, 1)
    return context.product("multiply", left, right)


def _factors(left: Secret, right: Secret, inner: int) -> tuple[Secret, Secret]:
    """Rounded where their product would not fit: to 18 bits, and where even that does not fit to fewer."""
    largest = left.bound * right.bound * inner
    if fits(largest, left.frac + right.frac):
        return left, right
    if left is not right:
        left, right = rounded(left, right)
    else:
        (left,) = rounded(left)
        right = left
    spare = HEADROOM - 1 - math.frexp(largest)[1]
    if spare >= left.frac + right.frac or largest == 0.0:
        return left, right
    # What a unit of either puts into the product is its bound times the other's: equal where the bits differ
    # as the bounds' logarithms do.
    lean = math.log2(right.bound) - math.log2(left.bound)
    bits = math.floor((spare + lean) / 2)
    bits = min(max(bits, spare - right.frac), left.frac)
    if min(bits, spare - bits) < LEAST_FRAC:
        return left, right
    if left is right:
        (left,) = rounded(left, frac=bits)
        return left, left
    return rounded(left, frac=bits)[0], rounded(right, frac=spare - bits)[0]


@implements()
def square(x: Operand) -> Secret:
    """x * x. Cost: as :func:`multiply` of one secret factor; known not to be negative."""
    secret = as_secret(x)
    product = multiply(secret, secret)
    return product.context.within(product, (0.0, product.bound))


@implements("float_power")
def power(x: Operand, exponent: int) -> Secret:
    """x to a public whole power from 1 on, by squaring. Cost: of its products, and of rounding between."""
    if not isinstance(exponent, int) or isinstance(exponent, bool) or exponent < 1:
        raise TypeError("power takes a public whole exponent from 1 on; see exp and log for others")
    base = as_secret(x)
    if exponent == 1:
        return base
    half = power(base, exponent // 2)
    return multiply(square(half), base) if exponent % 2 else square(half)


@implements("dot")
def matmul(x: Operand, y: Operand) -> Secret:
    """x @ y for one and two dimensions.

    Cost: nothing by a public matrix. Otherwise 1 round, 8 bytes sent for each element of a secret factor,
    8 dealt for each of the result; a private matrix is masked once, 8 bytes sent by its owner.
    """
    context = context_of(x, y)
    if isinstance(x, Private) and len(x.shape) == 2 and not is_public(y):
        factor = _narrowed(x, secret_of(y, context), x.form.row_sum, x.shape[1])
        return context.private_product("matmul", [(x, factor)])
    if is_public(x) or is_public(y):
        return _public_matmul(x, y)
    left, right = secret_of(x, context), secret_of(y, context)
    rows, columns = _matrices(left.shape, right.shape)
    left, right = _factors(left, right, columns[0])
    shape = (*left.shape[:-1], *right.shape[1:])
    product = context.product("matmul", views.reshape(left, rows), views.reshape(right, columns))
    return views.reshape(product, shape)


@implements()
def transposed_matmul(x: Private, y: Operand) -> Secret:
    """x.T @ y, as :func:`matmul`, for a private matrix, of which no transposed copy is made."""
    context = context_of(x, y)
    if len(x.shape) != 2 or is_public(y):
        return matmul(views.transpose(as_secret(x)), y)
    factor = _narrowed(x, secret_of(y, context), x.form.column_sum, x.shape[0])
    return context.private_product("matmul_t", [(x, factor)])


def _narrowed(x: Private, right: Secret, declared: float | None, terms: int) -> Secret:
    """The factor, rounded where the product would not fit the ring otherwise.

    :param declared: what its owner promised of the magnitudes that are summed up.
    """
    inner = x.bound * terms if declared is None else min(declared, x.bound * terms)
    if fits(inner * right.bound, x.frac + right.frac):
        return right
    (right,) = rounded(right)
    return right


def _matrices(left: Sequence[int], right: Sequence[int]) -> tuple[tuple[int, int], tuple[int, int]]:
    """Both as matrices: a vector is a row on the left and a column on the right."""
    if not 1 <= len(left) <= 2 or not 1 <= len(right) <= 2 or left[-1] != right[0]:
        raise ShapeError(f"no matmul of shapes {tuple(left)} and {tuple(right)}")
    return (math.prod(left[:-1]), left[-1]), (right[0], math.prod(right[1:]))


def _public_matmul(x: Operand, y: Operand) -> Secret:
    if is_public(y):  # (y.T @ x.T).T
        secret, values = as_secret(x), public_array(y, "matmul")
        turned = _public_matmul(values.T, views.transpose(secret))
        return views.transpose(turned)
    secret, values = as_secret(y), public_array(x, "matmul")
    rows, columns = _matrices(values.shape, secret.shape)
    frac = factor_frac(values)
    row_sum = float(np.max(np.abs(values).reshape(rows).sum(axis=1), initial=0.0)) + rows[1] * 2.0**-frac
    if not fits(secret.bound * row_sum, secret.frac + frac):
        (secret,) = rounded(secret)
    words, params = constant(np.ascontiguousarray(values.reshape(rows)), frac, "matmul")
    flat = views.reshape(secret, columns)
    product = secret.context.one(
        "public_matmul", [flat], constant=words, **params, frac=frac, row_sum=row_sum
    )
    return views.reshape(product, (*values.shape[:-1], *secret.shape[1:]))


@implements()
def sum(x: Operand, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Secret:
    """Along axes, or all. Cost: none."""
    secret = as_secret(x)
    axes = axes_of(axis, secret.ndim)
    result = secret.context.one("sum", [secret], axes=list(axes))
    if not keepdims:
        return result
    return views.reshape(result, [1 if i in axes else n for i, n in enumerate(secret.shape)])


@implements()
def mean(x: Operand, axis: int | tuple[int, ...] | None = None, keepdims: bool = False) -> Secret:
    """Along axes, or of all. Cost: none. Error: 2^-20 relative, by the public factor 1/n."""
    secret = as_secret(x)
    count = math.prod(secret.shape[i] for i in axes_of(axis, secret.ndim))
    if not count:
        raise ShapeError("the mean of no values")
    return multiply(sum(secret, axis, keepdims), 1.0 / count)


@implements()
def cumsum(x: Operand, axis: int | None = None) -> Secret:
    """Running sums along an axis, or of all elements in order. Cost: none."""
    secret = as_secret(x)
    if axis is None:
        secret, axis = views.reshape(secret, [-1]), 0
    return secret.context.one("cumsum", [secret], axis=axis_of(axis, secret.ndim))
