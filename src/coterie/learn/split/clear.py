"""Which rows are for the test."""

from __future__ import annotations

import math

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from coterie.data import VerticalFrame
from coterie.learn.choosing import Mask, draws, lowest
from coterie.learn.component import EACH
from coterie.learn.dates import times_of
from coterie.learn.errors import NOT_FINITE, NULLS_LEFT

from .errors import NO_ORDER

__all__ = ["DOMAIN", "drawn_rows", "is_latest", "is_test"]

DOMAIN = b"coterie/split/v1\x00"


def is_test(keys: NDArray[np.uint8], test: float, salt: str) -> Mask:
    """Draw each row by the keyed BLAKE3 hash of its id's keyed hash: every party finds the same.

    A row stays on its side when other rows come or go, and with a larger ``test`` no row leaves the test.

    :param keys: (n, 32) keyed id hashes.
    :param test: expected share of test rows.
    :param salt: part of the hash key.
    :return: (n,) true for test rows.
    """
    return np.asarray(draws(keys, DOMAIN, salt) < np.uint64(int(test * 2**64)))


def drawn_rows(frame: VerticalFrame, test: float, salt: str) -> Mask:
    """Draw rows of a frame by their ids: those of common people as :func:`is_test`, which all parties must
    find; of the own rows of a horizontal frame the share ``test``, with the least of the same hashes.

    There the others learn how many these are, and could tell by :func:`is_test` of a share just below and
    just above anybody's hash whether it is here: they know the hashes' key. See
    :func:`coterie.learn.choosing.lowest`.

    :return: (rows,) true for test rows.
    """
    if EACH not in frame.parts:
        return is_test(frame.id_keys, test, salt)
    return lowest(draws(frame.id_keys, DOMAIN, salt), test)


def is_latest(name: str, column: pa.ChunkedArray, test: float, since: float | str | None) -> Mask:
    """(n,) true for the latest rows: the share ``test`` and all rows of the same time as the first of these;
    or those from ``since`` on.

    :param column: (n,) numbers, or texts that are ISO dates or times.

    Errors: CT-3027 for a missing value, CT-3028, CT-3129 for a column that has no times, or another kind than
    ``since``.
    """
    if column.null_count:
        raise NULLS_LEFT(f"'{name}'")
    times = _times(name, column)
    if since is None:
        ordered = np.sort(times)
        return np.asarray(times >= ordered[min(len(ordered) - 1, math.floor(len(ordered) * (1 - test)))])
    return np.asarray(times >= _moment(name, column, since))


def _is_number(column: pa.ChunkedArray) -> bool:
    return bool(pa.types.is_integer(column.type) or pa.types.is_floating(column.type))


def _times(name: str, column: pa.ChunkedArray) -> NDArray[np.int64] | NDArray[np.float64]:
    if _is_number(column):
        numbers: NDArray[np.float64] = column.to_numpy()
        if not np.isfinite(numbers).all():
            raise NOT_FINITE(f"'{name}'")
        return numbers
    if pa.types.is_boolean(column.type):
        raise NO_ORDER(f"'{name}' is true or false")
    times = times_of(column, None)
    if times.null_count:
        raise NO_ORDER(f"'{name}' has rows without an ISO date")
    found: NDArray[np.int64] = times.to_numpy()
    return found


def _moment(name: str, column: pa.ChunkedArray, since: float | str) -> float | int:
    if _is_number(column) != isinstance(since, float):
        raise NO_ORDER(f"'{name}' and 'since' are not both numbers, or both dates")
    if isinstance(since, float):
        return since
    moment = times_of(pa.chunked_array([pa.array([since], pa.large_string())]), None)[0].as_py()
    if moment is None:
        raise NO_ORDER("'since' is no ISO date")
    return int(moment)
