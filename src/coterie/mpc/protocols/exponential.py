"""The exponential function in one round, with the same relative precision over the whole range.

Let z' = z - low lie in [0, R), R = 2T a power of two. Of z' + λ one bit more than R needs becomes public, m.
With u = m mod R, λ' = λ mod R, the sum wrapped past R just if the highest bits of m and λ differ; call that
w. So z' = u - λ' + wR, and e^z' = e^(u + wR) · e^(-λ'): the first factor is public for either value of λ's
highest bit, the second dealt, as two shares of which the wrong one is zero (cf. the wrap bit in
``truncate``).

In plain fixed point e^u and e^(-λ') would together need twice the bits of the range. Instead cut both into h
whole units and a rest ℓ below one unit ω, and let β be an odd integer near e^ω. Then e^(u + wR) = β^h · P
with P = (e^ω / β)^h e^ℓ, and e^(-λ') = β^(-h') · D in the same way. P and D stay between narrow limits and
are rounded to some 15 bits; β^h is exact in the ring, and as β is odd so is β^(-h'), its inverse modulo 2^64.
As z' >= 0, h >= h', so that β^(h - h') P D is an integer, the value wanted times 2^f: no precision is lost to
the range, and nothing but the result must fit the ring.
"""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass
from decimal import Decimal, localcontext
from functools import lru_cache

import numpy as np

from coterie._kernels import exp_deal, exp_eval
from coterie.mpc.errors import RANGE_NEEDED
from coterie.mpc.form import Form
from coterie.mpc.location import program_line
from coterie.mpc.protocols.masked import Dealt, Masked
from coterie.mpc.protocols.protocol import Params
from coterie.mpc.protocols.range_check import ALARM
from coterie.mpc.protocols.window import ABOVE, PERIOD_BITS, Window
from coterie.mpc.ranges import Interval
from coterie.mpc.ring import HEADROOM, Floats, Words
from coterie.mpc.statement import ProtocolStatement
from coterie.mpc.tape import Call

BITS, LEAST_BITS = 13.0, 12.3
"""Both factors are rounded so that the relative error is below 2^-BITS; in ranges that leave no room for
that, 2^-LEAST_BITS."""
SHORT_PERIOD_BITS = 23
"""Of the period where there is no guard: with the spare bit, three bytes."""
_LARGEST_UNIT = 4.0
"""The kernel takes no larger exponents of rests."""
_MOST_UNITS = 512
_FULL = HEADROOM - 2.0**-6
"""Bits of the largest value."""
_SLACK = 8
"""Units of the window, for what dropping bits of shares does."""
_LOG2_E = 1 / math.log(2)


@dataclass(frozen=True)
class Plan:
    """The numbers of one evaluation. All of them are on the tape: who finds others follows another tape."""

    rate: float
    plus: float
    """e^(rate z + plus) is computed."""
    low: float
    """z' = z - low, a multiple of the window's unit."""
    half_period: float
    unit: float
    """ω / rate: a power of two."""
    base: int
    """β."""
    frac: int
    """f."""
    scale: int
    """D is what it is times 2^(scale / 4)."""

    @property
    def units(self) -> int:
        """In a period."""
        return round(2 * self.half_period / self.unit)

    @property
    def tables(self) -> tuple[Words, Floats, Words, Floats]:
        """Powers and factors of the dealer for one period, of the parties for two."""
        return _tables(self)

    def cut(self, period_bits: int) -> tuple[int, float]:
        """Bits of a unit, and the exponent of the lowest bit."""
        unit_bits = period_bits - self.units.bit_length() + 1
        return unit_bits, self.rate * self.unit / 2.0**unit_bits


@lru_cache(maxsize=64)
def _tables(made: Plan) -> tuple[Words, Floats, Words, Floats]:
    """Correctly rounded from decimals, so that all machines have the same."""
    with localcontext() as context:
        context.prec = 40
        rate, two = Decimal(made.rate), Decimal(2)
        ratio = (rate * Decimal(made.unit)).exp() / made.base
        scale = two ** (Decimal(made.scale) / 4)
        start = (rate * Decimal(made.low) + Decimal(made.plus)).exp() * two**made.frac / scale
        public = [float(start * ratio**h) for h in range(2 * made.units)]
        dealt = [float(scale / ratio**h) for h in range(made.units)]
    powers = [pow(made.base, h, 2**64) for h in range(2 * made.units)]
    inverses = [pow(made.base, -h, 2**64) for h in range(made.units)]
    return np.array(inverses, np.uint64), np.array(dealt), np.array(powers, np.uint64), np.array(public)


