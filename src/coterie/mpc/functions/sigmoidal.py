"""The sigmoid and its relatives: functions that flatten out, by sums of odd harmonics.

Errors are absolute. A result is computed in one round with 16 dealt bytes for each harmonic, or in two with
8 and 16, and rounded to ``frac`` bits on the way: by what takes less time on the plan's network.

That depends on the number of elements. ``halve`` says it instead: needed where a plan for the most elements
has to be a bound of that for fewer, as it has in components whose rows are counted while the job runs.
"""

from __future__ import annotations

from collections.abc import Mapping

from coterie.mpc.arrays import Secret, implements
from coterie.mpc.errors import BAD_PROGRAM, RANGE_NEEDED
from coterie.mpc.fourier import Named
from coterie.mpc.fourier_tables import SIGMOID, SOFTPLUS
from coterie.mpc.functions.arithmetic import add, as_secret, multiply
from coterie.mpc.functions.operands import Operand
from coterie.mpc.functions.sums import evaluated
from coterie.mpc.location import program_line

__all__ = ["sigmoid", "sigmoid_of", "softplus", "tanh"]

Tables = Mapping[tuple[int, int], Named]

_ROUNDING = 2.0**-11
"""Twice as much error may come by rounding in the second round."""


@implements("expit")
def sigmoid(
    z: Operand,
    limit: float | None = None,
    error: float = 1e-3,
    frac: int | None = None,
    halve: bool | None = None,
) -> Secret:
    """1 / (1 + e^-z).

    :param limit: |z| is promised not to be larger, up to 20; watched by ``ctx.check()``. Not needed where the
        trace knows it. Rounded up to 5, 8, 10 or 20.
    :param error: largest absolute error of the sum that is taken, down to 2e-5, with a limit of 20 3.2e-6.
    :param frac: fractional bits of the result; 28 in one round, 18 in two, where nothing is said.
    :param halve: whether in two rounds, with half of what is dealt; None to choose.

    Cost, with N harmonics (3 to 11 up to 10, 10 to 24 up to 20; 5 for 8 and 1e-3): 1 round, 3 bytes sent, 16N
    dealt; or, where bytes count more than a round, 2 rounds, 7 sent, 8N + 16 dealt. A watched limit takes 2
    sent and 16 dealt more. Error: ``error``, and 2^-12 by rounding.
    """
    x = as_secret(z)
    return _evaluate("sigmoid", x, *_chosen("sigmoid", SIGMOID, x, limit, error), frac, halve)


@implements()
def tanh(
    x: Operand,
    limit: float | None = None,
    error: float = 1e-3,
    frac: int | None = None,
    halve: bool | None = None,
) -> Secret:
    """The hyperbolic tangent, 2 sigmoid(2x) - 1: as :func:`sigmoid`, with half the limits, up to 10."""
    twice = multiply(as_secret(x), 2)
    half = sigmoid(twice, None if limit is None else 2 * limit, error / 2, frac, halve)
    return add(multiply(half, 2), -1)


@implements()
def softplus(
    z: Operand,
    limit: float | None = None,
    error: float = 1e-3,
    frac: int | None = None,
    halve: bool | None = None,
) -> Secret:
    """log(1 + e^z): the loss of logistic regression. As :func:`sigmoid`, with limits of 5, 10 and 20, and
    errors down to 3e-5, with a limit of 20 2.2e-6."""
    x = as_secret(z)
    even = _evaluate("even_softplus", x, *_chosen("softplus", SOFTPLUS, x, limit, error), frac, halve)
    return add(even, x.ldexp(-1))


@implements()
def sigmoid_of(z: Secret, limit: int, terms: int, frac: int, halve: bool = False) -> Secret:
    """1 / (1 + e^-z), always watched, by the sum of that limit and number of terms.

    :param halve: in two rounds with half of what is dealt, for sums over many rows: what rounding adds has no
        bias, but is up to 2^-12. Never chosen by the number of rows, so that the plan for the most rows is a
        bound for fewer.

    Cost: 1 round, 5 bytes sent, 16 terms + 16 dealt; halved 2 rounds, 9 sent, 8 terms + 32 dealt.
    """
    if (limit, terms) not in SIGMOID:
        pairs = ", ".join(map(str, SIGMOID))
        raise BAD_PROGRAM(f"no sum for limit and terms {(limit, terms)}; there are {pairs}")
    named = SIGMOID[limit, terms]
    gain, function = (named.factor, named.frac), ("sigmoid", 0.0)
    return evaluated(z, named.sum, gain, function=function, guard=True, frac=frac, error=1.0, halve=halve)


def _chosen(name: str, tables: Tables, x: Secret, limit: float | None, error: float) -> tuple[Named, bool]:
    """The shortest sum that is good enough, and whether its limit is to be watched."""
    guard = limit is not None and limit < x.bound
    reach = float(limit) if guard and limit is not None else x.bound
    fitting = [
        (terms, most, named)
        for (most, terms), named in tables.items()
        if most >= reach and named.error <= error
    ]
    if not fitting:
        most = max(most for most, _ in tables)
        least = min(named.error for (limit, _), named in tables.items() if limit == most)
        raise RANGE_NEEDED(
            f"{name}{program_line()} of values up to {reach:.4g} with an error of {error:.2g}; there are "
            f"sums up to {most}, and errors from {least}"
        )
    return min(fitting, key=lambda one: one[:2])[2], guard


def _evaluate(
    name: str, x: Secret, named: Named, guard: bool, frac: int | None, halve: bool | None
) -> Secret:
    gain, error = (named.factor, named.frac), named.error + _ROUNDING
    return evaluated(
        x, named.sum, gain, function=(name, 0.0), guard=guard, frac=frac, error=error, halve=halve
    )
