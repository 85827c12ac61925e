"""Whether all parties have made the same of the sums.

Sums are equal everywhere to the last bit, but logarithms made of them are rounded differently by different
processors, and where two choices are equally good that can decide. Whoever goes on with another choice than
the others would spoil all sums after it unseen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import numpy as np

from coterie.learn.component import Total
from coterie.learn.pooled.errors import NOT_EQUAL
from coterie.learn.pooled.wide import WHOLE, Adding

__all__ = ["AGREED", "all_equal", "need_equal"]

WHAT = "whether all parties have made the same bins of the sums: sums of digests, and of their squares"
AGREED = Total(WHAT, 2, WHOLE)
_BITS = 20


def need_equal(adding: Adding, made: bytes, parties: int | Callable[[], int]) -> None:
    """Planned with ``AGREED``.

    :param made: equal at all parties, or else each raises CT-3237; but for one of a million differences.
    :param parties: as :func:`all_equal` has it.
    """
    if not all_equal(adding, WHAT, made, parties):
        raise NOT_EQUAL("their processors or versions round differently")


def all_equal(adding: Adding, what: str, made: bytes, parties: int | Callable[[], int]) -> bool:
    """Whether ``made`` is the same at all parties; but for one of a million differences.

    :param what: of a total of two values in the form :data:`WHOLE`.
    :param parties: how many the total is of; a function is asked once it is there.
    """
    digest = int.from_bytes(hashlib.sha256(made).digest()[:4], "little") % (1 << _BITS)
    total, squares = (int(one) for one in adding(what, np.array([digest, digest**2], np.float64), WHOLE))
    many = parties() if callable(parties) else parties
    return many * squares == total**2  # Cauchy's inequality is an equation for equal ones
