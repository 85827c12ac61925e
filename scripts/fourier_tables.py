"""Writes src/coterie/mpc/fourier_tables.py: the sums that stand for the sigmoid, softplus and the logarithm.

    python scripts/fourier_tables.py [FILE]

For each limit and number of terms it tries all gains of three fractional bits that put the mirror near the
limit (more of them would leave less room for those of the argument), and keeps the best.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from coterie.mpc.fourier import GRID_BITS
from coterie.mpc.fourier_fit import Basis, Fit, Function, fit
from coterie.mpc.protocols.octaves import SCALED
from coterie.mpc.protocols.range_check import ALARM, LIMIT
from coterie.mpc.protocols.true import even_softplus, sigmoid

HALF_PERIOD = 16.0
MIRROR = HALF_PERIOD / 2
"""Where sums of odd harmonics are mirrored."""
SIGMOID = {5: (3, 4, 5), 8: (5, 6, 7, 8), 10: (5, 6, 7, 8, 10, 11), 20: (10, 11, 12, 13, 14, 16, 24)}
SOFTPLUS = {5: (3, 4, 5, 6), 10: (5, 6, 7, 8), 20: (10, 12, 14, 18)}
ROUNDS = 60
LOG_CENTRE = (SCALED.low + SCALED.high) / 2
LOG_BASIS = Basis(1.0, 2)

HEAD = '''"""Sums that stand for the sigmoid and for softplus, by limit and number of terms; and for log.

Written by ``scripts/fourier_tables.py``, which says how; a test fits them again. ``error`` is the largest for
|z| <= limit, ``beyond`` the largest where the range guard may still let z pass.
"""

from __future__ import annotations

from coterie.mpc.fourier import Named, Sum, odd

SIGMOID: dict[tuple[int, int], Named] = {
'''


def best(function: Function, limit: int, terms: int, basis: Basis) -> tuple[float, int, Fit]:
    """Gain as a factor of 2^-frac, and the fit of z = gain x."""
    found = []
    for eighths in range(1, 32):
        factor, frac = eighths, 3
        while factor % 2 == 0 and frac:
            factor, frac = factor // 2, frac - 1
        gain = factor / 2**frac
        if 0.75 <= MIRROR / (gain * limit) <= 1.15 and gain * limit <= LIMIT * HALF_PERIOD:
            made = fit(_scaled(function, gain), -limit * gain, limit * gain, basis, terms, rounds=ROUNDS)
            found.append((made.error, factor, frac, made))
    _, factor, frac, made = min(found, key=lambda one: one[0])
    return factor, frac, made


def _scaled(function: Function, gain: float) -> Function:
    return lambda z: function(z / gain)


def entry(function: Function, limit: int, terms: int, basis: Basis) -> str:
    """One line or more of the table."""
    factor, frac, made = best(function, limit, terms, basis)
    gain = factor / 2**frac
    far = np.linspace(limit, ALARM * HALF_PERIOD / gain, 2001)
    beyond = float(np.abs(made.sum(far * gain) - function(far)).max())
    coefficients = made.sum.sines if basis.sines else made.sum.cosines
    integers = [str(round(value * 2.0**GRID_BITS)) for value in coefficients]
    rows = [" ".join(integers[start : start + 8]) for start in range(0, len(integers), 8)]
    texts = "\n        ".join(f'"{row} "' for row in rows).replace(' "', '"', 1 if len(rows) == 1 else 0)
    kind = "sines" if basis.sines else "cosines"
    constant = round(made.sum.constant * 2.0**GRID_BITS)
    values = (
        f"{factor}, {frac}, {_up(made.error)}, {_up(beyond)}, ({made.sum.low}, {made.sum.high}), {constant}"
    )
    return f"    ({limit}, {terms}): odd(\n        {values},\n        {kind}={texts}\n    ),\n"


def logarithm(function: np.ufunc, terms: int) -> str:
    """The logarithm of scaled numbers."""
    low, high = SCALED.low - LOG_CENTRE, SCALED.high - LOG_CENTRE
    made = fit(lambda z: function(z + LOG_CENTRE), low, high, LOG_BASIS, terms, ROUNDS)
    params = ",\n            ".join(f'"{name}": {value}' for name, value in made.sum.to_params().items())
    key = f'"{function.__name__}", {terms}'
    return f"    ({key}): Sum.from_params(  # error {_up(made.error)}\n        {{{params}}}\n    ),\n"


def _up(value: float) -> str:
    """Two digits, rounded up."""
    exponent = int(np.floor(np.log10(value))) - 1
    return f"{np.ceil(value / 10.0**exponent) * 10.0**exponent:.1e}"


def main(path: Path) -> None:
    """Write the file."""
    lines = [HEAD]
    basis = Basis(HALF_PERIOD, 1, 1, 2, linear=False, cosines=False)
    for limit, counts in SIGMOID.items():
        lines += [entry(sigmoid, limit, terms, basis) for terms in counts]
    lines.append("}\n\nSOFTPLUS: dict[tuple[int, int], Named] = {\n")
    basis = Basis(HALF_PERIOD, 1, 1, 2, linear=False, sines=False)
    for limit, counts in SOFTPLUS.items():
        lines += [entry(even_softplus, limit, terms, basis) for terms in counts]
    lines.append('}\n"""Of log(1 + e^z) - z / 2, an even function."""\n')
    lines.append(f"\nLOG_CENTRE = {LOG_CENTRE}\n\nLOGS: dict[tuple[str, int], Sum] = {{\n")
    lines += [logarithm(*pair) for pair in ((np.log, 4), (np.log, 5), (np.log2, 5), (np.log10, 5))]
    lines.append(f'}}\n"""Of log(z + LOG_CENTRE), for log of {SCALED.low} to {SCALED.high}."""\n')
    path.write_text("".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main(Path(*sys.argv[1:]) if len(sys.argv) > 1 else Path("src/coterie/mpc/fourier_tables.py"))
