"""Smooth functions by short trigonometric sums, in one round or, with half of what is dealt, in two.

Of z + λ the bits of the sum's period become public, m. sin(jθz) = sin(jθm) cos(jθλ) − cos(jθm) sin(jθλ),
and the cosine likewise: the dealer shares sines and cosines of λ, those of m are public factors, and a linear
term needs no more than the shares of z. See ``fourier`` for the sums.

In one round, what is dealt is shared in Z_2^64, 16 bytes for each term, and so is the result. In two, it is
shared in Z_2^32: 8 bytes for each term. The result, below 2^k in magnitude, has 30 − k fractional bits there.
The second round opens it under a mask and carries it over to Z_2^64, exactly as truncation does, and rounds
it on the way.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from coterie._kernels import deal_truncation, trig_deal, trig_eval, truncate
from coterie.mpc.form import Form
from coterie.mpc.fourier import Sum
from coterie.mpc.protocols.masked import Dealt, Masked
from coterie.mpc.protocols.protocol import Params
from coterie.mpc.protocols.true import TRUE
from coterie.mpc.protocols.window import ABOVE, PERIOD_BITS, Window
from coterie.mpc.ranges import Interval
from coterie.mpc.ring import Floats, Words, shifted
from coterie.mpc.statement import ProtocolStatement
from coterie.mpc.tape import WORD, Call, Cost, Instruction, Setting

if TYPE_CHECKING:
    from coterie.mpc.dealer import Dealer
    from coterie.mpc.party import Party

HALF = 32
"""Bits of a half word."""
_HALF_ROOM = 30
"""A value below 2^k has as many fractional bits less k in a half word: one bit is the sign, one is for the
mask."""
_LEAST_FRAC, _MOST_FRAC = 16, 56


class Fourier(Masked):
    """A :class:`~coterie.mpc.fourier.Sum` of z = gain x."""

    kind = "fourier"
    statement = ProtocolStatement(
        protocol="smooth function by a trigonometric sum",
        rounds="1, or 2 where half is dealt",
        sent="3 bytes for each element, with range guard 5, and 4 in a second round, from each compute party "
        "to each other",
        dealt="16 bytes for each element and term, or 8 and 16 for the second round; 16 for the range guard",
        learns="Nothing: what is opened is uniformly random to those who have but a share of its mask.",
        source="this file; the dealt sines are those of Baccarini, Blanton, Yuan (2023) in additive form",
        statistical_bits=40,
    )

    def window(self, form: Form, params: Params) -> Window:
        made = Sum.from_params(params["sum"])
        above = ABOVE if params["guard"] else made.period_bits
        return Window(form, made.half_period, PERIOD_BITS, above, *params["gain"])

    def result(self, form: Form, params: Params) -> Form:
        made, frac = Sum.from_params(params["sum"]), params["frac"]
        inner = _HALF_ROOM - _magnitude(made) if params["half"] else frac
        if not _LEAST_FRAC <= inner <= _MOST_FRAC or not 0 < frac <= inner:
            raise ValueError(f"a result of {frac} fractional bits cannot be made")
        below = form.frac + made.linear_frac + params["gain"][1]
        if made.linear and below > _words_frac(inner, params):
            raise ValueError(f"a result of {frac} fractional bits is too coarse for the linear term")
        params["dealt_frac"] = _dealt_frac(made, inner)
        return Form(form.shape, frac, Interval(made.low, made.high).widened(2.0**-frac))

    def ids(self, call: Call, setting: Setting) -> int:
        return super().ids(call, setting) + (2 if call.params["half"] else 0)

    def cost(self, call: Call, setting: Setting) -> Cost:
        first = super().cost(call, setting)
        if not call.params["half"]:
            return first
        n = call.input_forms[0].size
        second = (*Cost.broadcast(setting, n * HALF // 8), Cost.deal(setting, 2 * n * WORD))
        return Cost(
            (*first.rounds, second), 0, first.party_work, first.dealer_work, max(first.scratch, 6 * n * WORD)
        )

    def each(self, call: Call) -> int:
        terms = len(call.params["sum"]["sines"])
        return terms if call.params["half"] else 2 * terms

    def correct(self, call: Call, mask: Words, seeds: list[bytes], id: int) -> Words:
        made, params = _sum(call), call.params
        bits, terms = PERIOD_BITS + made.period_bits, made.terms
        low = mask & np.uint64((1 << bits) - 1)
        frac, half = params["dealt_frac"], params["half"]
        return trig_deal(low, bits, terms, made.first, made.step, frac, half, seeds, id)

    def evaluate(self, call: Call, opened: Words, dealt: Dealt) -> Words:
        made, params = _sum(call), call.params
        bits = PERIOD_BITS + made.period_bits
        return trig_eval(
            opened & np.uint64((1 << bits) - 1),
            np.array(made.sines),
            np.array(made.cosines) if made.cosines else None,
            bits,
            made.first,
            made.step,
            params["dealt_frac"],
            _inner(call),
            params["half"],
            dealt.words,
            dealt.seed,
            dealt.id,
        )

    def public(self, call: Call) -> int:
        return round(_sum(call).constant * 2.0 ** _words_frac(_inner(call), call.params))

    def true(self, call: Call, x: Floats) -> Floats:
        function = call.params["function"]
        if function is None:
            return _sum(call)(x * self.window_of(call).gain)
        name, centre = function
        return TRUE[name](x + centre)

    def finish(self, instruction: Instruction, party: Party, x: Words, result: Words) -> Words:
        call = instruction.call
        result += _linear(call, x)
        if not call.params["half"]:
            return result
        mask_id, dealt_id = instruction.ids[-2:]
        if party.is_first:
            result += _OFFSET
        masked = (result >> np.uint64(HALF)).astype(np.uint32)
        masked += party.mask_share(call, mask_id, masked.size).astype(np.uint32)
        for theirs in party.broadcast(call, masked, "/half"):
            masked = masked + theirs
        opened = masked.astype(np.uint64) << np.uint64(HALF)
        dealt = party.dealt(call, dealt_id, 2 * masked.size, "/half")
        return truncate(opened, dealt[: masked.size], dealt[masked.size :], _dropped(call), party.is_first)

    def deal(self, instruction: Instruction, dealer: Dealer) -> None:
        super().deal(instruction, dealer)
        call = instruction.call
        if call.params["half"]:
            mask_id, dealt_id = instruction.ids[-2:]
            mask = dealer.new_mask(call, mask_id, call.input_forms[0].size)
            mask <<= np.uint64(HALF)
            dealer.send(call, dealt_id, np.concatenate(deal_truncation(mask, _dropped(call))), "/half")

    def clear_finish(self, call: Call, x: Words, result: Words) -> Words:
        result = result + _linear(call, x)
        if not call.params["half"]:
            return result
        return (result.view(np.int64) >> _dropped(call)).view(np.uint64)


_OFFSET = np.uint64(1 << 62)


def _sum(call: Call) -> Sum:
    return Sum.from_params(call.params["sum"])


def _magnitude(made: Sum) -> int:
    """k, for values below 2^k."""
    return max(math.frexp(max(-made.low, made.high) * (1 + 2.0**-10))[1], 0)


def _inner(call: Call) -> int:
    """Fractional bits of the sum itself."""
    params = call.params
    return _HALF_ROOM - _magnitude(_sum(call)) if params["half"] else int(params["frac"])


def _words_frac(inner: int, params: Any) -> int:
    """Fractional bits of the sum in whole words."""
    return inner + (HALF if params["half"] else 0)


def _dealt_frac(made: Sum, inner: int) -> int:
    """Fractional bits of the dealt sines; the public factors get the rest.

    Rounding of the sines counts with the coefficients, that of the public factors with the squares of sines,
    which add up to the number of terms.
    """
    balance = math.log2(max(made.norm, 2.0**-10) / math.sqrt(made.terms))
    return min(max(round((inner + balance) / 2), 4), inner - 4, 50)


def _linear(call: Call, x: Words) -> Words:
    """The linear term, of shares of x."""
    made, form = _sum(call), call.input_forms[0]
    factor, factor_frac = call.params["gain"]
    factor *= round(made.linear * 2.0**made.linear_frac)
    flat = x.reshape(-1)
    if not factor:
        return np.zeros_like(flat)
    up = _words_frac(_inner(call), call.params) - form.frac - made.linear_frac - factor_frac
    return shifted(flat * np.uint64(factor % 2**64), up)


def _dropped(call: Call) -> int:
    """By how many bits the second round shifts whole words."""
    return HALF + _inner(call) - int(call.params["frac"])


PROTOCOLS = (Fourier(),)
