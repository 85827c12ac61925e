"""Comparison by a distributed comparison function: two parties, one round.

As in :mod:`coterie.mpc.protocols.comparison_tables`, m = x + λ mod 2^(k+1) is opened, and the sign is bit k
of m plus bit k of λ plus [m' < λ']. The dealer gives both parties keys of the function f(m') = [m' < λ'], and
each party evaluates its key at m' by itself: its share of f(m'), modulo 2. Any number of thresholds t come
from the same keys, as f of m − t.

The keys are trees of seeds along the bits of λ', k − 7 levels deep; roots come from the random streams, and
both parties are sent the same corrections: 16 bytes for each level, 16 for the last seven bits together, and
a bit. Construction, layout and proof are in the kernel, ``kernels/src/dcf.rs``; after Boyle, Chandran,
Gilboa, Gupta, Ishai, Kumar, Rathee (Eurocrypt 2021), with π(u) + u for the generator, π AES-128 under a
public key that the dealer draws for each call. Assumption: AES-128 is an ideal cipher. A guess is right for
one of the seeds that are used under its key, those of 64 elements: less than 2^13 of 125 bits each, so that
112 bits of security are left.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from coterie._kernels import dcf_deal, dcf_eval
from coterie.mpc.form import Form, PrivateForm
from coterie.mpc.protocols.comparison_opening import (
    AHEAD,
    Opening,
    compared,
    in_turn,
    opened_bytes,
    pieces,
    thresholds,
)
from coterie.mpc.protocols.comparison_tree import MAX_BITS, bits_of, clamped
from coterie.mpc.protocols.protocol import Forms, Params, Protocol
from coterie.mpc.ring import BITS, Floats, Words
from coterie.mpc.shares import Share
from coterie.mpc.statement import ProtocolStatement
from coterie.mpc.tape import WORD, Call, Cost, Instruction, Setting

if TYPE_CHECKING:
    from coterie.mpc.dealer import Dealer
    from coterie.mpc.party import Party
    from coterie.mpc.twin import Twin

LEAF_BITS = 7
KEY = 16
"""Bytes of the permutation's key."""
SECURITY = 112
"""Bits; see above."""


