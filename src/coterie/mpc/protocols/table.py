"""One-hot vectors of a secret index, and rows of a public table at it. See ``index.py`` first.

The one-hot vector of x times a table T is local: one round. For large tables two levels: N = A·B, and λ = a·B
+ b. The dealer shares the one-hot vectors of a and of b, A + B words instead of N. From that of a every party
has shares of R[j] = T[m − a·B − j mod N] for j < B, by one product with a public matrix; the result is R[b].
As the dealer knows b, that takes one opening M = R + ρ and no product of secrets: the result is the sum over
j of e_b[j]·M[j], minus ρ[b], which the dealer shares. Two rounds.

Where values lie outside the classes: zeros.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from coterie._kernels import matmul
from coterie.mpc.form import Form
from coterie.mpc.protocols import index
from coterie.mpc.protocols.index import Integers, Opened, check_index, completed, opened_size, turned
from coterie.mpc.protocols.protocol import Forms, Params, Protocol
from coterie.mpc.ranges import Interval
from coterie.mpc.ring import Floats, Words, decode
from coterie.mpc.shares import Share
from coterie.mpc.statement import ProtocolStatement
from coterie.mpc.tape import WORD, Call, Cost, Instruction, Setting

if TYPE_CHECKING:
    from coterie.mpc.dealer import Dealer
    from coterie.mpc.party import Party
    from coterie.mpc.twin import Twin

LEARNS = "Nothing: what is opened is uniformly random to those who have but a share of its mask."
SOURCE = "one-time truth tables: Ishai, Kushilevitz, Meldgaard, Orlandi, Paskin-Cherniavsky (2013)"


class OneHot(Protocol):
    """The vector with a 1 at the place of the index, along a new last axis."""

    kind = "one_hot"
    statement = ProtocolStatement(
        protocol="one-hot vector of a secret index",
        rounds="1",
        sent="as many bits for each element as an index has, from each compute party to each other",
        dealt="8 bytes for each element and class, classes counted up to a power of two, less one",
        learns=LEARNS,
        source=SOURCE,
    )

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        check_index(forms[0], params["classes"])
        return (Form((*forms[0].shape, params["classes"]), 0, Interval(0.0, 1.0)),)

    def ids(self, call: Call, setting: Setting) -> int:
        opened = opened_index(call)
        return 1 + index.count_chunks(opened.size, opened.length - 1)

    def cost(self, call: Call, setting: Setting) -> Cost:
        form, opened = call.input_forms[0], opened_index(call)
        sent = Cost.broadcast(setting, opened_size(form, call.params["classes"]))
        dealt = Cost.deal(setting, WORD * form.size * (opened.length - 1))
        return Cost(rounds=((*sent, dealt),), scratch=4 * WORD * (form.size + (1 << 19)))

    def deal(self, instruction: Instruction, dealer: Dealer) -> None:
        call, (mask_id, *ids) = instruction.call, instruction.ids
        opened = opened_index(call)
        _deal_one_hot(dealer, call, opened.mask(dealer, call, mask_id), opened.length, ids)

    def run(self, instruction: Instruction, party: Party, values: Sequence[Any]) -> Sequence[Any]:
        call, (mask_id, *ids) = instruction.call, instruction.ids
        opened, form = opened_index(call), call.output_forms[0]
        classes = call.params["classes"]
        m = _open(party, call, opened, mask_id, values[0])
        result = np.empty((opened.size, classes), np.uint64)
        for part, rows in index.chunks(opened.size, opened.length - 1):
            whole = _dealt_one_hot(party, call, rows, opened.length, ids[part], part)
            result[rows] = turned(whole, m[rows], classes)
        return [Share(result.reshape(form.shape))]

    def clear_fixed(self, call: Call, twin: Twin, values: Sequence[Words]) -> Sequence[Words]:
        return [self._clear(call, opened_index(call).clear(values[0])).astype(np.uint64)]

    def clear_float(self, call: Call, twin: Twin, values: Sequence[Floats]) -> Sequence[Floats]:
        return [self._clear(call, whole_index(call, values[0])).astype(np.float64)]

    @staticmethod
    def _clear(call: Call, places: Integers) -> Any:
        classes = np.arange(call.params["classes"])
        return np.equal.outer(places, classes).reshape(call.output_forms[0].shape)


def opened_index(call: Call) -> Opened:
    return Opened(call.input_forms[0], call.params["classes"])


def _open(party: Party, call: Call, opened: Opened, id: int, share: Share) -> Integers:
    """m, in one round."""
    masked = opened.masked(party, call, id, share.words)
    return opened.join(masked, party.broadcast(call, opened.pack(masked), "/index"))


def whole_index(call: Call, values: Floats) -> Integers:
    """The float twin's index."""
    length = opened_index(call).length
    return np.asarray(np.rint(values).astype(np.int64).reshape(-1) & (length - 1))