def plan(rate: float, plus: float, low: float, high: float, half_period: float) -> tuple[Plan, float]:
    """With the unit and base that need the fewest bits, and the precision: relative errors are below
    2^-precision.

    Raises CT-2113 where the ring is too small for the range.
    """
    choices: list[tuple[float, float, float, int]] = []
    unit = 2 * half_period
    while rate * unit > 1 / 3 or not choices:
        if rate * unit <= _LARGEST_UNIT and 2 * half_period / unit <= _MOST_UNITS:
            odd = 2 * math.floor(math.exp(rate * unit) / 2) + 1
            choices += [_losses(rate, half_period, unit, base) for base in (odd - 2, odd) if base > 0]
        unit /= 2
    start, end = ((rate * z + plus) * _LOG2_E for z in (low, high))
    if choices:
        public, dealt, unit, base = min(choices, key=lambda one: one[0] + one[1])
        frac = math.floor(min(2 * BITS + 1 + public + dealt - start, _FULL - end))
        precision = (frac + start - public - dealt) / 2
        if precision >= LEAST_BITS:
            scale = round(4 * (precision + dealt))
            return Plan(rate, plus, low, half_period, unit, base, frac, scale), precision
    limits = f"from {rate * low + plus:.4g} to {rate * high + plus:.4g}"
    raise RANGE_NEEDED(f"an exponential of values {limits}{program_line()}")


def _losses(rate: float, half_period: float, unit: float, base: int) -> tuple[float, float, float, int]:
    """How many bits the smallest P and the smallest D are below their scales; with the unit and the base."""
    drift = rate * unit * _LOG2_E - math.log2(base)
    units = 2 * half_period / unit
    return max(0.0, -drift * 2 * units), max(0.0, drift * units) + rate * unit * _LOG2_E, unit, base


class Exponential(Masked):
    """e^(rate z + plus); with a guard z is promised to lie in ±5/8 T, and found out from ±7/8 T on."""

    kind = "exponential"
    statement = ProtocolStatement(
        protocol="exponential by exact powers in the ring",
        rounds="1",
        sent="3 bytes for each element, with range guard 5, from each compute party to each other",
        dealt="16 bytes for each element, and 16 for the range guard",
        learns="Nothing: what is opened is uniformly random to those who have but a share of its mask.",
        source="this file; the wrap bit as in exact truncation",
        statistical_bits=40,
    )

    def window(self, form: Form, params: Params) -> Window:
        if params["guard"]:
            return Window(form, params["half_period"], PERIOD_BITS, ABOVE, *params["gain"])
        return Window(form, params["half_period"], SHORT_PERIOD_BITS, 1, *params["gain"])

    def result(self, form: Form, params: Params) -> Form:
        half_period, rate, plus = params["half_period"], params["rate"], params["plus"]
        if params["guard"]:
            low, high = -ALARM * half_period, ALARM * half_period
        else:
            unit = 2.0 ** -self.window(form, params).frac
            low = math.floor(form.low / unit - _SLACK) * unit
            high = form.high + _SLACK * unit
            if high - low > 2 * half_period:
                raise ValueError(f"a range of {form.high - form.low:.4g} is wider than the period")
        made, precision = plan(rate, plus, low, high, half_period)
        params["plan"] = list(astuple(made))
        slack = 1 + 2.0 ** (1 - precision)
        least, most = (math.exp(rate * z + plus) for z in (low, high))
        return Form(form.shape, made.frac, Interval(_outward(least / slack, -1), _outward(most * slack, 1)))

    def each(self, call: Call) -> int:
        return 2

    def correct(self, call: Call, mask: Words, seeds: list[bytes], id: int) -> Words:
        made, bits = Plan(*call.params["plan"]), self.window_of(call).period_bits
        unit_bits, step = made.cut(bits)
        powers, factors, _, _ = made.tables
        return exp_deal(mask, bits, unit_bits, -step, powers, factors, seeds, id)

    def evaluate(self, call: Call, opened: Words, dealt: Dealt) -> Words:
        made, window = Plan(*call.params["plan"]), self.window_of(call)
        unit_bits, step = made.cut(window.period_bits)
        _, _, powers, factors = made.tables
        above_low = opened - np.uint64(round(made.low * 2.0**window.frac) % 2**64)
        return exp_eval(
            above_low, window.period_bits, unit_bits, step, powers, factors, dealt.words, dealt.seed, dealt.id
        )

    def public(self, call: Call) -> int:
        return 0

    def true(self, call: Call, x: Floats) -> Floats:
        z = x * self.window_of(call).gain
        return np.asarray(np.exp(call.params["rate"] * z + call.params["plus"]))


def _outward(value: float, direction: int) -> float:
    """To a number of 24 bits: the last bits of ``math.exp`` may differ from machine to machine."""
    mantissa, exponent = math.frexp(value)
    rounded = math.floor(mantissa * 2**24) if direction < 0 else math.ceil(mantissa * 2**24)
    return math.ldexp(rounded, exponent - 24)


PROTOCOLS = (Exponential(),)