def corrections(n: int, bits: int) -> int:
    """Words that each party is sent for ``n`` comparisons."""
    return 2 * n * (max(bits - LEAF_BITS, 0) + 1) + -(-n // BITS)


class _Dcf(Protocol):
    """Base of both kinds. Parameters: ``thresholds`` as for tables, ``because``."""

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        form = forms[0]
        if isinstance(form, PrivateForm):
            raise ValueError("compares a secret, not own plaintext")
        if len(parties) != 2:
            raise ValueError(f"two parties can compare so, not {len(parties)}")
        if self.bits(form, params) > MAX_BITS:
            raise ValueError(f"compares up to {MAX_BITS} bits")
        return (compared(form.shape, params),)

    def bits(self, form: Form, params: Mapping[str, Any]) -> int:
        """k."""
        return bits_of(form, self.points(params), True)

    def points(self, params: Mapping[str, Any]) -> tuple[int, ...]:
        """Where the function is evaluated."""
        return thresholds(params)

    def ids(self, call: Call, setting: Setting) -> int:
        return 3

    def cost(self, call: Call, setting: Setting) -> Cost:
        form = call.input_forms[0]
        return dcf_cost(setting, form.size, self.bits(form, call.params))

    def deal(self, instruction: Instruction, dealer: Dealer) -> None:
        call, (mask_id, root_id, key_id) = instruction.call, instruction.ids
        form, book, parties = call.input_forms[0], dealer.book, dealer.setting.parties
        n, bits = form.size, self.bits(form, call.params)
        key = book.sum(parties, key_id, KEY // WORD, f"{call.tag} key").view(np.uint8)
        for party in parties:
            dealer.send_raw(call, key, "/key", to=party)
        masks = book.seeds(parties, mask_id, n, f"{call.tag} mask")
        roots = book.seeds(parties, root_id, 2 * n, f"{call.tag} roots")
        for start, stop in pieces(n, corrections(BITS, bits)):
            size = stop - start
            words = dcf_deal(size, start, masks, mask_id, bits, roots, root_id, key.tobytes())
            for party in parties:
                dealer.send_raw(call, words, f"/{start}", to=party)

    def run(self, instruction: Instruction, party: Party, values: Sequence[Any]) -> Sequence[Any]:
        call, (mask_id, root_id, _) = instruction.call, instruction.ids
        form = call.input_forms[0]
        n, bits = form.size, self.bits(form, call.params)
        points = clamped(form, self.points(call.params), True)
        seed = party.book.seeds([party.me], root_id, 2 * n, f"{call.tag} roots")[0]
        opening = Opening(party, call, values[0].words, mask_id, bits + 1)
        parts = pieces(n, corrections(BITS, bits))
        out, key = np.empty((len(points), n), np.uint8), b""

        def take(index: int) -> None:
            nonlocal key
            start, stop = parts[index]
            opened = opening.take(start, stop)
            # Not before the own opening is sent, which does not depend on it.
            key = key or party.correction(call, np.uint8, (KEY,), "/key").tobytes()
            words = party.correction(call, np.uint64, (corrections(stop - start, bits),), f"/{start}")
            for row, t in zip(out, points, strict=True):
                moved, second = t % 2**BITS, party.is_last
                plane = dcf_eval(opened, moved, bits, words, seed, root_id, start, key, second)
                row[start:stop] = np.unpackbits(plane.view(np.uint8), count=stop - start, bitorder="little")

        in_turn(party, len(parts), lambda index: opening.send(*parts[index]), take)
        return [Share(self.answers(out).reshape(call.output_forms[0].shape))]

    def answers(self, below: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The results, from whether values are less than each point."""
        return below

    def clear_fixed(self, call: Call, twin: Twin, values: Sequence[Words]) -> Sequence[Any]:
        return self._clear(call, values[0].view(np.int64), 1)

    def clear_float(self, call: Call, twin: Twin, values: Sequence[Floats]) -> Sequence[Any]:
        return self._clear(call, values[0], 2.0 ** -call.input_forms[0].frac)

    def _clear(self, call: Call, values: NDArray[Any], unit: float) -> Sequence[Any]:
        found = np.stack([self.truth(values, t * unit) for t in thresholds(call.params)])
        return [found.reshape(call.output_forms[0].shape).astype(np.uint8)]

    @staticmethod
    @abstractmethod
    def truth(values: NDArray[Any], threshold: float) -> NDArray[np.bool_]:
        """What it computes, in the clear."""


def dcf_cost(setting: Setting, n: int, bits: int) -> Cost:
    """Of ``n`` comparisons with any number of thresholds."""
    dealt = KEY + WORD * corrections(n, bits)
    messages = (
        *Cost.broadcast(setting, n * opened_bytes(bits + 1)),
        *(Cost.deal(setting, dealt, to=party) for party in setting.parties),
    )
    piece = max((stop - start for start, stop in pieces(n, corrections(BITS, bits))), default=0)
    scratch = (2 + AHEAD) * piece * 2 * WORD + 2 * WORD * corrections(piece, bits)
    return Cost((messages,), scratch=scratch)


class LessDcf(_Dcf):
    """Whether each value is less than each threshold."""

    kind = "less_dcf"
    statement = ProtocolStatement(
        protocol="comparison by a distributed comparison function",
        rounds="1",
        sent="for k-bit numbers k + 1 bits in whole bytes for each element, between the two compute parties",
        dealt="for k-bit numbers 16 (k - 6) bytes and a bit for each element, to each of the two parties",
        learns="Nothing: what is opened is uniformly random to those who have but a share of its mask, and "
        "keys look random to who has but one of the two.",
        source="Boyle, Chandran, Gilboa, Gupta, Ishai, Kumar, Rathee (Eurocrypt 2021); AES-128 as an "
        "ideal cipher under public keys, after Guo, Katz, Wang, Yu (S&P 2020)",
        threshold="one of the two compute parties",
        computational_bits=SECURITY,
    )

    @staticmethod
    def truth(values: NDArray[Any], threshold: float) -> NDArray[np.bool_]:
        return np.asarray(values < threshold)


class EqualDcf(_Dcf):
    """Whether each value is each of the given ones: less than the next one and not less than it."""

    kind = "equal_dcf"
    statement = ProtocolStatement(
        protocol="equality by a distributed comparison function",
        rounds=LessDcf.statement.rounds,
        sent=LessDcf.statement.sent,
        dealt=LessDcf.statement.dealt,
        learns=LessDcf.statement.learns,
        source=LessDcf.statement.source,
        threshold=LessDcf.statement.threshold,
        computational_bits=SECURITY,
    )

    def points(self, params: Mapping[str, Any]) -> tuple[int, ...]:
        return tuple(point for t in thresholds(params) for point in (t, t + 1))

    def answers(self, below: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return below[0::2] ^ below[1::2]

    @staticmethod
    def truth(values: NDArray[Any], threshold: float) -> NDArray[np.bool_]:
        return np.asarray(values == threshold)


PROTOCOLS = (LessDcf(), EqualDcf())