def _deal_one_hot(dealer: Dealer, call: Call, mask: Integers, length: int, ids: Sequence[int]) -> None:
    for part, rows in index.chunks(mask.size, length - 1):
        dealer.send(call, ids[part], index.one_hot(mask[rows], length), f"/{part}")


def _dealt_one_hot(party: Party, call: Call, rows: slice, length: int, id: int, part: int) -> Words:
    count = rows.stop - rows.start
    dealt = party.dealt(call, id, count * (length - 1), f"/{part}").reshape(count, length - 1)
    return completed(dealt, party.is_first)


class Table(Protocol):
    """Rows of a public table, the call's constant. ``low`` bits of the index are on the second level; with 0
    there is but one."""

    kind = "table"
    statement = ProtocolStatement(
        protocol="public table at a secret index",
        rounds="1; 2 for large tables",
        sent="as many bits for each element as an index has, from each compute party to each other; for two "
        "levels of A and B also 8 bytes for each element, column and of B",
        dealt="8 bytes for each element and row of the table, counted up to a power of two; for two levels "
        "A + B and the columns instead of the rows",
        learns=LEARNS,
        source=f"{SOURCE}; two levels: docs/protocols.md",
    )

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        (classes, columns), low = params["shape"], params["low"]
        check_index(forms[0], classes)
        if not 0 <= low < index.width(classes):
            raise ValueError(f"{low} bits of an index into {classes} classes on the second level")
        params["classes"] = classes
        return (Form((*forms[0].shape, columns), params["frac"], Interval(*params["range"])),)

    def ids(self, call: Call, setting: Setting) -> int:
        return 3 + index.count_chunks(call.input_forms[0].size, _Levels(call).dealt)

    def cost(self, call: Call, setting: Setting) -> Cost:
        form, levels = call.input_forms[0], _Levels(call)
        sent = Cost.broadcast(setting, opened_size(form, call.params["classes"]))
        dealt = Cost.deal(setting, WORD * form.size * levels.dealt)
        rounds = [(*sent, dealt)]
        if levels.low:
            second = WORD * form.size * levels.second * levels.columns
            rounds.append(
                (*Cost.broadcast(setting, second), Cost.deal(setting, WORD * form.size * levels.columns))
            )
        work = form.size * (2 if levels.low else 1) * levels.length * levels.columns
        scratch = WORD * (4 << 19) + 4 * WORD * form.size * (
            levels.second * levels.columns if levels.low else 1
        )
        return Cost(tuple(rounds), party_work=work, scratch=scratch)

    def deal(self, instruction: Instruction, dealer: Dealer) -> None:
        call, (mask_id, row_id, last_id, *ids) = instruction.call, instruction.ids
        levels, opened = _Levels(call), opened_index(call)
        mask = opened.mask(dealer, call, mask_id)
        top, bottom = mask >> levels.low, mask & (levels.second - 1)
        for part, rows in index.chunks(opened.size, levels.dealt):
            vectors = index.one_hot(top[rows], levels.first)
            if levels.low:
                vectors = np.concatenate([vectors, index.one_hot(bottom[rows], levels.second)], axis=1)
            dealer.send(call, ids[part], vectors, f"/{part}")
        if levels.low:
            rest = dealer.new_mask(call, row_id, opened.size * levels.second * levels.columns)
            rest = rest.reshape(opened.size, levels.second, levels.columns)
            dealer.send(call, last_id, rest[np.arange(opened.size), bottom], "/last")

    def run(self, instruction: Instruction, party: Party, values: Sequence[Any]) -> Sequence[Any]:
        call, (mask_id, row_id, last_id, *ids) = instruction.call, instruction.ids
        levels, opened = _Levels(call), opened_index(call)
        m = _open(party, call, opened, mask_id, values[0])
        result = np.empty((opened.size, levels.second, levels.columns), np.uint64)
        bottom = np.empty((opened.size, levels.second if levels.low else 0), np.uint64)
        for part, rows in index.chunks(opened.size, levels.dealt):
            count = rows.stop - rows.start
            dealt = party.dealt(call, ids[part], count * levels.dealt, f"/{part}").reshape(count, -1)
            top = completed(dealt[:, : levels.first - 1], party.is_first)
            result[rows] = levels.rows(turned(top, m[rows] >> levels.low, levels.used), m[rows])
            if levels.low:
                bottom[rows] = completed(dealt[:, levels.first - 1 :], party.is_first)
        if levels.low:
            result = self._choose(party, call, result, bottom, row_id, last_id)
        return [Share(result.reshape(call.output_forms[0].shape))]

    @staticmethod
    def _choose(party: Party, call: Call, rows: Words, bottom: Words, row_id: int, last_id: int) -> Words:
        """R[b], of shares of R and of the one-hot vector of b."""
        size, _, columns = rows.shape
        rows = rows.reshape(-1) + party.mask_share(call, row_id, rows.size)
        opened = party.join(call, rows).reshape(size, -1, columns)
        chosen = np.einsum("rj,rjc->rc", bottom, opened)
        chosen -= party.dealt(call, last_id, size * columns, "/last").reshape(size, columns)
        return np.asarray(chosen)

    def clear_fixed(self, call: Call, twin: Twin, values: Sequence[Words]) -> Sequence[Words]:
        return [self._clear(call, opened_index(call).clear(values[0]))]

    def clear_float(self, call: Call, twin: Twin, values: Sequence[Floats]) -> Sequence[Floats]:
        return [decode(self._clear(call, whole_index(call, values[0])), call.params["frac"])]

    @staticmethod
    def _clear(call: Call, places: Integers) -> Words:
        return np.asarray(_Levels(call).padded[places].reshape(call.output_forms[0].shape))


