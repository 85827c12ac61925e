"""What functions by a masked opening have in common: one round, then every party works on shares alone.

A window of z + λ becomes public (see ``window``). The dealer, who knows λ, has shared what the function needs
of it, chunk by chunk; public factors of m and these shares give shares of the function. Where the range of z
is promised and not proven, the window has 16 bits more for the guard (see ``range_check``), whose sums are a
second output.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

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
from coterie.mpc.protocols.window import CHUNK, Window, chunks, corrected, dealt_to
from coterie.mpc.ring import Floats, Words, decode
from coterie.mpc.shares import Share
from coterie.mpc.tape import WORD, Call, Cost, Instruction, Setting

if TYPE_CHECKING:
    from coterie.mpc.dealer import Dealer
    from coterie.mpc.party import Party
    from coterie.mpc.twin import Twin


@dataclass(frozen=True)
class Dealt:
    """A party's shares of what was dealt for some rows: the words, or the seed that makes them."""

    words: Words | None
    seed: bytes | None
    id: int


class Masked(Protocol):
    """A function of one secret, element by element.

    Its params have ``guard``, ``gain`` (factor and fractional bits: the function is one of z = gain x), and
    what the function needs.
    """

    takes = (Form,)

    @abstractmethod
    def window(self, form: Form, params: Params) -> Window:
        """Which bits of z become public."""

    @abstractmethod
    def result(self, form: Form, params: Params) -> Form:
        """The form of the function's values."""

    @abstractmethod
    def each(self, call: Call) -> int:
        """Words dealt for an element."""

    @abstractmethod
    def correct(self, call: Call, mask: Words, seeds: list[bytes], id: int) -> Words:
        """What the dealer sends: the values at the mask, less the streams of the seeds."""

    @abstractmethod
    def evaluate(self, call: Call, opened: Words, dealt: Dealt) -> Words:
        """Shares of the function where ``opened`` is z + λ: a term of every party, public ones left out."""

    @abstractmethod
    def public(self, call: Call) -> int:
        """What the first party adds."""

    @abstractmethod
    def true(self, call: Call, x: Floats) -> Floats:
        """The function itself, of x."""

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        self.window(forms[0], params).check()
        result = self.result(forms[0], params)
        return (result, FORM) if params["guard"] else (result,)

    def ids(self, call: Call, setting: Setting) -> int:
        parts = len(list(chunks(call.input_forms[0].size)))
        return 1 + parts + (1 + parts if call.params["guard"] else 0)

    def cost(self, call: Call, setting: Setting) -> Cost:
        n, each = call.input_forms[0].size, self.each(call)
        words = each + (WORDS_PER_ROW if call.params["guard"] else 0)
        messages = (
            *Cost.broadcast(setting, n * self.window_of(call).bytes),
            *dealt_to(setting, n, WORD * words),
        )
        scratch = 4 * n * WORD + 2 * min(n, CHUNK) * WORD * words
        return Cost((messages,), party_work=2 * each * n, dealer_work=2 * each * n, scratch=scratch)

    def window_of(self, call: Call) -> Window:
        return self.window(call.input_forms[0], dict(call.params))

    def deal(self, instruction: Instruction, dealer: Dealer) -> None:
        call, ids = instruction.call, _Ids(instruction)
        mask = self.window_of(call).mask(dealer, call, ids.mask)
        for part, (start, stop) in enumerate(chunks(mask.size)):
            rows, id, to = mask[start:stop], ids.values(part), corrected(dealer.setting, part)
            labels, use = dealer.setting.others(to), f"{call.tag} dealt/{part}"
            seeds = dealer.book.seeds(labels, id, self.each(call) * rows.size, use)
            dealer.send_raw(call, self.correct(call, rows, seeds, id), f"/{part}", to)
            if ids.guarded:
                deal_tables(dealer, call, ids.tables(part), rows, f"/{part}/guard", to)

    def run(self, instruction: Instruction, party: Party, values: Sequence[Any]) -> Sequence[Any]:
        call, ids = instruction.call, _Ids(instruction)
        form = call.input_forms[0]
        window = self.window_of(call)
        opened = window.open(party, call, values[0].words, ids.mask)
        # What dropping bits of shares takes away, in the mean. The guard sees what is opened: no value is
        # moved out of its range.
        lost = np.uint64(len(party.parties) // 2 if window.shift > 0 else 0)
        result = np.empty(form.size, np.uint64)
        guard = np.zeros(COMBINATIONS, np.uint64)
        for part, (start, stop) in enumerate(chunks(form.size)):
            rows, to = opened[start:stop], corrected(party.setting, part)
            dealt = self._dealt(call, party, rows.size, ids.values(part), f"/{part}", to)
            result[start:stop] = self.evaluate(call, rows + lost, dealt)
            if ids.guarded:
                used = (ids.tables(part), ids.coins)
                guard += watch(party, call, used, (start, form.size), rows, f"/{part}/guard", to)
        if party.is_first:
            result += np.uint64(self.public(call) % 2**64)
        shared = Share(self.finish(instruction, party, values[0].words, result).reshape(form.shape))
        return [shared, Share(guard)] if ids.guarded else [shared]

    def finish(self, instruction: Instruction, party: Party, x: Words, result: Words) -> Words:
        """What else a party does with its shares; ``x`` are its shares of the argument."""
        del instruction, party, x
        return result

    def _dealt(self, call: Call, party: Party, rows: int, id: int, part: str, to: str) -> Dealt:
        count = self.each(call) * rows
        if party.me == to:
            return Dealt(party.dealt(call, id, count, part, to), None, id)
        return Dealt(None, party.book.seeds([party.me], id, count, f"{call.tag} dealt{part}")[0], id)

    def clear_fixed(self, call: Call, twin: Twin, values: Sequence[Words]) -> Sequence[Words]:
        form = call.input_forms[0]
        window = self.window_of(call)
        reduced = window.reduce(values[0]) & np.uint64((1 << window.bits) - 1)
        result = np.empty(form.size, np.uint64)
        for start, stop in chunks(form.size):
            rows = reduced[start:stop]
            whole = self.correct(call, np.zeros_like(rows), [], 0)
            result[start:stop] = self.evaluate(call, rows, Dealt(whole, None, 0))
        result += np.uint64(self.public(call) % 2**64)
        result = self.clear_finish(call, values[0], result).reshape(form.shape)
        if not call.params["guard"]:
            return [result]
        far = alarm(window.half_period, decode(values[0], form.frac) * window.gain)
        return [result, far.astype(np.uint64)]

    def clear_finish(self, call: Call, x: Words, result: Words) -> Words:
        """As :meth:`finish`, where everything is in the clear."""
        del call, x
        return result

    def clear_float(self, call: Call, twin: Twin, values: Sequence[Floats]) -> Sequence[Floats]:
        result, window = self.true(call, values[0]), self.window_of(call)
        if not call.params["guard"]:
            return [result]
        return [result, alarm(window.half_period, values[0] * window.gain).astype(np.float64)]


class _Ids:
    """Which id is for what."""

    def __init__(self, instruction: Instruction) -> None:
        call = instruction.call
        self.guarded = bool(call.params["guard"])
        parts = len(list(chunks(call.input_forms[0].size)))
        self.mask, *rest = instruction.ids
        self._values, rest = rest[:parts], rest[parts:]
        self.coins = rest[0] if self.guarded else 0
        self._tables = rest[1 : 1 + parts]

    def values(self, part: int) -> int:
        return self._values[part]

    def tables(self, part: int) -> int:
        return self._tables[part]
