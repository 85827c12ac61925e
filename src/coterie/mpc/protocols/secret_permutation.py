"""Permutations of rows by places that nobody knows. The mathematics stands in ``permutation.py``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from coterie.mpc.errors import NO_PERMUTATION
from coterie.mpc.form import Form, ShapeError
from coterie.mpc.plaintext import is_permutation
from coterie.mpc.protocols.packing import pack_low, packed_size, unpack_low
from coterie.mpc.protocols.permutation import SOURCE, Passes, Places, Rows, bits, check, inverse
from coterie.mpc.protocols.protocol import Forms, Params, Protocol
from coterie.mpc.protocols.reveal import zero_share
from coterie.mpc.ring import Floats, Words
from coterie.mpc.statement import ProtocolStatement
from coterie.mpc.tape import WORD, Call, Cost, Instruction, Setting

if TYPE_CHECKING:
    from coterie.mpc.dealer import Dealer
    from coterie.mpc.party import Party
    from coterie.mpc.twin import Twin


class SecretPermute(Protocol):
    """Arrays by secret places σ without fractional bits: x[σ], or with ``inverse`` the y for which y[σ] is x.

    What is no permutation ends the run at all compute parties, CT-2115, and has then been shown to them in
    random order.
    """

    kind = "secret_permute"
    statement = ProtocolStatement(
        protocol="permutation by secret places",
        rounds="one more than there are compute parties; as many again where x[σ] is taken, not y[σ] = x",
        sent="8 bytes for each element and each place, and as many bits for each place as it has, from each "
        "compute party to each other",
        dealt="8 bytes for each element and each place, to each compute party",
        learns="Nothing. What a party that permutes receives is uniformly random to it. The places are "
        "opened in a random order that nobody knows: what is seen is a uniformly random permutation.",
        source=f"{SOURCE}; opening shuffled places: Hamada, Kikuchi, Ikarashi, Chida, Takahashi (2012)",
    )

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        places, *arrays = forms
        check(forms)
        if not arrays or len(places.shape) != 1:
            raise ShapeError("a vector of places permutes one array or more")
        if places.frac or places.range.low < 0 or places.range.high > places.size - 1:
            raise ValueError("places are whole numbers below their count, without fractional bits")
        return tuple(Form(form.shape, form.frac, form.range) for form in arrays)

    def ids(self, call: Call, setting: Setting) -> int:
        return 5 * len(setting.parties) + 1

    def cost(self, call: Call, setting: Setting) -> Cost:
        places, rows = call.input_forms[0], Rows(call.input_forms[1:])
        opening = tuple(Cost.broadcast(setting, packed_size(places.size, bits(places.size))))
        scratch = 5 * WORD * (rows.size + 2 * places.size)
        if call.params["inverse"]:
            return Cost((*Passes.rounds(setting, rows.size + places.size), opening), scratch=scratch)
        undone = Passes.rounds(setting, rows.size, undo=True)
        return Cost((*Passes.rounds(setting, places.size), opening, *undone), scratch=scratch)

    def deal(self, instruction: Instruction, dealer: Dealer) -> None:
        passes, first, second, _ = self._parts(instruction, len(dealer.setting.parties))
        width = Rows(instruction.call.input_forms[1:]).width
        if instruction.call.params["inverse"]:
            passes.deal(dealer, width + 1, first)
        else:
            passes.deal(dealer, 1, first)
            passes.deal(dealer, width, second, undo=True)

    @staticmethod
    def _parts(instruction: Instruction, parties: int) -> tuple[Passes, range, range, int]:
        """The passes, the ids of their streams there and back, and that of the opening."""
        ids, length = instruction.ids, instruction.call.input_forms[0].size
        passes = Passes(instruction.call, length, ids)
        return passes, ids[parties : 3 * parties], ids[3 * parties : 5 * parties], ids[-1]

    def run(self, instruction: Instruction, party: Party, values: Sequence[Any]) -> Sequence[Any]:
        call = instruction.call
        passes, first, second, opening = self._parts(instruction, len(party.parties))
        rows = Rows(call.input_forms[1:])
        if call.params["inverse"]:
            both = Rows(call.input_forms)
            places, *shares = both.split(passes.run(party, both.join(values), first))
            order = inverse(self._opened(party, call, places.words, opening))
            return rows.split(rows.join(shares)[order])
        shuffled = passes.run(party, values[0].words.reshape(-1, 1), first)
        order = self._opened(party, call, shuffled.reshape(-1), opening)
        return rows.split(passes.run(party, rows.join(values[1:])[order], second, undo=True))

    @staticmethod
    def _opened(party: Party, call: Call, words: Words, id: int) -> Places:
        """The shuffled places, in as many bits as they have. Errors: CT-2115."""
        width = bits(words.size)
        total = words + zero_share(party, call, id, words.size)
        for data in party.broadcast(call, pack_low(total, width), "/places"):
            total += unpack_low(data, width, words.size)
        places = (total & np.uint64((1 << width) - 1)).view(np.int64)
        if not is_permutation(places):
            raise NO_PERMUTATION(call.describe())
        return places

    def clear_fixed(self, call: Call, twin: Twin, values: Sequence[Words]) -> Sequence[Words]:
        return self._clear(call, values[0].view(np.int64), values[1:])

    def clear_float(self, call: Call, twin: Twin, values: Sequence[Floats]) -> Sequence[Floats]:
        return self._clear(call, np.rint(values[0]).astype(np.int64), values[1:])

    @staticmethod
    def _clear(call: Call, places: Places, values: Sequence[Any]) -> list[Any]:
        if not is_permutation(places):
            raise NO_PERMUTATION(call.describe())
        order = inverse(places) if call.params["inverse"] else places
        return [value[order] for value in values]


PROTOCOLS = (SecretPermute(),)
