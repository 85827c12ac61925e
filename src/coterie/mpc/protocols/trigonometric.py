"""The logistic function in one round, for any number of parties; and the way to other smooth bounded
functions.

sigma(z) - 1/2 is a short sum of sin(j pi z / T), see ``sigmoid_table``. As it has period 2T, a power of two,
only the low bits of z + λ need to be opened. sin(jθz) = sin(jθm) cos(jθλ) − cos(jθm) sin(jθλ): the dealer
shares the sines and cosines of λ, those of m are public factors. Where z has many fractional bits,
untruncated products for instance, each party first drops the low bits of its share by itself: in a ring with
a period that costs n − 1 units in the last kept place and no bias that matters, as 24 bits of the period
remain. A guard watches the range; see ``range_check``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from coterie._kernels import low_bits_pack, low_bits_unpack, trig_deal, trig_eval
from coterie.crypto import digest
from coterie.mpc.form import Form, PrivateForm
from coterie.mpc.protocols import range_check
from coterie.mpc.protocols.protocol import Forms, Params, Protocol
from coterie.mpc.protocols.sigmoid_table import TABLE, Sum
from coterie.mpc.ring import BITS, Floats, Words, encode_scalar
from coterie.mpc.shares import Share
from coterie.mpc.statement import ProtocolStatement
from coterie.mpc.tape import WORD, Call, Cost, Instruction, Setting

if TYPE_CHECKING:
    from coterie.mpc.dealer import Dealer
    from coterie.mpc.party import Party
    from coterie.mpc.twin import Twin

PERIOD_BITS = 24
"""Bits of z that are kept below the period 2T: for T = 16 the last one is worth 2^-19."""
OPENED_BITS = PERIOD_BITS + range_check.ABOVE
OPENED_BYTES = -(-OPENED_BITS // 8)
CHUNK = 1 << 16
"""Rows that are dealt at once: what is dealt is 24 times as large as the values themselves."""
_MASK = np.uint64((1 << OPENED_BITS) - 1)
_PERIOD = np.uint64((1 << PERIOD_BITS) - 1)


class Sigmoid(Protocol):
    """1 / (1 + exp(-z)), and sums of range differences."""

    kind = "sigmoid"
    statement = ProtocolStatement(
        protocol="sigmoid by a trigonometric sum",
        rounds="1",
        sent="5 bytes for each element, from each compute party to each other",
        dealt="16 bytes for each element and term, and 16 for the range check",
        learns="Nothing: what is opened is uniformly random to those who have but a share of its mask.",
        source="PROTOCOLS, 'Sigmoid, one round'",
    )

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        form, table = forms[0], _table(params)
        if isinstance(form, PrivateForm):
            raise ValueError("of a secret, not of own plaintext")
        shift = _shift(form, table)
        if shift > BITS - OPENED_BITS:
            raise ValueError(f"{form.frac} fractional bits are too many: truncate first")
        if form.bound >= range_check.PERIODS * 2 * table.half_period:
            raise ValueError(f"logits up to {form.bound:.3g} are beyond what the range check sees")
        if not 8 <= params["frac"] <= 50:
            raise ValueError(f"{params['frac']} fractional bits cannot be made")
        params["table"] = _digest(table)
        return (Form(form.shape, params["frac"], 0.5 + table.largest), range_check.FORM)

    def ids(self, call: Call, setting: Setting) -> int:
        return 2 + 2 * len(list(_chunks(call.input_forms[0].size)))

    def cost(self, call: Call, setting: Setting) -> Cost:
        n, terms = call.input_forms[0].size, call.params["terms"]
        dealt = n * WORD * (2 * terms + range_check.WORDS_PER_ROW)
        messages = (*Cost.broadcast(setting, n * OPENED_BYTES), Cost.deal(setting, dealt))
        scratch = 4 * n * WORD + min(n, CHUNK) * WORD * (4 * terms + 2 * range_check.WORDS_PER_ROW)
        return Cost((messages,), party_work=4 * terms * n, dealer_work=4 * terms * n, scratch=scratch)

    def deal(self, instruction: Instruction, dealer: Dealer) -> None:
        call, terms = instruction.call, instruction.call.params["terms"]
        n, frac = call.input_forms[0].size, _inner_frac(call)
        mask_id, _, *chunk_ids = instruction.ids
        mask = dealer.new_mask(call, mask_id, n) & _MASK
        for part, (start, stop) in enumerate(_chunks(n)):
            trig_id, guard_id = chunk_ids[2 * part : 2 * part + 2]
            rows = mask[start:stop]
            seeds = dealer.book.seeds(
                dealer.expanding, trig_id, 2 * terms * rows.size, f"{call.tag} dealt/{part}"
            )
            dealer.send_raw(
                call, trig_deal(rows & _PERIOD, PERIOD_BITS, terms, frac, seeds, trig_id), f"/{part}"
            )
            table = range_check.tables(rows, PERIOD_BITS)
            for label in dealer.expanding:
                words = rows.size * range_check.WORDS_PER_ROW
                stream = dealer.book.words(label, guard_id, words, f"{call.tag} dealt/{part}/guard")
                table -= range_check.lanes(stream)
            dealer.send_raw(call, table.reshape(-1).view(np.uint64), f"/{part}/guard")

    def run(self, instruction: Instruction, party: Party, values: Sequence[Any]) -> Sequence[Any]:
        call, form = instruction.call, instruction.call.input_forms[0]
        mask_id, coin_id, *chunk_ids = instruction.ids
        opened = self._open(party, call, values[0].words.reshape(-1), mask_id)
        result = np.empty(form.size, np.uint64)
        guard = np.zeros(range_check.COMBINATIONS, np.uint64)
        shifted = np.add(opened, _offset(_table(call.params))) & _MASK
        for part, (start, stop) in enumerate(_chunks(form.size)):
            trig_id, guard_id = chunk_ids[2 * part : 2 * part + 2]
            result[start:stop] = self._evaluate(party, call, opened[start:stop], part, trig_id)
            words = (stop - start) * range_check.WORDS_PER_ROW
            table = range_check.lanes(party.dealt(call, guard_id, words, f"/{part}/guard"))
            differences = range_check.differences(table, shifted[start:stop], PERIOD_BITS, party.is_first)
            guard += range_check.combine(party, call, coin_id, start, form.size, differences)
        if party.is_first:
            result += np.uint64(encode_scalar(0.5, call.params["frac"]))
        return [Share(result.reshape(form.shape)), Share(guard)]

    @staticmethod
    def _open(party: Party, call: Call, words: Words, id: int) -> Words:
        """The low bits of z + λ, public among the compute parties."""
        masked = _reduced(words, call) + party.mask_share(call, id, words.size)
        opened = masked.copy() if len(party.others) > 1 else masked
        for theirs in party.broadcast(call, low_bits_pack(masked, OPENED_BITS)):
            opened += low_bits_unpack(theirs, OPENED_BITS)
        opened &= _MASK
        return opened

    @staticmethod
    def _evaluate(party: Party, call: Call, opened: Words, part: int, id: int) -> Words:
        terms, table = call.params["terms"], _table(call.params)
        count = 2 * terms * opened.size
        shares = seed = None
        if party.is_last:
            shares = party.dealt(call, id, count, f"/{part}")
        else:
            seed = party.book.seeds([party.me], id, count, f"{call.tag} dealt/{part}")[0]
        factors, frac = np.array(table.factors), call.params["frac"]
        return trig_eval(opened & _PERIOD, factors, PERIOD_BITS, _inner_frac(call), frac, shares, seed, id)

    def clear_fixed(self, call: Call, twin: Twin, values: Sequence[Words]) -> Sequence[Words]:
        table, frac, inner = _table(call.params), call.params["frac"], _inner_frac(call)
        reduced = _reduced(values[0].reshape(-1), call) & _MASK
        result = np.empty(reduced.size, np.uint64)
        for start, stop in _chunks(reduced.size):
            rows = reduced[start:stop]
            whole = trig_deal(np.zeros_like(rows), PERIOD_BITS, len(table.factors), inner, [], 0)
            factors = np.array(table.factors)
            result[start:stop] = trig_eval(rows & _PERIOD, factors, PERIOD_BITS, inner, frac, whole, None, 0)
        result += np.uint64(encode_scalar(0.5, frac))
        signed = values[0].view(np.int64) / 2.0 ** call.input_forms[0].frac
        return [result.reshape(values[0].shape), _alarm(signed, table).astype(np.uint64)]

    def clear_float(self, call: Call, twin: Twin, values: Sequence[Floats]) -> Sequence[Floats]:
        z = values[0]
        result = np.where(z >= 0, 1.0, np.exp(np.minimum(z, 0))) / (1 + np.exp(-np.abs(z)))
        return [result, _alarm(z, _table(call.params)).astype(np.float64)]


def _table(params: Mapping[str, Any]) -> Sum:
    try:
        return TABLE[params["limit"], params["terms"]]
    except KeyError:
        pairs = ", ".join(map(str, TABLE))
        raise ValueError(
            f"no sum for limit {params['limit']} with {params['terms']} terms; there are {pairs}"
        ) from None


def _digest(table: Sum) -> str:
    """On the tape: parties with other factors would have another plan."""
    return digest(np.array(table.factors, dtype="<f8").tobytes())


def _shift(form: Form, table: Sum) -> int:
    """How many low bits of a share are dropped."""
    return form.frac + (2 * table.half_period).bit_length() - 1 - PERIOD_BITS


def _reduced(words: Words, call: Call) -> Words:
    """Shares with the period's place value: low bits dropped, in a new array."""
    shift = _shift(call.input_forms[0], _table(call.params))
    return words >> np.uint64(shift) if shift >= 0 else words << np.uint64(-shift)


def _offset(table: Sum) -> np.uint64:
    """What puts the lower end of the range at zero."""
    return np.uint64((table.limit << PERIOD_BITS) // (2 * table.half_period))


def _inner_frac(call: Call) -> int:
    """Fractional bits of the dealt sines; the public factors get the rest.

    Rounding of the sines counts with the factors b_j, whose squares add up to 0.4, rounding of the public factors with
    the squares of sines, which add up to the number of terms: so those get two bits more.
    """
    return int(call.params["frac"]) // 2 - 1


def _alarm(z: Floats, table: Sum) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """(8,): whether any value is so far out that the range check fails for sure."""
    return np.full(range_check.COMBINATIONS, bool(np.any(np.abs(z) >= 1.4 * table.limit)))


def _chunks(n: int) -> Iterator[tuple[int, int]]:
    for start in range(0, n, CHUNK):
        yield start, min(start + CHUNK, n)


PROTOCOLS = (Sigmoid(),)
