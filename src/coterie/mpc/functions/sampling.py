"""Random numbers that no compute party knows, and reveals with noise for differential privacy."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np

from coterie.mpc.arrays import Secret
from coterie.mpc.form import Shape
from coterie.mpc.functions.operands import Operand, context_of, secret_of
from coterie.mpc.ring import FRAC

if TYPE_CHECKING:
    from coterie.mpc.context import Context

__all__ = [
    "discrete_gaussian",
    "discrete_laplace",
    "gaussian_sigma",
    "noisy_reveal",
    "random_integers",
    "random_uniform",
]

By = Literal["dealer", "parties"]
_LAWS = {"gaussian": ("discrete Gaussian", "sigma"), "laplace": ("discrete Laplace", "scale")}


def random_integers(context: Context, low: int, high: int, shape: Shape) -> Secret:
    """Uniform whole numbers from ``low`` to ``high`` - 1, without bias. The dealer knows them, nobody else.

    Cost: 8 bytes dealt for each element.
    """
    return _uniform(context, low, high - 1, shape, 0)


def random_uniform(context: Context, low: float, high: float, shape: Shape, frac: int = FRAC) -> Secret:
    """Uniform on the multiples of 2^-frac from ``low`` up to, without, ``high``. The dealer knows them.

    Cost: 8 bytes dealt for each element.
    """
    return _uniform(context, math.ceil(low * 2.0**frac), math.ceil(high * 2.0**frac) - 1, shape, frac)


def _uniform(context: Context, low: int, high: int, shape: Shape, frac: int) -> Secret:
    span = {"low": str(low), "high": str(high)}
    return context.one("random_integers", [], **span, shape=list(shape), frac=frac, by="dealer")


def discrete_gaussian(
    context: Context, shape: Shape, sigma: float, frac: int = FRAC, by: By = "dealer"
) -> Secret:
    """Noise x with probability ∝ exp(-x² / 2 sigma²) on the multiples of 2^-frac, exactly.

    Drawn by the dealer, who knows it: for receivers that do not collude with the dealer. Or by the parties,
    each for itself and of that sigma: for receivers that collude with the dealer and with all compute parties
    but one; the variance is that of as many samples as there are compute parties.

    No magnitude is above 14 sigma for each who draws. Sigma is at most 2^54 units of the grid.

    Cost: 8 bytes dealt for each element; nothing by the parties. A sample is within a statistical distance of
    2^-112 of its law. Source: Canonne, Kamath, Steinke (2020).
    """
    return _noise(context, "gaussian", shape, sigma, frac, by, ())


def discrete_laplace(
    context: Context, shape: Shape, scale: float, frac: int = FRAC, by: By = "dealer"
) -> Secret:
    """Noise x with probability ∝ exp(-abs(x) / scale) on the multiples of 2^-frac; else as
    :func:`discrete_gaussian`. No magnitude is above 89 scales for each who draws.
    """
    return _noise(context, "laplace", shape, scale, frac, by, ())


def _noise(
    context: Context, law: str, shape: Shape, parameter: float, frac: int, by: By, to: Sequence[str]
) -> Secret:
    params = {"law": law, "parameter": float(parameter), "frac": frac, "by": by, "to": list(to)}
    return context.one("noise", [], shape=list(shape), **params)


def noisy_reveal(
    x: Operand,
    to: Sequence[str],
    name: str,
    *,
    sigma: float | None = None,
    scale: float | None = None,
    sensitivity: float | None = None,
    epsilon: float | None = None,
    delta: float | None = None,
    by: By = "dealer",
) -> None:
    """Make x with noise known to ``to``, and to nobody else; the plan says which noise.

    The noise is discrete Gaussian of ``sigma``; or discrete Laplace of ``scale``; or what makes the reveal
    differentially private: Laplace for ``sensitivity`` and ``epsilon``, Gaussian where there is a ``delta``
    as well, see :func:`gaussian_sigma`. It lies on x's own grid of fractional bits.

    :param sensitivity: by how much one person's data can change x: added up over the elements for Laplace, in
        the Euclidean norm for Gaussian. Of x as it is computed: each rounding before can add one unit of its
        place for each element that it changes.
    :param by: see :func:`discrete_gaussian`. Each of the parties draws noise of the whole width.

    Cost: 1 round, 8 bytes sent to each receiver, 8 dealt (none by the parties).
    Errors: CT-2109 where the dealer is to receive what its own noise covers; CT-2106 for noise that is none.
    """
    context = context_of(x)
    secret = secret_of(x, context)
    law, parameter = _choice(sigma, scale, sensitivity, epsilon, delta)
    noise = _noise(context, law, secret.shape, parameter, secret.frac, by, to)
    kind, what = _LAWS[law]
    note = f"with {kind} noise, {what} {parameter:.6g}" + (", of each party" if by == "parties" else "")
    if sensitivity is not None:
        note += f": epsilon {epsilon:.6g}" + (f", delta {delta:.6g}" if delta is not None else "")
        note += f" for sensitivity {sensitivity:.6g}"
    context.reveal(secret + noise, to, name, note)


def _choice(
    sigma: float | None,
    scale: float | None,
    sensitivity: float | None,
    epsilon: float | None,
    delta: float | None,
) -> tuple[str, float]:
    """Law and parameter. Raises TypeError for arguments that do not say one."""
    given = [value is not None for value in (sigma, scale, sensitivity, epsilon, delta)]
    if given not in (
        [True, False, False, False, False],
        [False, True, False, False, False],
        [False, False, True, True, False],
        [False, False, True, True, True],
    ):
        raise TypeError("noise is given by sigma, by scale, or by sensitivity, epsilon and perhaps delta")
    if sigma is not None:
        return "gaussian", sigma
    if scale is not None:
        return "laplace", scale
    assert sensitivity is not None
    assert epsilon is not None
    if delta is not None:
        return "gaussian", gaussian_sigma(sensitivity, epsilon, delta)
    if not (sensitivity > 0 and epsilon > 0):
        raise ValueError("sensitivity and epsilon are above 0")
    return "laplace", math.nextafter(sensitivity / epsilon, math.inf)


def gaussian_sigma(sensitivity: float, epsilon: float, delta: float) -> float:
    """The smallest sigma, within 1e-9, that is shown to give (epsilon, delta)-differential privacy.

    For any number of elements, with ``sensitivity`` in the Euclidean norm. By way of concentrated
    differential privacy with ρ = sensitivity² / 2 sigma²: for every α > 1 it gives delta = exp((α - 1)(αρ -
    epsilon)) / (α - 1) · (1 - 1/α)^α; see Canonne, Kamath, Steinke (2020), section 2.
    """
    if not (sensitivity > 0 and epsilon > 0 and 0 < delta < 1):
        raise ValueError("sensitivity and epsilon are above 0, and delta is between 0 and 1")
    orders = 1 + np.logspace(-4, 8, 4801)
    fixed = orders * np.log1p(-1 / orders) - np.log(orders - 1) - (orders - 1) * epsilon

    def enough(sigma: float) -> bool:
        rho = (sensitivity / sigma) ** 2 / 2
        return bool(np.min(fixed + (orders - 1) * orders * rho) <= math.log(delta))

    low = high = sensitivity
    while not enough(high):
        high *= 2
    while enough(low):
        low /= 2
    while high - low > 1e-10 * high:
        middle = (low + high) / 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
