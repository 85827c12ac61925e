"""The weights that a job says a module has: ``conv1.weight 8x1x3x3``, ``norm.running_mean 8 buffer``.

Plans are made without running anybody's code: so the job tells the weights, and each party's sandbox is held
to that when the step begins.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import zip_longest
from math import prod
from typing import Final

from coterie.learn.neural import Layout, Tensor

__all__ = ["MOST_LINES", "MOST_NUMBERS", "buffers_of", "difference", "layout_of", "line_of"]

MOST_LINES: Final = 4096
MOST_NUMBERS: Final = 1 << 26
"""Of all weights together: 256 MiB."""
_MOST_DIMENSIONS: Final = 8
_LINE: Final = re.compile(
    r"([A-Za-z0-9_][A-Za-z0-9_.]{0,199}) (scalar|[1-9][0-9]{0,8}(?:x[1-9][0-9]{0,8})*)( buffer)?", re.ASCII
)


def line_of(name: str, shape: Sequence[int], *, buffer: bool) -> str:
    """How a job names one array of weights."""
    return f"{name} {'x'.join(map(str, shape)) or 'scalar'}{' buffer' if buffer else ''}"


def layout_of(lines: Iterable[str]) -> Layout:
    """The arrays, in this order. Those that have the first part of their name in common are a layer.

    Raises ValueError with the line that is none.
    """
    layers: dict[str, int] = {}
    found = []
    for line in lines:
        read = _LINE.fullmatch(line)
        if read is None:
            raise ValueError(f"{line[:80]!r} is not a name and a shape, as 'conv1.weight 8x1x3x3'")
        name, size = read[1], read[2]
        shape = () if size == "scalar" else tuple(map(int, size.split("x")))
        if len(shape) > _MOST_DIMENSIONS:
            raise ValueError(f"{name!r} has more than {_MOST_DIMENSIONS} dimensions")
        layer = layers.setdefault(name.rpartition(".")[0], len(layers))
        found.append(Tensor(name, shape, layer))
    if len({one.name for one in found}) != len(found):
        raise ValueError("a name is given twice")
    if sum(prod(one.shape) for one in found) > MOST_NUMBERS:
        raise ValueError(f"they are more than {MOST_NUMBERS:,} numbers")
    return tuple(found)


def buffers_of(lines: Iterable[str]) -> tuple[str, ...]:
    """Names of those that are no parameters."""
    return tuple(line.partition(" ")[0] for line in lines if line.endswith(" buffer"))


def difference(said: Sequence[str], found: Sequence[str]) -> str:
    """The first array in which a network's weights are others than the job's, and what is there.

    :param said: lines of the job. :param found: of the network.
    """
    for number, (one, other) in enumerate(zip_longest(said, found), 1):
        if one == other:
            continue
        if one is None:
            return f"the network's {other!r} is not in the job, which has {len(said)} of {len(found)} arrays"
        if other is None:
            return f"{one!r} is not in the network, which has {len(found)} of {len(said)} arrays"
        (name, _, expected), (present, _, shape) = one.partition(" "), other.partition(" ")
        if name == present:
            return f"{name!r} is {shape} in the network; the job says {expected}"
        return f"array {number} is {other!r} in the network; the job says {one!r}"
    return ""