class _Levels:
    """The table of one call, cut into ``first`` blocks of ``second`` rows."""

    def __init__(self, call: Call) -> None:
        assert call.constant is not None
        self._table = call.constant
        self.classes, self.columns = call.constant.shape
        self.length = 1 << index.width(self.classes)
        self.low = int(call.params["low"])
        self.second = 1 << self.low
        self.first = self.length >> self.low
        self.dealt = self.first - 1 + self.second - 1
        self.used = self.first if self.low else self.classes
        """As many entries of the first one-hot vector count."""

    @property
    def padded(self) -> Words:
        """The table with rows of zeros up to a power of two."""
        return np.concatenate([self._table, np.zeros((self.length - self.classes, self.columns), np.uint64)])

    def rows(self, top: Words, m: Integers) -> Words:
        """R for each index, from the one-hot vector of a turned by m's upper part. Row r of the public matrix
        has T[(r·B + u) mod N] for u from −B + 1 to B − 1; R[j] is its product at u = (m mod B) − j."""
        if not self.low:
            return matmul(top, np.ascontiguousarray(self._table))[:, None, :]
        steps = np.arange(1 - self.second, self.second)
        places = (np.arange(self.first)[:, None] * self.second + steps) & (self.length - 1)
        products = matmul(top, self.padded[places].reshape(self.first, -1))
        shown = (m & (self.second - 1))[:, None] - np.arange(self.second) + self.second - 1
        products = products.reshape(len(m), steps.size, self.columns)
        return np.asarray(np.take_along_axis(products, shown[:, :, None], axis=1))


PROTOCOLS = (OneHot(), Table())
