"""Rows of a secret array at a secret index. See ``index.py`` first.

Open x and, where that is not done yet, M = y + ρ, in one round. Then y[x] = Σ_j e_x[j]·M[j] − ρ[x]. The
dealer does not know x, but λ: it shares the vector ρ[u − λ], u < N, of which the parties take the entry m.

Where values lie outside the classes: zeros.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from coterie._kernels import matmul
from coterie.mpc.form import Form, ShapeError
from coterie.mpc.protocols import index
from coterie.mpc.protocols.index import Integers, Opened, check_index, completed, opened_size, turned
from coterie.mpc.protocols.protocol import Forms, Params, Protocol
from coterie.mpc.protocols.table import LEARNS, SOURCE, opened_index, whole_index
from coterie.mpc.ring import Floats, Words
from coterie.mpc.shares import Opening, Share
from coterie.mpc.statement import ProtocolStatement
from coterie.mpc.tape import WORD, Call, Cost, Instruction, Setting

if TYPE_CHECKING:
    from coterie.mpc.ahead import Masks
    from coterie.mpc.dealer import Dealer
    from coterie.mpc.party import Party
    from coterie.mpc.twin import Twin


class Lookup(Protocol):
    """Of an index and an array, in one of two layouts. "rows": the array's rows at these places, for an index
    of any shape. "lines": the elements at these places of the array's lines along its last axis, line by
    line; the axes in front are those of the index.

    With ``fresh`` it opens the array, which stays opened; else the array is opened already.
    """

    kind = "lookup"
    statement = ProtocolStatement(
        protocol="secret array at a secret index",
        rounds="1",
        sent="as many bits for each index as it has, from each compute party to each other; 8 bytes for each "
        "element of the array where it is not opened yet",
        dealt="8 bytes for each index and row of the array, counted up to a power of two, and as much again "
        "for each column, less 8",
        learns=LEARNS,
        source=SOURCE,
    )

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        places, array = forms
        if params["layout"] == "rows":
            params["classes"], shape = array.shape[0], (*places.shape, *array.shape[1:])
        else:
            params["classes"], shape = array.shape[-1], places.shape
            if array.shape[:-1] != places.shape[:-1]:
                raise ShapeError(f"places of shape {places.shape} in lines of {array.shape}")
        check_index(places, params["classes"])
        return (Form(shape, array.frac, array.range),)

    def ids(self, call: Call, setting: Setting) -> int:
        return 2 + index.count_chunks(call.input_forms[0].size, _per_row(call))

    def cost(self, call: Call, setting: Setting) -> Cost:
        places, array = call.input_forms
        size = opened_size(places, call.params["classes"])
        size += WORD * array.size if call.params["fresh"] else 0
        dealt = Cost.deal(setting, WORD * places.size * _per_row(call))
        work = call.output_forms[0].size * call.params["classes"]
        scratch = WORD * (6 << 19) + 4 * WORD * (places.size + array.size)
        return Cost(((*Cost.broadcast(setting, size), dealt),), party_work=work, scratch=scratch)

    def mask(self, instruction: Instruction, masks: Masks) -> None:
        call, array = instruction.call, instruction.call.input_forms[1]
        if call.params["fresh"]:
            view = partial(np.reshape, shape=array.shape)
            masks.open(call.inputs[1], call, instruction.ids[1], array.size, view)

    def deal(self, instruction: Instruction, dealer: Dealer) -> None:
        call, (mask_id, _, *ids) = instruction.call, instruction.ids
        opened = opened_index(call)
        rho = _padded(call, dealer.mask(call.inputs[1]).whole)
        mask = opened.mask(dealer, call, mask_id)
        for part, rows in index.chunks(opened.size, _per_row(call)):
            shown = (np.arange(opened.length) - mask[rows][:, None]) & (opened.length - 1)
            turns = rho[_block_of(call, rows)[:, None], shown].reshape(len(shown), -1)
            vectors = np.concatenate([index.one_hot(mask[rows], opened.length), turns], axis=1)
            dealer.send(call, ids[part], vectors, f"/{part}")

    def run(self, instruction: Instruction, party: Party, values: Sequence[Any]) -> Sequence[Any]:
        call, (mask_id, array_id, *ids) = instruction.call, instruction.ids
        opened, form = opened_index(call), call.output_forms[0]
        m, public = self._open(party, call, opened, (mask_id, array_id), values)
        public = _blocks(call, public)
        classes, columns = public.shape[1:]
        result = np.empty((opened.size, columns), np.uint64)
        for part, rows in index.chunks(opened.size, _per_row(call)):
            count = rows.stop - rows.start
            dealt = party.dealt(call, ids[part], count * _per_row(call), f"/{part}").reshape(count, -1)
            whole = completed(dealt[:, : opened.length - 1], party.is_first)
            vectors = turned(whole, m[rows], classes)
            turns = dealt[:, opened.length - 1 :].reshape(count, opened.length, columns)
            chosen = _rows_of(public, vectors, _block_of(call, rows))
            np.subtract(chosen, turns[np.arange(count), m[rows]], out=result[rows])
        return [Share(result.reshape(form.shape))]

    @staticmethod
    def _open(
        party: Party, call: Call, opened: Opened, ids: tuple[int, int], values: Sequence[Any]
    ) -> tuple[Integers, Words]:
        """m, and the masked array, in one message."""
        places, array = values
        masked = opened.masked(party, call, ids[0], places.words)
        packed = opened.pack(masked)
        if not call.params["fresh"]:
            m = opened.join(masked, party.broadcast(call, packed, "/index"))
            return m, array.opening.opened
        mask = party.mask_share(call, ids[1], array.words.size).reshape(array.words.shape)
        covered = np.add(array.words, mask)
        received = party.broadcast(
            call, np.concatenate([packed, covered.reshape(-1).view(np.uint8)]), "/index"
        )
        for data in received:
            covered += data[packed.size :].copy().view(np.uint64).reshape(covered.shape)
        array.opening = Opening(covered, mask)
        return opened.join(masked, [data[: packed.size] for data in received]), covered

    def clear_fixed(self, call: Call, twin: Twin, values: Sequence[Words]) -> Sequence[Words]:
        return [self._clear(call, opened_index(call).clear(values[0]), values[1])]

    def clear_float(self, call: Call, twin: Twin, values: Sequence[Floats]) -> Sequence[Floats]:
        return [self._clear(call, whole_index(call, values[0]), values[1])]

    @staticmethod
    def _clear(call: Call, places: Integers, array: Any) -> Any:
        found = _padded(call, array)[_block_of(call, slice(0, places.size)), places]
        return found.reshape(call.output_forms[0].shape)


def _blocks(call: Call, array: Any) -> Any:
    """The array as (blocks, classes, columns)."""
    rows = call.params["layout"] == "rows"
    if rows:
        return array.reshape(1, len(array), math.prod(array.shape[1:]))
    return array.reshape(math.prod(array.shape[:-1]), array.shape[-1], 1)


def _padded(call: Call, array: Any) -> Any:
    """With zeros beyond the classes."""
    blocks = _blocks(call, array)
    return np.pad(blocks, ((0, 0), (0, opened_index(call).length - blocks.shape[1]), (0, 0)))


def _per_row(call: Call) -> int:
    """Words dealt for each index."""
    length = opened_index(call).length
    array = call.input_forms[1]
    columns = math.prod(array.shape[1:]) if call.params["layout"] == "rows" else 1
    return length - 1 + length * columns


def _block_of(call: Call, rows: slice) -> Integers:
    """To which block of the array each index belongs."""
    each = call.input_forms[0].shape[-1] if call.params["layout"] == "lines" else rows.stop
    return np.arange(rows.start, rows.stop) // max(1, each)


def _rows_of(public: Words, vectors: Words, blocks: Integers) -> Words:
    """Each row's vector times its block of a public array."""
    if len(public) == 1:
        return matmul(vectors, np.ascontiguousarray(public[0]))
    return np.asarray(np.einsum("rj,rjc->rc", vectors, public[blocks]))


PROTOCOLS = (Lookup(),)
