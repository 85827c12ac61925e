"""Which way to compare, by what is public: parties, network, number and range of the values.

By tables with one or more levels of a tree, or by a distributed comparison function: from few rounds and many
bytes to more rounds and few bytes. What takes the least time on the plan's network is chosen, and stands on
the tape with the reason.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from coterie.mpc.form import Form
from coterie.mpc.network import DEFAULT, Network
from coterie.mpc.protocols.comparison_dcf import dcf_cost
from coterie.mpc.protocols.comparison_tables import tables_cost
from coterie.mpc.protocols.comparison_tree import MAX_BITS, bits_of, trees
from coterie.mpc.protocols.protocol import Params
from coterie.mpc.tape import Cost, Setting

MANY = 1 << 20
"""Elements that a way is chosen for where it shall be the same for all numbers of them."""


@dataclass(frozen=True)
class Way:
    """One way to do a comparison."""

    name: str
    """``tables`` or ``dcf``."""
    levels: int
    """Of the tree; 0 for ``dcf`` and for tables of one chunk."""
    cost: Cost
    seconds: float
    """Estimated, on the network that was asked about."""

    @property
    def rounds(self) -> int:
        return len(self.cost.rounds)

    @property
    def size(self) -> int:
        """Bytes that all send."""
        return sum(message.size for messages in self.cost.rounds for message in messages)

    def describe(self) -> str:
        plural = "" if self.rounds == 1 else "s"
        return f"{self.name}, {self.rounds} round{plural}, {self.size} bytes, {self.seconds:.2g} s"


def ways(network: Network, parties: int, elements: int, bits: int, trees_of: int, order: bool) -> list[Way]:
    """All that there are, the fastest first.

    :param bits: how many bits of a value are compared, 1 to 63.
    :param trees_of: number of thresholds.
    :param order: less, or only equal.
    """
    setting = Setting(tuple(f"party {number}" for number in range(parties)), "dealer")

    def found() -> Iterator[tuple[str, int, Cost]]:
        for tree in trees(bits, order):
            yield "tables", len(tree.levels), tables_cost(setting, elements, tree, trees_of)
        # By the function, equality is less than the next value and not less than this: a bit more at most.
        if parties == 2 and bits + (not order) <= MAX_BITS:
            yield "dcf", 0, dcf_cost(setting, elements, bits)

    listed = [Way(*way, network.seconds(setting, way[2])) for way in found()]
    return sorted(listed, key=lambda way: (way.seconds, way.size))


def choose_comparison(
    network: Network | None, parties: int, elements: int, bits: int, thresholds: int = 1, order: bool = True
) -> tuple[Way, str]:
    """The fastest way, and a sentence of why."""
    known = network or DEFAULT
    best, *others = ways(known, parties, elements, bits, thresholds, order)
    what = "less" if order else "equal"
    why = f"{what}: {elements} values of {bits} bits, {parties} parties, {known}: {best.describe()}"
    for other in others[:1]:
        why += f"; next {other.describe()}"
    return best, why


def less_call(
    network: Network | None,
    parties: Sequence[str],
    form: Form,
    thresholds: Sequence[int] | None = None,
    *,
    many: bool = False,
) -> tuple[str, Params]:
    """Kind and parameters of the operation that finds x < t for each threshold t, a ring integer.

    :param thresholds: None for 0 alone, without an axis for it.
    :param many: choose as for a million elements.
    """
    return _call("less", network, parties, form, thresholds, MANY if many else form.size)


def equal_call(
    network: Network | None, parties: Sequence[str], form: Form, values: Sequence[int] | None = None
) -> tuple[str, Params]:
    """The same for x = t."""
    return _call("equal", network, parties, form, values, form.size)


def _call(
    what: str,
    network: Network | None,
    parties: Sequence[str],
    form: Form,
    thresholds: Sequence[int] | None,
    elements: int,
) -> tuple[str, Params]:
    order = what == "less"
    points = (0,) if thresholds is None else tuple(thresholds)
    bits = bits_of(form, points, order)
    way, why = choose_comparison(network, len(parties), elements, bits, len(points), order)
    params: Params = {"thresholds": None if thresholds is None else [str(t) for t in points], "because": why}
    if way.name == "tables":
        params["levels"] = way.levels
    return f"{what}_{way.name}", params
