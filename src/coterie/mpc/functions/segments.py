"""Rows added up by segment: by numbers that all know, one party knows, or nobody."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from coterie.mpc.arrays import Bits, Private, Secret, implements
from coterie.mpc.errors import RANGE_NEEDED
from coterie.mpc.form import ShapeError
from coterie.mpc.functions import shape as views
from coterie.mpc.functions.arithmetic import cumsum, matmul, multiply, rounded, subtract
from coterie.mpc.functions.arithmetic import sum as total
from coterie.mpc.functions.operands import Operand, context_of, places, secret_of
from coterie.mpc.functions.selection import one_hot
from coterie.mpc.location import program_line
from coterie.mpc.ranges import Interval
from coterie.mpc.ring import fits
from coterie.mpc.tape import WORD

__all__ = ["segment_count", "segment_mean", "segment_sum", "segment_tally"]

_ZERO = Interval(0.0, 0.0)
_CHUNK = 512
"""Rows that are added up by themselves, before their sums are by segment."""
_SIGNIFICANT = 20
"""Significant bits of the reciprocal of the largest count."""


@implements()
def segment_sum(x: Operand, segments: Any, count: int) -> Secret:
    """Rows added up by segment: result[s] is the sum of all x[i] with segments[i] == s. Exact.

    :param segments: (n,) whole numbers from 0 to ``count`` - 1, for the n rows of x: public; private, of one
        compute party; or secret. Nobody else learns them, nor how many rows a segment has.

    Cost by public numbers: none. By private ones what is less in bytes, 2 rounds either way: the owner masks
    their one-hot matrix, 8 n count bytes, and x is opened, 8 bytes sent for each element, 8 dealt for each of
    the result; or the owner orders n + count rows of d elements, twice: 16 d bytes for each sent to it, 16 d
    dealt to it, and at most 2 log2 (n + count) bits sent by it to each other. For many sums by the same
    numbers ``one_hot(segments, count).T @ x`` masks but once. By secret ones: a :func:`one_hot` of each, and
    its product with x.
    """
    secret = secret_of(x, context_of(x, segments))
    if not isinstance(segments, Private | Secret | Bits):
        return _public_sum(secret, segments, count)
    _check(segments, secret.shape[:1], count)
    rows = views.reshape(secret, [len(secret), math.prod(secret.shape[1:])])
    if isinstance(segments, Private):
        by_matrix, by_order = _bytes(rows, count)
        orderly = fits(2 * rows.bound * (len(rows) + count), rows.frac)
        method = _ordered_sum if by_order < by_matrix and orderly else _matrix_sum
        sums = method(segments, rows, count)
    else:
        vectors: Secret = one_hot(secret_of(segments, secret.context), count)
        sums = matmul(vectors.T, rows)
    sums = sums.context.within(sums, secret.range.partial_sums(max(1, len(rows))).hull(_ZERO))
    return views.reshape(sums, [count, *secret.shape[1:]])


def _public_sum(secret: Secret, segments: Any, count: int) -> Secret:
    words, params = places(segments, "segment_sum")
    numbers = words.view(np.int64)
    if numbers.shape != secret.shape[:1] or (
        numbers.size and not 0 <= numbers.min() <= numbers.max() < count
    ):
        raise ShapeError(f"one segment from 0 to {count - 1} for each of {secret.shape[:1]} rows")
    largest = int(np.bincount(numbers, minlength=1).max())
    return secret.context.one(
        "segment_sum", [secret], constant=words, digest=params["digest"], segments=count, largest=largest
    )


def _check(segments: Any, rows: tuple[int, ...], count: int) -> None:
    """Errors: CT-2113 for numbers that may be of no segment."""
    if segments.shape != rows:
        raise ShapeError(f"segments of shape {segments.shape} for {rows} rows")
    low, high = segments.range.low, segments.range.high
    if not (low >= 0 and high <= count - 1):
        raise RANGE_NEEDED(
            f"segment_sum{program_line()}: numbers from {low:g} to {high:g} of {count} segments"
        )


def _bytes(rows: Secret, count: int) -> tuple[int, int]:
    """What all together send for a sum by the one-hot matrix, and by ordering the rows."""
    (n, width), parties = rows.shape, len(rows.context.parties)
    opening = 0 if rows.opened else parties * (parties - 1) * n * width
    matrix = WORD * ((parties - 1) * n * count + opening + count * width)
    length = n + count
    published = 2 * length * (length.bit_length()) // 8
    return matrix, 2 * WORD * parties * length * width + (parties - 1) * published


def _matrix_sum(segments: Private, rows: Secret, count: int) -> Secret:
    matrix: Private = one_hot(segments, count)
    return matrix.T @ rows


def _fits(secret: Secret, frac: int, bits: int) -> bool:
    """Whether means of these values do with ``frac`` and so many fractional bits."""
    return fits(secret.bound + 1, frac + bits)


def _ordered_sum(segments: Private, rows: Secret, count: int) -> Secret:
    """In the owner's order by segment, each followed by a row of zeros, running sums at these rows, less that
    of the segment before."""
    context = rows.context
    zeros = context.zeros((count, rows.shape[1]), rows.frac)
    every = views.concatenate([rows, zeros])
    (order,) = context.apply("own_order", [segments], classes=count)
    (ends,) = context.apply("own_ends", [segments], classes=count)
    (ordered,) = context.apply("owner_permute", [order, every], inverse=False, rows=len(every))
    (running,) = context.apply("owner_permute", [ends, cumsum(ordered, 0)], inverse=False, rows=count)
    before = views.concatenate([context.zeros((1, rows.shape[1]), rows.frac), running[:-1]])
    return subtract(running, before)


@implements()
def segment_count(segments: Any, count: int) -> Any:
    """How many rows each segment has, (count,): of public numbers a public array, of private ones a private
    array of their owner, of secret ones a secret.

    Cost: none; by secret numbers a :func:`one_hot` of each.
    """
    if not isinstance(segments, Private | Secret | Bits):
        numbers, _ = places(segments, "segment_count")
        return np.bincount(numbers.view(np.int64).reshape(-1), minlength=count)
    _check(segments, segments.shape[:1], count)
    if isinstance(segments, Private):
        return segments.context.apply("own_counts", [segments], classes=count)[0]
    return total(one_hot(secret_of(segments, segments.context), count), axis=0)


@implements()
def segment_mean(x: Operand, segments: Any, count: int) -> Secret:
    """The mean of each segment's rows, 0 where it has none, by public or private numbers.

    Cost: of :func:`segment_sum`; by private numbers 2 rounds more, 8 bytes sent by the owner for each
    segment, and by all for each element of the result, 8 dealt for it. Error: 2^-20 relative, by the
    reciprocal of the count; more where the ring has no room for as many bits.
    """
    secret = secret_of(x, context_of(x, segments))
    sums = segment_sum(secret, segments, count)
    if not isinstance(segments, Private | Secret | Bits):
        counts = segment_count(segments, count).reshape(-1, *[1] * (sums.ndim - 1))
        return multiply(sums, np.where(counts, 1 / np.maximum(counts, 1), 0.0))
    if not isinstance(segments, Private):
        raise TypeError("means by secret numbers: divide the segment_sum by the segment_count")
    context = sums.context
    wanted = max(1, len(secret)).bit_length() + _SIGNIFICANT
    if not _fits(secret, sums.frac, wanted):
        (sums,) = rounded(sums)
    frac = next(bits for bits in range(wanted, 0, -1) if _fits(secret, sums.frac, bits))
    (weights,) = context.apply("own_reciprocals", [segments], classes=count, frac=frac)
    flat = views.reshape(sums, [count, math.prod(secret.shape[1:])])
    context.mask(weights)
    context.open(flat)
    means = context.one("private_mean", [weights, flat], operation="multiply", range=secret.range.to_list())
    return views.reshape(means, [count, *secret.shape[1:]])


@implements()
def segment_tally(x: Private, segments: Sequence[Private], count: int) -> Secret:
    """One party's small whole numbers, such as flags, added up by each of several arrays of segment numbers
    that other parties know: result[a, s] is the sum of all x[i] with segments[a][i] == s. Exact.

    :param x: (n,) whole numbers from 0 to 15.
    :param segments: arrays of (n,) whole numbers from 0 to ``count`` - 1, of other parties than x. Nobody
        else learns them, nor how many rows a segment has.

    Cost: 8 bytes for each number sent once by their owner to each other. For each array of segments N =
    n + 511 count rows, and N / 512 sums: 2 N bytes dealt to the numbers' owner, log2 N bits for each row sent
    to it by the segments' owner; 8 count bytes for each sum sent by that to each other, 16 bytes by each to
    each other, 16 dealt. 4 rounds.
    """
    context = x.context
    for numbers in segments:
        _check(numbers, x.shape, count)
    if not segments:
        raise ShapeError("no segments")
    context.mask(x)
    found, vectors = [], []
    for numbers in segments:
        found.append(context.one("tally", [numbers, x], classes=count, width=_CHUNK))
        (chunks,) = context.apply("own_chunks", [numbers], classes=count, width=_CHUNK)
        vectors.append(one_hot(chunks, count))
    (sums,) = context.truncate(views.stack(found), frac=0)
    context.mask(*vectors)
    context.open(sums)
    totals = [
        context.private_product("matmul_t", [(vector, sums[place])], (0.0, x.shape[0] * x.bound))
        for place, vector in enumerate(vectors)
    ]
    return views.stack(totals)
