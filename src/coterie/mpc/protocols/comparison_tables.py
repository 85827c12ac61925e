"""Comparison by chunk tables: any number of parties, a round and one more for each level of a tree.

x has |x| < 2^k. Open m = x + λ mod 2^(k+1). With m', λ' for the low k bits,

    [x < 0] = bit k of x = bit k of m + bit k of λ + [m' < λ']   (mod 2),

as the subtraction of λ borrows from bit k just where m' < λ'. Cut m' and λ' into chunks of w bits. For each
chunk the dealer shares, modulo 2, the *one-hot vector* of λ's: bit j says whether the chunk is j. m is
public, so that "equal" is one of these bits and "m's is less" the sum of those above it: both are local, and
2^w − 1 bits are dealt (all sum up to 1). The results of r chunks, the highest r − 1, become one:

    l = l_(r−1) + e_(r−1) (l_(r−2) + e_(r−2) (… + e_1 l_0)),   e = e_(r−1) … e_0.

Each factor v is opened under a mask as d = v + δ. Products of d are public; of products of two and more δ the
dealer gives shares: a product of any number of factors is one round. l_(r−1) is no factor and is not opened.
Bit k of m and of λ are added to the highest l, which is no factor on any level. How many bits a chunk and how
many nodes a group has: :mod:`coterie.mpc.protocols.comparison_tree`.

*Several thresholds.* x < t is the sign of x − t, opened as m − t: of one opened m and one table follow the
chunks' results for every t without a message. Each threshold has a tree and masks of its own.

*Equality.* Where |x| < 2^k, x = 0 just where m = λ mod 2^k: the same with e alone, and k bits opened.

All is bit-sliced, 64 values to a machine word, on pieces that fit the cache. Exact.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from coterie._kernels import chunks_deal, chunks_look_up, nodes_deal, nodes_join, nodes_open
from coterie.mpc.form import Form, PrivateForm
from coterie.mpc.protocols.comparison_opening import (
    AHEAD,
    Opening,
    compared,
    in_turn,
    opened_bytes,
    pieces,
    planes_bytes,
    thresholds,
)
from coterie.mpc.protocols.comparison_tree import Tree, bits_of, clamped, tree
from coterie.mpc.protocols.protocol import Forms, Params, Protocol
from coterie.mpc.ring import BITS, Floats, Words
from coterie.mpc.shares import Share
from coterie.mpc.statement import ProtocolStatement
from coterie.mpc.tape import WORD, Call, Cost, Instruction, Setting

if TYPE_CHECKING:
    from coterie.mpc.dealer import Dealer
    from coterie.mpc.party import Party
    from coterie.mpc.twin import Twin

Truths = NDArray[np.uint8]


@dataclass(frozen=True)
class _Ids:
    """Ids of random streams."""

    mask: int
    table: int
    levels: tuple[tuple[tuple[int, int], ...], ...]
    """By level and threshold: of the masks, and of the products."""


class _Tables(Protocol):
    """Base of both kinds. Parameters: ``thresholds``, ring integers in decimal, or None for zero alone and no
    axis of the result for them; ``levels`` of the tree; ``because``, why this way was chosen."""

    order: ClassVar[bool]

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        form = forms[0]
        if isinstance(form, PrivateForm):
            raise ValueError("compares a secret, not own plaintext")
        self._tree(form, params)
        return (compared(form.shape, params),)

    def _tree(self, form: Form, params: Mapping[str, Any]) -> Tree:
        bits = bits_of(form, thresholds(params), self.order)
        found = tree(bits, params["levels"], self.order) if bits <= BITS - 1 else None
        if found is None:
            raise ValueError(f"no tree of {params['levels']} levels for {bits} bits")
        return found

    def ids(self, call: Call, setting: Setting) -> int:
        return 2 + 2 * int(call.params["levels"]) * len(thresholds(call.params))

    def _ids(self, instruction: Instruction) -> _Ids:
        params, ids = instruction.call.params, iter(instruction.ids)
        mask, table = next(ids), next(ids)
        levels = tuple(
            tuple((next(ids), next(ids)) for _ in thresholds(params)) for _ in range(params["levels"])
        )
        return _Ids(mask, table, levels)

    def cost(self, call: Call, setting: Setting) -> Cost:
        form = call.input_forms[0]
        return tables_cost(setting, form.size, self._tree(form, call.params), len(thresholds(call.params)))

    def deal(self, instruction: Instruction, dealer: Dealer) -> None:
        call, ids = instruction.call, self._ids(instruction)
        form, book, labels = call.input_forms[0], dealer.book, dealer.setting.parties
        shape, n = self._tree(form, call.params), form.size
        words = -(-n // BITS)
        masks = book.seeds(labels, ids.mask, n, f"{call.tag} mask")
        seeds = book.seeds(dealer.expanding, ids.table, shape.table * words, f"{call.tag} table")
        for start, stop in pieces(n, shape.table):
            widths, order = shape.widths, self.order
            table = chunks_deal(stop - start, start, masks, ids.mask, widths, order, seeds, ids.table)
            dealer.send_raw(call, table, f"/table/{start}")
        for level, (groups, streams) in enumerate(zip(shape.levels, ids.levels, strict=True)):
            opened, dealt = shape.opened[level], shape.dealt[level]
            for number, (mask_id, id) in enumerate(streams):
                part = f"/{level}/{number}"
                masks = book.seeds(labels, mask_id, opened * words, f"{call.tag} mask{part}")
                seeds = book.seeds(dealer.expanding, id, dealt * words, f"{call.tag} dealt{part}")
                for start, stop in pieces(n, shape.table):
                    size = stop - start
                    products = nodes_deal(size, start, groups, self.order, masks, mask_id, seeds, id)
                    dealer.send_raw(call, products, f"{part}/{start}")

    def run(self, instruction: Instruction, party: Party, values: Sequence[Any]) -> Sequence[Any]:
        call = instruction.call
        form = call.input_forms[0]
        work = _Run(party, call, self._ids(instruction), self._tree(form, call.params))
        work.look_up(values[0].words, clamped(form, thresholds(call.params), self.order))
        for level in range(len(work.shape.levels)):
            work.join(level)
        return [Share(work.result().reshape(call.output_forms[0].shape))]

    def clear_fixed(self, call: Call, twin: Twin, values: Sequence[Words]) -> Sequence[Any]:
        found = [self.truth(values[0].view(np.int64), t) for t in thresholds(call.params)]
        return [np.stack(found).reshape(call.output_forms[0].shape).astype(np.uint8)]

    def clear_float(self, call: Call, twin: Twin, values: Sequence[Floats]) -> Sequence[Any]:
        unit = 2.0 ** -call.input_forms[0].frac
        found = [self.truth(values[0], t * unit) for t in thresholds(call.params)]
        return [np.stack(found).reshape(call.output_forms[0].shape).astype(np.uint8)]

    @staticmethod
    @abstractmethod
    def truth(values: NDArray[Any], threshold: float) -> NDArray[np.bool_]:
        """What it computes, in the clear."""


class _Run:
    """One comparison at a compute party."""

    def __init__(self, party: Party, call: Call, ids: _Ids, shape: Tree) -> None:
        self.party, self.call, self.ids, self.shape = party, call, ids, shape
        self.n = call.input_forms[0].size
        self.pieces = pieces(self.n, shape.table)
        self.trees = len(thresholds(call.params))
        self._words = -(-self.n // BITS)
        # Every kernel of this party wants its seed, and has it only for what is claimed here.
        self.seed = party.book.seeds([party.me], ids.mask, self.n, f"{call.tag} mask")[0]
        self.nodes: list[list[Words]] = [[] for _ in range(self.trees)]
        """By threshold and piece."""

    def look_up(self, words: Words, minus: Sequence[int]) -> None:
        """Open x, and compare chunks."""
        shape, id = self.shape, self.ids.table
        opening = Opening(self.party, self.call, words, self.ids.mask, shape.opened_bits)
        self._claim(id, shape.table, "table")

        def take(index: int) -> None:
            start, stop = self.pieces[index]
            opened = opening.take(start, stop)
            table = self._dealt(shape.table, start, stop, "/table")
            for number, t in enumerate(minus):
                moved = t % 2**BITS
                nodes = chunks_look_up(
                    opened, moved, shape.widths, shape.order, table, self.seed, id, start, self.party.is_first
                )
                self.nodes[number].append(nodes)

        in_turn(self.party, len(self.pieces), lambda index: opening.send(*self.pieces[index]), take)

    def join(self, level: int) -> None:
        """One level of all trees."""
        shape, party = self.shape, self.party
        groups, opened, dealt = shape.levels[level], shape.opened[level], shape.dealt[level]
        streams = self.ids.levels[level]
        for number, (mask_id, id) in enumerate(streams):
            words = opened * self._words
            party.book.seeds([party.me], mask_id, words, f"{self.call.tag} mask/{level}/{number}")
            self._claim(id, dealt, f"dealt/{level}/{number}")
        own: dict[int, Words] = {}

        def place(index: int) -> tuple[int, int, int, int, str]:
            number, piece = divmod(index, len(self.pieces))
            start, stop = self.pieces[piece]
            return number, piece, start, stop, f"/{level}/{number}"

        def send(index: int) -> None:
            number, piece, start, stop, part = place(index)
            nodes, mask_id = self.nodes[number][piece], streams[number][0]
            size = stop - start
            own[index] = nodes_open(nodes, size, groups, shape.order, self.seed, mask_id, start)
            for other in party.others:
                party.mesh.to(other).send_array(f"{self.call.tag}{part}/{start}", own[index])

        def take(index: int) -> None:
            number, piece, start, stop, part = place(index)
            tag, mine = f"{self.call.tag}{part}/{start}", own.pop(index)
            theirs = [party.mesh.to(other).recv_array(tag, np.uint64, mine.shape) for other in party.others]
            products = self._dealt(dealt, start, stop, part)
            mask_id, id = streams[number]
            self.nodes[number][piece] = nodes_join(
                self.nodes[number][piece],
                [mine, *theirs],
                stop - start,
                groups,
                shape.order,
                self.seed,
                mask_id,
                products,
                id,
                start,
                party.is_first,
            )

        in_turn(party, self.trees * len(self.pieces), send, take)

    def result(self) -> Truths:
        """(thresholds, n)."""
        out = np.empty((self.trees, self.n), np.uint8)
        for row, nodes in zip(out, self.nodes, strict=True):
            for (start, stop), piece in zip(self.pieces, nodes, strict=True):
                bits = piece.view(np.uint8)
                row[start:stop] = np.unpackbits(bits, count=stop - start, bitorder="little")
        return out

    def _claim(self, id: int, planes: int, use: str) -> None:
        """What is expanded of a dealt stream; the last party is sent it instead."""
        if not self.party.is_last:
            book, call = self.party.book, self.call
            book.seeds([self.party.me], id, planes * self._words, f"{call.tag} {use}")

    def _dealt(self, planes: int, start: int, stop: int, part: str) -> Words | None:
        """The correction at the last party, None for who expands."""
        if not self.party.is_last:
            return None
        size = planes_bytes(stop - start, planes) // WORD
        return self.party.correction(self.call, np.uint64, (size,), f"{part}/{start}")


def tables_cost(setting: Setting, n: int, shape: Tree, trees: int) -> Cost:
    """Of a comparison of ``n`` values with so many thresholds."""
    opened = n * opened_bytes(shape.opened_bits)
    first = (*Cost.broadcast(setting, opened), Cost.deal(setting, planes_bytes(n, shape.table)))
    rounds = [first, *_levels(setting, n, shape, trees)]
    piece = max((stop - start for start, stop in pieces(n, shape.table)), default=0)
    held = trees * planes_bytes(n, shape.nodes)
    scratch = held + (2 + AHEAD) * piece * 2 * WORD + 2 * planes_bytes(piece, shape.table)
    return Cost(tuple(rounds), scratch=scratch)


def _levels(setting: Setting, n: int, shape: Tree, trees: int) -> Iterator[tuple[Any, ...]]:
    for opened, dealt in zip(shape.opened, shape.dealt, strict=True):
        sent = trees * planes_bytes(n, opened)
        yield (*Cost.broadcast(setting, sent), Cost.deal(setting, trees * planes_bytes(n, dealt)))


class LessTables(_Tables):
    """Whether each value is less than each threshold."""

    kind = "less_tables"
    order = True
    statement = ProtocolStatement(
        protocol="comparison by chunk tables",
        rounds="1 and one for each level of the tree, 0 to 3",
        sent="for k-bit numbers k + 1 bits in whole bytes, and the bits of the tree (50 for k = 62 and 3 "
        "levels) for 64 elements at a time, for each element from each compute party to each other",
        dealt="the bits of tables and products for each element (205 for k = 62 and 3 levels)",
        learns="Nothing: what is opened is uniformly random to those who have but a share of its mask.",
        source="this file; tables after Ishai, Kushilevitz, Meldgaard, Orlandi, Paskin-Cherniavsky (2013), "
        "products of several factors after Ohata, Nuida (2020)",
    )

    @staticmethod
    def truth(values: NDArray[Any], threshold: float) -> NDArray[np.bool_]:
        return np.asarray(values < threshold)


class EqualTables(_Tables):
    """Whether each value is each of the given ones."""

    kind = "equal_tables"
    order = False
    statement = ProtocolStatement(
        protocol="equality by chunk tables",
        rounds="1 and one for each level of the tree, 0 to 3",
        sent="for k-bit numbers k bits in whole bytes, and the bits of the tree (31 for k = 62 and 3 levels) "
        "for 64 elements at a time, for each element from each compute party to each other",
        dealt="the bits of tables and products for each element (181 for k = 62 and 3 levels)",
        learns="Nothing: what is opened is uniformly random to those who have but a share of its mask.",
        source="as comparison by chunk tables",
    )

    @staticmethod
    def truth(values: NDArray[Any], threshold: float) -> NDArray[np.bool_]:
        return np.asarray(values == threshold)


PROTOCOLS = (LessTables(), EqualTables())
