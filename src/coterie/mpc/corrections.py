"""The way of what is dealt: streamed over links while the parties run, or in tape files, written before."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

from numpy.typing import DTypeLike, NDArray

from coterie.wire import Mesh


class Sink(ABC):
    """Where a dealer puts corrections: in the order in which each party will ask for them."""

    @abstractmethod
    def put(self, party: str, tag: str, array: NDArray[Any]) -> None:
        """The party's next correction. The array does not change afterwards."""


class Source(ABC):
    """Where a compute party takes its corrections from."""

    @abstractmethod
    def take(self, tag: str, dtype: DTypeLike, shape: tuple[int, ...]) -> NDArray[Any]:
        """The next correction."""


class Dealing(Source):
    """One party's part of what was dealt before the run, for one tape."""

    serial: bytes
    """16 bytes, random, equal for all parties: parts of two dealings do not fit together."""
    seed: bytes
    """The 16 bytes that this party and the dealer share."""


class LinkSink(Sink):
    """To the parties' links. Errors: what the links raise."""

    def __init__(self, mesh: Mesh) -> None:
        self._mesh = mesh

    def put(self, party: str, tag: str, array: NDArray[Any]) -> None:
        self._mesh.to(party).send_array(tag, array)


class LinkSource(Source):
    """From the dealer's link. Errors: what the links raise."""

    def __init__(self, mesh: Mesh, dealer: str) -> None:
        self._mesh = mesh
        self._dealer = dealer

    def take(self, tag: str, dtype: DTypeLike, shape: tuple[int, ...]) -> NDArray[Any]:
        return self._mesh.to(self._dealer).recv_array(tag, dtype, shape)
