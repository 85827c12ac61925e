"""Eigenvectors of a symmetric matrix, equal to the last bit on every machine.

Jacobi's rotations [Golub, Van Loan, Matrix Computations, section 8.5], of disjoint pairs at a time. Each
step is a product, a sum, a quotient or a root of two numbers, which IEEE 754 rounds in one way: libraries of
linear algebra round by processor, and where two variances are nearly equal that turns the vectors.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["eigen"]

Floats = NDArray[np.float64]

_SWEEPS = 60
"""Far more than are needed: convergence is quadratic in the end."""


def eigen(matrix: Floats) -> tuple[Floats, Floats]:
    """(n,) eigenvalues, the largest first, and (n, n) unit vectors, one a row.

    The sign of a vector is that which makes its entry of the largest magnitude positive; of equal ones the
    first counts.

    :param matrix: (n, n) symmetric, finite.
    """
    work, vectors = matrix.copy(), np.eye(len(matrix))
    rounds = _pairs(len(matrix)) if len(matrix) > 1 else []
    for _ in range(_SWEEPS):
        upper = np.abs(np.triu(work, 1))
        if upper.max(initial=0.0) <= 1e-17 * np.abs(np.diag(work)).max(initial=0.0):
            break
        for first, second in rounds:
            _rotate(work, vectors, first, second)
    values = np.diag(work)
    order = np.argsort(-values, kind="stable")
    found = vectors[order]
    largest = np.argmax(np.abs(found), axis=1)
    return values[order], found * np.where(found[np.arange(len(found)), largest] < 0, -1.0, 1.0)[:, None]


def _pairs(size: int) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Every pair once, in rounds of disjoint ones: as the matches of a tournament are drawn."""
    players = [*range(size), *([-1] if size % 2 else [])]
    rounds = []
    for _ in range(len(players) - 1):
        half = len(players) // 2
        matches = [
            (min(a, b), max(a, b))
            for a, b in zip(players[:half], reversed(players[half:]), strict=True)
            if min(a, b) >= 0
        ]
        first, second = zip(*matches, strict=True)
        rounds.append((np.array(first, np.int64), np.array(second, np.int64)))
        players = [players[0], players[-1], *players[1:-1]]
    return rounds


def _rotate(work: Floats, vectors: Floats, first: NDArray[np.int64], second: NDArray[np.int64]) -> None:
    """Make the entries of these pairs zero."""
    between = work[first, second]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        theta = (work[second, second] - work[first, first]) / (2.0 * between)
        tangent = np.where(theta < 0, -1.0, 1.0) / (np.abs(theta) + np.sqrt(theta * theta + 1.0))
    tangent = np.where(between == 0, 0.0, tangent)
    cosine = 1.0 / np.sqrt(tangent * tangent + 1.0)
    sine = tangent * cosine
    for rows in (work, work.T, vectors):
        one, two = rows[first], rows[second]
        rows[first] = cosine[:, None] * one - sine[:, None] * two
        rows[second] = sine[:, None] * one + cosine[:, None] * two
    work[first, second] = work[second, first] = 0.0
