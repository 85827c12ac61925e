"""What is known before its turn comes: masks of opened arrays, and products of matrices with them.

Masks are expanded from seeds, and the tape says which: nothing that happens while a program runs matters to
them. So a matrix that is multiplied in every pass of a trainer, with another mask each time, is read once for
several passes to come. That is all of what a dealer does for such products, and most of what a party does for
the columns of its peers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice

import numpy as np

from coterie.mpc.protocols import PROTOCOLS
from coterie.mpc.protocols.product import PRIVATE_PRODUCT, together
from coterie.mpc.ring import Words
from coterie.mpc.tape import WORD, Call, Tape

__all__ = ["LOOK_AHEAD", "Mask", "Masks", "Products"]

LOOK_AHEAD = 512
"""Instructions: how far ahead of its turn the mask of an opened array is known."""

Expand = Callable[[str | None, int, int, str], Words]
"""``expand(besides, id, n, use)``: ``n`` words of what this participant knows of mask ``id``; at the dealer
all parties' shares but that of ``besides``."""


class Mask:
    """The mask of an opened array: streams, seen through views."""

    def __init__(self, expand: Callable[[str | None], Words]) -> None:
        self._expand = expand
        self._known: dict[str | None, Words] = {}

    def without(self, party: str | None) -> Words:
        """All that this participant knows of it; at the dealer the sum of all parties' shares but one's."""
        if party not in self._known:
            self._known[party] = self._expand(party)
        return self._known[party]

    @property
    def whole(self) -> Words:
        return self.without(None)


class Masks:
    """The masks of a tape's opened arrays, by value. Protocols tell of them in their ``mask``."""

    def __init__(self, tape: Tape, expand: Expand) -> None:
        self._ahead = iter(tape.instructions)
        self._reached = 0
        self._expand = expand
        self._masks: dict[int, Mask] = {}

    def reach(self, index: int) -> None:
        """Learn of all openings up to some instructions after that one."""
        for instruction in islice(self._ahead, max(0, index + 1 + LOOK_AHEAD - self._reached)):
            PROTOCOLS[instruction.call.kind].mask(instruction, self)
            self._reached += 1

    def open(self, number: int, call: Call, id: int, n: int, view: Callable[[Words], Words]) -> None:
        """Value ``number`` is masked by stream ``id``, seen through ``view``."""
        self._masks[number] = Mask(lambda besides: view(self._expand(besides, id, n, f"{call.tag} mask")))

    def view(self, number: int, inputs: Sequence[int], see: Callable[[list[Words]], Words]) -> None:
        """Value ``number`` is a view of others: its mask is the same view, where those are all opened."""
        if all(value in self._masks for value in inputs):
            masks = [self._masks[value] for value in inputs]
            self._masks[number] = Mask(lambda besides: see([mask.without(besides) for mask in masks]))

    def __getitem__(self, number: int) -> Mask:
        return self._masks[number]

    def __contains__(self, number: int) -> bool:
        return number in self._masks

    def forget(self, number: int) -> None:
        """After the last use of a value."""
        self._masks.pop(number, None)


class Products:
    """Products of matrices with masks of opened vectors: those to come with one matrix are made together."""

    def __init__(self, tape: Tape, masks: Masks) -> None:
        self._masks = masks
        self._to_come: dict[tuple[int, str], list[tuple[int, int]]] = {}
        """By matrix and operation: each product's place on the tape and its right side, the last first."""
        self._made: dict[tuple[int, int, int], Words] = {}
        """By place, matrix and right side."""
        for call in (instruction.call for instruction in reversed(tape.instructions)):
            if call.kind != PRIVATE_PRODUCT or call.params["operation"] == "multiply":
                continue
            pairs = list(zip(call.inputs[::2], call.inputs[1::2], call.input_forms[1::2], strict=True))
            for left, right, form in reversed(pairs):
                if len(form.shape) == 1:
                    self._to_come.setdefault((left, call.params["operation"]), []).append((call.index, right))

    def get(
        self, call: Call, left: int, right: int, besides: str | None, times: Callable[[Words], Words]
    ) -> Words:
        """``left`` times the mask of ``right``.

        :param besides: whose share of the mask is left out, at the dealer.
        :param times: multiplies ``left``, from the right, with a vector, or with the columns of a matrix.
        """
        if (made := self._made.pop((call.index, left, right), None)) is not None:
            return made
        factor = self._masks[right].without(besides)
        to_come = self._to_come.get((left, call.params["operation"]), [])
        if not to_come or to_come[-1] != (call.index, right):
            return times(factor)
        most = together(WORD * (factor.size + call.output_forms[0].size))
        chosen: list[tuple[int, int]] = []
        while to_come and len(chosen) < most and to_come[-1][1] in self._masks:
            chosen.append(to_come.pop())
        if len(chosen) == 1:
            return times(factor)
        factors = np.stack([self._masks[number].without(besides) for _, number in chosen], axis=1)
        results = np.ascontiguousarray(times(factors).T)
        for (index, number), result in zip(chosen, results, strict=True):
            self._made[index, left, number] = result
        return self._made.pop((call.index, left, right))
