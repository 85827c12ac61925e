"""Promises that are checked: whether truth values that should all be false are so, at the end of a program.

Each array of them is folded, without a message, into 64 truth values: of every element the exclusive or with
64 public coins of its own. If any element is true, all 64 are false with probability 2^-64, whatever the
others are. Folded arrays add up. At the end the parties reveal R·s, for the sum s and a random secret 64 × 64
matrix R of bits: s ⊕ a is opened for a random a, R·a is dealt, and R·s = R·(s ⊕ a) ⊕ R·a. Zero if s is, and
uniform if not: nobody learns which promise was broken, where, or how often.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from coterie.mpc.errors import OUT_OF_RANGE
from coterie.mpc.form import BitsForm
from coterie.mpc.protocols import bits
from coterie.mpc.protocols.bits import Packed, Truths, pack, unpack
from coterie.mpc.protocols.protocol import Forms, Params, Protocol
from coterie.mpc.ring import Words
from coterie.mpc.seeds import COMMON
from coterie.mpc.shares import Share
from coterie.mpc.statement import ProtocolStatement
from coterie.mpc.tape import WORD, Call, Cost, Instruction, Setting

if TYPE_CHECKING:
    from coterie.mpc.dealer import Dealer
    from coterie.mpc.party import Party
    from coterie.mpc.twin import Twin

FOLDED = 64
"""Truth values that stand for all: as many as bits in a word."""
FORM = BitsForm((FOLDED,))


class Fold(Protocol):
    """64 truth values that are all false if these are; else almost certainly not. Local."""

    kind = "fold"
    takes = (BitsForm,)

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        return (FORM,)

    def ids(self, call: Call, setting: Setting) -> int:
        return 1

    def cost(self, call: Call, setting: Setting) -> Cost:
        return Cost(scratch=2 * WORD * call.input_forms[0].size)

    def run(self, instruction: Instruction, party: Party, values: Sequence[Any]) -> Sequence[Any]:
        call, size = instruction.call, instruction.call.input_forms[0].size
        coins = party.book.words(COMMON, instruction.ids[0], size, f"{call.tag} public coins")
        chosen = coins[values[0].words.reshape(-1).astype(np.bool_)]
        folded = np.bitwise_xor.reduce(chosen, keepdims=True)
        return [Share(unpack(folded.view(np.uint8), FORM.shape))]

    def clear_fixed(self, call: Call, twin: Twin, values: Sequence[Any]) -> Sequence[Any]:
        return [np.full(FOLDED, values[0].any(), np.uint8)]

    def clear_float(self, call: Call, twin: Twin, values: Sequence[Any]) -> Sequence[Any]:
        return self.clear_fixed(call, twin, values)


class CheckBounds(Protocol):
    """Reveal to all compute parties whether all folded truth values are false. ``names`` are the promises."""

    kind = "check_bounds"
    takes = (BitsForm,)
    discloses = "whether every promised bound was kept"
    statement = ProtocolStatement(
        protocol="check of promised bounds",
        rounds="2",
        sent="16 bytes from each compute party to each other, for the whole program",
        dealt="8 bytes for the whole program",
        learns="Every compute party learns whether all promised bounds were kept; if not, the job ends.",
        source="this file; random linear combinations: Carter, Wegman (1979)",
        statistical_bits=63,
    )

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        if forms != (FORM,):
            raise ValueError("checks folded truth values only")
        return ()

    def ids(self, call: Call, setting: Setting) -> int:
        return 4

    def cost(self, call: Call, setting: Setting) -> Cost:
        opening = (*Cost.broadcast(setting, WORD), Cost.deal(setting, WORD))
        return Cost((opening, tuple(Cost.broadcast(setting, WORD))))

    def deal(self, instruction: Instruction, dealer: Dealer) -> None:
        call, (mask_id, matrix_id, dealt_id, _) = instruction.call, instruction.ids
        mask = bits.mask(dealer, call, mask_id, FOLDED)
        matrix = bits.streams(dealer.book, dealer.setting.parties, matrix_id, FOLDED**2, f"{call.tag} matrix")
        bits.deal(dealer, call, dealt_id, _times(matrix, mask), FOLDED)

    def run(self, instruction: Instruction, party: Party, values: Sequence[Any]) -> Sequence[Any]:
        call, (mask_id, matrix_id, dealt_id, zero_id) = instruction.call, instruction.ids
        masked = pack(values[0].words) ^ bits.mask_share(party, call, mask_id, FOLDED)
        opened = bits.join(party, call, masked)
        matrix = bits.stream(party.book, party.me, matrix_id, FOLDED**2, f"{call.tag} matrix")
        share = _times(matrix, opened) ^ bits.dealt(party, call, dealt_id, FOLDED)
        if bits.join(party, call, share ^ bits.zero_share(party, call, zero_id, FOLDED), "/result").any():
            raise _broken(call, party.me)
        return ()

    def clear_fixed(self, call: Call, twin: Twin, values: Sequence[Any]) -> Sequence[Words]:
        if values[0].any():
            raise _broken(call)
        return ()

    def clear_float(self, call: Call, twin: Twin, values: Sequence[Any]) -> Sequence[Any]:
        return self.clear_fixed(call, twin, values)


def _broken(call: Call, party: str | None = None) -> Exception:
    names = ", ".join(call.params["names"])
    return OUT_OF_RANGE(f"a bound that was promised does not hold, of: {names}", party=party)


def _times(matrix: Packed, vector: Packed) -> Packed:
    """A matrix of bits times a vector of bits."""
    rows: NDArray[np.uint64] = matrix.view(np.uint64)
    parity: Truths = np.bitwise_count(rows & vector.view(np.uint64)) & np.uint8(1)
    return pack(parity)


PROTOCOLS = (Fold(), CheckBounds())
