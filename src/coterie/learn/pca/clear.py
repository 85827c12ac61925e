"""Principal components of rows from three totals over all contributors: as scikit-learn's ``PCA`` finds them
of the rows in one place, whoever has which.

The covariances are exact but for the last bits of float64: columns are centred, and brought to one size by
powers of two, before their products are added up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from coterie.fl import EXACT
from coterie.learn.component import Total
from coterie.learn.errors import CONSTANT_FEATURE, NOT_FINITE
from coterie.learn.linear import Floats, gram
from coterie.learn.pca.eigen import eigen
from coterie.learn.pca.statement import PRODUCTS
from coterie.learn.pooled import Adding, moment_totals, pooled_moments

__all__ = ["Fitted", "fit", "project", "totals"]

_BLOCK = 1 << 14


@dataclass(frozen=True)
class Fitted:
    """Of all contributors' rows, equal at each."""

    rows: int
    means: Floats
    """(width,)"""
    scales: Floats
    """(width,) ones, or deviations, dividing by the number of rows."""
    variances: Floats
    """(width,) of all components, the largest first, dividing by the number of rows less one."""
    loadings: Floats
    """(width, width): a unit vector of each component, by row."""


def totals(width: int) -> tuple[Total, ...]:
    """What :func:`fit` takes."""
    products = 1 + width + width * (width + 1) // 2
    return (*moment_totals(width), Total(PRODUCTS, products, EXACT, kind="coefficients"))


def fit(adding: Adding, values: Floats, names: tuple[str, ...], *, standard: bool) -> Fitted:
    """All components.

    :param values: (rows, width) of this contributor, complete.
    :param standard: whether features are brought to deviation 1.

    Errors: CT-3025 for a feature that does not vary and should be brought to deviation 1; CT-3028; those of
    the sums.
    """
    width = values.shape[1]
    found = pooled_moments(adding, values)
    means, deviations = found.means[0], found.deviations[0]
    for name, deviation in zip(names, deviations.tolist(), strict=True):
        if standard and not deviation > 0:
            raise CONSTANT_FEATURE(f"'{name}'")
    units = np.where(deviations > 0, np.ldexp(1.0, np.frexp(deviations)[1]), 1.0)
    upper = np.triu_indices(width)
    if not found.rows[0] > 0:
        raise NOT_FINITE("no rows in the sums over all of them")
    own = adding(PRODUCTS, _products(values, means, units)[_packed(width)], EXACT)
    rows, sums = max(1.0, float(own[0])), own[1 : 1 + width]
    squares = np.zeros((width, width))
    squares[upper] = own[1 + width :]
    squares = squares + np.triu(squares, 1).T
    inner = squares - sums[:, None] * sums[None, :] / rows
    covariance = inner / max(1.0, rows - 1) * units[:, None] * units[None, :]
    scales = np.ones(width)
    if standard:
        scales = np.sqrt(np.maximum(np.diag(inner), 0.0) / rows) * units
        if not (scales > 0).all():  # of who took part in this sum
            raise CONSTANT_FEATURE(f"'{names[int(np.argmin(scales))]}'")
        covariance = covariance / scales[:, None] / scales[None, :]
    variances, loadings = eigen(covariance)
    return Fitted(round(rows), means + sums / rows * units, scales, np.maximum(variances, 0.0), loadings)


def _packed(width: int) -> tuple[np.ndarray, np.ndarray]:
    """Places of what is added up, in the matrix of :func:`_products`: number, sums, products."""
    return np.triu_indices(width + 1)


def _products(values: Floats, means: Floats, units: Floats) -> Floats:
    """(width + 1, width + 1) of a column of ones and the features on their scales."""
    whole = np.zeros((len(means) + 1, len(means) + 1))
    for start in range(0, len(values), _BLOCK):
        part = (values[start : start + _BLOCK] - means) / units
        whole += gram(np.column_stack([np.ones(len(part)), part]))
    return whole


def project(values: Floats, means: Floats, scales: Floats, loadings: Floats) -> Floats:
    """(rows, components)."""
    return np.asarray((values - means) / scales @ loadings.T)
