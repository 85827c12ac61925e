"""The largest deductions of all owners together, of lists that each owner has sorted itself.

Two sorted lists a and b are merged by ranks. Let c(i, j) say that a_i comes before b_j: that a_i >= b_j, as
all of a comes first among equals. a_i has the place i + j in the merged list just if b_(j-1) comes before it
and b_j does not: c(i, j) and not c(i, j-1). As c is monotone in j that is c(i, j) xor c(i, j-1), without a
message. In the same way b_j has the place i + j just if c(i-1, j) xor c(i, j). For the first k places c is
needed where i + j < k: k (k + 1) / 2 comparisons at once, then a round of selections. So the cost does not
depend on how many features there are, and nothing is rounded.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from coterie.mpc import Bits, Context, Program, Secret, functions

__all__ = ["Lists", "merging"]


@dataclass(frozen=True)
class Lists:
    """What is public of the lists."""

    rows: int
    lengths: Mapping[str, int]
    """Of each owner's list, in model order; none is 0."""
    features: int
    """Of all owners together."""
    limit: int
    """The largest deduction, in units."""
    most: int
    """Places of the merged list, at most."""
    units: bool
    """Whether deductions are told, too."""

    @property
    def places(self) -> int:
        """Of the merged list."""
        return min(self.most, sum(self.lengths.values()))


@dataclass(frozen=True)
class _List:
    units: Secret
    """(length, rows), the largest first."""
    numbers: Secret
    """(length, rows) of features."""

    def __len__(self) -> int:
        return self.units.shape[0]


def merging(lists: Lists, to: Sequence[str]) -> Program:
    """Reveals (places, rows) "numbers" and, where they are told, "units". Each owner puts in its own, as
    "numbers of <owner>" and "units of <owner>"."""

    def program(ctx: Context) -> None:
        given = [_given(ctx, lists, owner) for owner in lists.lengths]
        merged = given[0]
        for number, other in enumerate(given[1:], 2):
            with ctx.section(f"merging list {number}"):
                merged = _merged(ctx, merged, other, lists, lists.units or number < len(given))
        ctx.reveal(merged.numbers, to, "numbers")
        if lists.units:
            ctx.reveal(merged.units, to, "units")

    return program


def _given(ctx: Context, lists: Lists, owner: str) -> _List:
    shape = (lists.lengths[owner], lists.rows)
    return _List(
        ctx.provided(f"units of {owner}", owner, shape, (0, lists.limit), 0),
        ctx.provided(f"numbers of {owner}", owner, shape, (0, lists.features), 0),
    )


def _merged(ctx: Context, a: _List, b: _List, lists: Lists, units: bool) -> _List:
    """The first places of both lists together.

    :param units: whether deductions are needed, too; else the list has those of ``a``.
    """
    places = min(lists.most, len(a) + len(b))
    pairs = [(i, j) for i in range(len(a)) for j in range(len(b)) if i + j < places]
    left, right = (functions.take(x.units, np.array(pairs)[:, side], 0) for side, x in enumerate((a, b)))
    later = functions.less(left, right, many=True)
    before = {pair: ~later[number] for number, pair in enumerate(pairs)}
    chosen: list[Bits] = []
    sources: list[tuple[int, int]] = []
    for side, members in enumerate((len(a), len(b))):
        for index in range(members):
            for place in range(index, min(places, index + len((b, a)[side]) + 1)):
                i, j = (index, place - index) if side == 0 else (place - index, index)
                chosen.append(_at(before, i, j, side))
                sources.append((place, side * len(a) + index))
    kinds = ("units", "numbers") if units else ("numbers",)
    found = _picked(ctx, [_stacked(x, kinds) for x in (a, b)], chosen, sources)
    numbers = ctx.within(found[:, -1], (0, lists.features))
    return _List(ctx.within(found[:, 0], (0, lists.limit)) if units else a.units, numbers)


def _stacked(x: _List, kinds: Sequence[str]) -> Secret:
    """(length, kinds, rows)."""
    arrays: list[Secret] = [getattr(x, kind) for kind in kinds]
    return functions.stack(arrays, 1)


def _picked(
    ctx: Context, values: Sequence[Secret], chosen: Sequence[Bits], sources: Sequence[tuple[int, int]]
) -> Secret:
    """(places, kinds, rows): the sum over what is chosen for each place, of which one alone is not 0.

    :param sources: place, and which of all members of both lists.
    """
    members = functions.concatenate(values, 0)
    ctx.open(members)
    places = np.array([place for place, _ in sources])
    taken = functions.take(members, np.array([member for _, member in sources]), 0)
    bits = functions.stack(chosen)
    picked = functions.where(functions.expand_dims(bits, 1), taken, 0)
    return functions.segment_sum(picked, places, int(places.max()) + 1)


def _at(before: Mapping[tuple[int, int], Bits], i: int, j: int, side: int) -> Bits:
    """Whether a_i, or of side 1 b_j, has the place i + j. What would be before the lists comes first, what
    would be behind them last."""
    here = before.get((i, j))
    other = before.get((i, j - 1) if side == 0 else (i - 1, j))
    if here is not None and other is not None:
        return here ^ other
    if other is None:  # the first of the other list: a_i comes before b_0, or b_j before a_0
        assert here is not None
        return here if side == 0 else ~here
    return ~other if side == 0 else other  # the other list has ended: its last comes before
