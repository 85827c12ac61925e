"""The logistic function in one round, for any number of parties; and the way to other smooth bounded
functions.

sigma(z) − 1/2 is a short sum of sin(j pi z / T), see ``sigmoid_table``. As it has period 2T, a power of two,
only the low bits of z + λ need to be opened. sin(jθz) = sin(jθm) cos(jθλ) − cos(jθm) sin(jθλ): the dealer
shares the sines and cosines of λ, those of m are public factors. The opening has 16 bits more for the guard
of the range, see ``range_check``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from coterie._kernels import trig_deal, trig_eval
from coterie.crypto import digest
from coterie.mpc.form import Form
from coterie.mpc.protocols.protocol import Forms, Params, Protocol
from coterie.mpc.protocols.range_check import (
    COMBINATIONS,
    FORM,
    WORDS_PER_ROW,
    alarm,
    deal_tables,
    watch,
)
from coterie.mpc.protocols.sigmoid_table import TABLE, Sum
from coterie.mpc.protocols.window import CHUNK, PERIOD_BITS, Window, chunks
from coterie.mpc.ranges import Interval, between
from coterie.mpc.ring import Floats, Words, decode, encode_scalar
from coterie.mpc.shares import Share
from coterie.mpc.statement import ProtocolStatement
from coterie.mpc.tape import WORD, Call, Cost, Instruction, Setting

if TYPE_CHECKING:
    from coterie.mpc.dealer import Dealer
    from coterie.mpc.party import Party
    from coterie.mpc.twin import Twin

_PERIOD = np.uint64((1 << PERIOD_BITS) - 1)


class Sigmoid(Protocol):
    """1 / (1 + exp(-z)), and sums of range differences."""

    kind = "sigmoid"
    takes = (Form,)
    statement = ProtocolStatement(
        protocol="sigmoid by a trigonometric sum",
        rounds="1",
        sent="5 bytes for each element, from each compute party to each other",
        dealt="16 bytes for each element and term, and 16 for the range guard",
        learns="Nothing: what is opened is uniformly random to those who have but a share of its mask.",
        source="this file; the dealt sines are those of Baccarini, Blanton, Yuan (2023) in additive form",
        statistical_bits=40,
    )

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        form, table = forms[0], _table(params)
        _window(form, params).check()
        if not 8 <= params["frac"] <= 50:
            raise ValueError(f"a result of {params['frac']} fractional bits cannot be made")
        params["table"] = digest(np.array(table.factors, dtype="<f8").tobytes())  # other factors, other plan
        return (Form(form.shape, params["frac"], between(table.largest) + Interval(0.5, 0.5)), FORM)

    def ids(self, call: Call, setting: Setting) -> int:
        return 2 + 2 * len(list(chunks(call.input_forms[0].size)))

    def cost(self, call: Call, setting: Setting) -> Cost:
        n, terms = call.input_forms[0].size, call.params["terms"]
        dealt = n * WORD * (2 * terms + WORDS_PER_ROW)
        messages = (
            *Cost.broadcast(setting, n * _window(call.input_forms[0], call.params).bytes),
            Cost.deal(setting, dealt),
        )
        scratch = 4 * n * WORD + min(n, CHUNK) * WORD * (4 * terms + 2 * WORDS_PER_ROW)
        return Cost((messages,), party_work=4 * terms * n, dealer_work=4 * terms * n, scratch=scratch)

    def deal(self, instruction: Instruction, dealer: Dealer) -> None:
        call, (mask_id, _, *chunk_ids) = instruction.call, instruction.ids
        terms, frac = call.params["terms"], _inner_frac(call)
        mask = _window(call.input_forms[0], call.params).mask(dealer, call, mask_id)
        for part, (start, stop) in enumerate(chunks(mask.size)):
            trig_id, guard_id = chunk_ids[2 * part : 2 * part + 2]
            rows = mask[start:stop]
            use = f"{call.tag} dealt/{part}"
            seeds = dealer.book.seeds(dealer.expanding, trig_id, 2 * terms * rows.size, use)
            sines = trig_deal(rows & _PERIOD, PERIOD_BITS, terms, 1, 1, frac, False, seeds, trig_id)
            dealer.send_raw(call, sines, f"/{part}")
            deal_tables(dealer, call, guard_id, rows, f"/{part}/guard")

    def run(self, instruction: Instruction, party: Party, values: Sequence[Any]) -> Sequence[Any]:
        call, form = instruction.call, instruction.call.input_forms[0]
        mask_id, coin_id, *chunk_ids = instruction.ids
        opened = _window(form, call.params).open(party, call, values[0].words, mask_id)
        result = np.empty(form.size, np.uint64)
        guard = np.zeros(COMBINATIONS, np.uint64)
        for part, (start, stop) in enumerate(chunks(form.size)):
            trig_id, guard_id = chunk_ids[2 * part : 2 * part + 2]
            rows = opened[start:stop]
            result[start:stop] = self._evaluate(party, call, rows, part, trig_id)
            ids = (guard_id, coin_id)
            guard += watch(party, call, ids, start, form.size, rows, f"/{part}/guard")
        if party.is_first:
            result += np.uint64(encode_scalar(0.5, call.params["frac"]))
        return [Share(result.reshape(form.shape)), Share(guard)]

    @staticmethod
    def _evaluate(party: Party, call: Call, opened: Words, part: int, id: int) -> Words:
        count = 2 * call.params["terms"] * opened.size
        shares = seed = None
        if party.is_last:
            shares = party.dealt(call, id, count, f"/{part}")
        else:
            seed = party.book.seeds([party.me], id, count, f"{call.tag} dealt/{part}")[0]
        return _sum(call, opened, shares, seed, id)

    def clear_fixed(self, call: Call, twin: Twin, values: Sequence[Words]) -> Sequence[Words]:
        form, terms, inner = call.input_forms[0], call.params["terms"], _inner_frac(call)
        window = _window(form, call.params)
        reduced = window.reduce(values[0])
        result = np.empty(form.size, np.uint64)
        for start, stop in chunks(form.size):
            rows = reduced[start:stop]
            whole = trig_deal(np.zeros_like(rows), PERIOD_BITS, terms, 1, 1, inner, False, [], 0)
            result[start:stop] = _sum(call, rows, whole, None, 0)
        result += np.uint64(encode_scalar(0.5, call.params["frac"]))
        far = alarm(window.half_period, decode(values[0], form.frac)).astype(np.uint64)
        return [result.reshape(form.shape), far]

    def clear_float(self, call: Call, twin: Twin, values: Sequence[Floats]) -> Sequence[Floats]:
        z = values[0]
        result = np.where(z >= 0, 1.0, np.exp(np.minimum(z, 0))) / (1 + np.exp(-np.abs(z)))
        window = _window(call.input_forms[0], call.params)
        return [result, alarm(window.half_period, z).astype(np.float64)]


def _sum(call: Call, opened: Words, shares: Words | None, seed: bytes | None, id: int) -> Words:
    """Shares of the sum for m = ``opened``, from shares of λ's sines or from the seed that makes them."""
    factors, frac = np.array(_table(call.params).factors), call.params["frac"]
    inner = _inner_frac(call)
    return trig_eval(opened & _PERIOD, factors, None, PERIOD_BITS, 1, 1, inner, frac, False, shares, seed, id)


def _table(params: Mapping[str, Any]) -> Sum:
    try:
        return TABLE[params["limit"], params["terms"]]
    except KeyError:
        pairs = ", ".join(map(str, TABLE))
        given = (params["limit"], params["terms"])
        raise ValueError(f"no sum for limit and terms {given}; there are {pairs}") from None


def _window(form: Form, params: Mapping[str, Any]) -> Window:
    return Window(form, _table(params).half_period)


def _inner_frac(call: Call) -> int:
    """Fractional bits of the dealt sines; the public factors get the rest.

    Rounding of the sines counts with the factors b_j, whose squares add up to 0.4, rounding of the public
    factors with the squares of sines, which add up to the number of terms: so those get two bits more.
    """
    return int(call.params["frac"]) // 2 - 1


PROTOCOLS = (Sigmoid(),)
