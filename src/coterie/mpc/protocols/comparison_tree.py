"""How a comparison by tables is cut: chunks of digits, and the tree that joins them.

A chunk of w bits costs 2^w − 1 dealt bits, which its table has beside the last entry. Joining r nodes costs
one opened bit for each factor and one dealt bit for each product of two or more of their masks (the formula
for less is in :mod:`coterie.mpc.protocols.comparison_tables`):

- the e of all but the lowest node, r − 1 factors; their products 2^(r−1) − r;
- e of the lowest, where the result's e is wanted: 1 factor, 2^(r−1) − 1 products;
- for less, l of all but the highest: r − 1 factors, 2^r − r − 1 products.

The lowest group of a level never needs its e for less. For a given number of levels, all numbers of chunks
and of groups of a level, sizes as equal as can be, are tried; the least 2 · opened + dealt bits win, which is
what two parties and a dealer send beside the opening of x. For less at 62 bits:

| levels | rounds | chunks | opened | dealt | 2 · opened + dealt |
|---|---|---|---|---|---|
| 1 | 2 | 9 of 6 and 7 bits | 16 | 1829 | 1861 |
| 2 | 3 | 16 of 3 and 4 bits in 5 groups | 34 | 313 | 381 |
| 3 | 4 | 21 of 2 and 3 bits in 9, then 3 groups | 50 | 205 | 305 |
| 4 | 5 | 21, then 10, 5, 2 groups | 56 | 188 | 296 |

Three levels: 2^2 − 1 + 20 (2^3 − 1) + 1 = 144 bits of tables; 32 + 14 + 4 opened; 35 + 21 + 5 dealt for
products. A fourth level saves so little that there is none. For equality 1599, 287, 243, 243 in all.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

from coterie.mpc.form import Form

MAX_BITS = 63
"""The bit above them is opened too, for less."""
MAX_LEVELS = 3
MAX_WIDTH = 8
MAX_RADIX = 10


@dataclass(frozen=True)
class Tree:
    """A comparison of numbers of so many bits."""

    bits: int
    order: bool
    """Less, or only equal."""
    widths: tuple[int, ...]
    """Bits of each chunk, from the lowest."""
    levels: tuple[tuple[int, ...], ...]
    """For each level the sizes of its groups, from the lowest."""

    @property
    def opened_bits(self) -> int:
        """Of a value: less needs the one above, too."""
        return self.bits + self.order

    @property
    def table(self) -> int:
        """Dealt bits of the chunks, and of the bit above."""
        return sum((1 << width) - 1 for width in self.widths) + self.order

    @cached_property
    def opened(self) -> tuple[int, ...]:
        """Opened bits of each level."""
        return tuple(sum(_opened(r, self.order, i) for i, r in enumerate(groups)) for groups in self.levels)

    @cached_property
    def dealt(self) -> tuple[int, ...]:
        """Dealt bits of each level."""
        return tuple(sum(_dealt(r, self.order, i) for i, r in enumerate(groups)) for groups in self.levels)

    @property
    def nodes(self) -> int:
        """Bits that a party holds of a value, before the first level."""
        return 2 * len(self.widths) - 1 if self.order else len(self.widths)


def _opened(radix: int, order: bool, index: int) -> int:
    return radix - 1 + (not order or index > 0) + (radix - 1 if order else 0)


def _dealt(radix: int, order: bool, index: int) -> int:
    half = 1 << (radix - 1)
    equal = half - 1 if not order or index > 0 else 0
    return half - radix + equal + (2 * half - radix - 1 if order else 0)


def even(count: int, groups: int) -> tuple[int, ...]:
    """``count`` things in so many groups, sizes as equal as can be, the smaller first."""
    size, larger = divmod(count, groups)
    return (size,) * (groups - larger) + (size + 1,) * larger


@lru_cache(maxsize=4096)
def _join(nodes: int, levels: int, order: bool) -> tuple[int, tuple[tuple[int, ...], ...]] | None:
    """Least 2 · opened + dealt bits, and the groups; None where so many levels are too few or too many."""
    if levels == 0:
        return (0, ()) if nodes == 1 else None
    best = None
    for groups in range(-(-nodes // MAX_RADIX), nodes // 2 + 1):
        rest = _join(groups, levels - 1, order)
        if rest is None:
            continue
        sizes = even(nodes, groups)
        cost = rest[0] + sum(2 * _opened(r, order, i) + _dealt(r, order, i) for i, r in enumerate(sizes))
        if best is None or cost < best[0]:
            best = cost, (sizes, *rest[1])
    return best


@lru_cache(maxsize=1024)
def tree(bits: int, levels: int, order: bool) -> Tree | None:
    """The cheapest for numbers of 1 to 63 bits with exactly so many levels; None where there is none."""
    best: tuple[int, Tree] | None = None
    for chunks in range(-(-bits // MAX_WIDTH), bits + 1):
        joined = _join(chunks, levels, order)
        if joined is None:
            continue
        found = Tree(bits, order, even(bits, chunks), joined[1])
        cost = found.table + joined[0]
        if best is None or cost < best[0]:
            best = cost, found
    return best[1] if best else None


def trees(bits: int, order: bool) -> Iterator[Tree]:
    """One for each number of levels that is of use: more levels, less to send."""
    least = math.inf
    for levels in range(MAX_LEVELS + 1):
        found = tree(bits, levels, order)
        if found is None:
            continue
        cost = found.table + sum(
            2 * opened + dealt for opened, dealt in zip(found.opened, found.dealt, strict=True)
        )
        if cost < least:
            least = cost
            yield found


def ring_range(form: Form) -> tuple[int, int]:
    """The least and the largest ring integer that a value of this form can be."""
    return math.floor(form.low * 2.0**form.frac), math.ceil(form.high * 2.0**form.frac)


def clamped(form: Form, thresholds: Sequence[int], order: bool) -> tuple[int, ...]:
    """Thresholds beyond the range moved to where the answers are the same, and cheaper."""
    low, high = ring_range(form)
    return tuple(min(max(t, low if order else low - 1), high + 1) for t in thresholds)


def bits_of(form: Form, thresholds: Sequence[int], order: bool) -> int:
    """Bits k that tell every value from every threshold: x − t lies in [−2^k, 2^k), strictly within for
    equality."""
    low, high = ring_range(form)
    most = 1
    for t in clamped(form, thresholds, order):
        below, above = t - low, high - t
        most = max(most, (below - 1 if order else below).bit_length() if below > 0 else 0)
        most = max(most, above.bit_length() if above > 0 else 0)
    return most
