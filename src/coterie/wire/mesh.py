"""What engines see of the network: a mesh of ordered, exactly-once channels to the job's other parties.

Two things implement it: :func:`coterie.wire.local_meshes` inside one process, and
:class:`coterie.wire.LinkMesh` over TLS between worker processes.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol, TypeVar

from numpy.typing import DTypeLike, NDArray
from pydantic import BaseModel

from coterie.errors import CoterieError

M = TypeVar("M", bound=BaseModel)

RECORD_LIMIT = 64 * 1024
"""Bytes of a typed record unless its receiver says otherwise: control messages are a few hundred bytes, and
whatever is longer is data and goes as an array."""

DEPTH_LIMIT = 1 << 30
"""No clock gets here: a step of a billion rounds takes years. A frame that says more is refused."""

OUTSIDE = ""
"""The step to which traffic outside of any step is accounted."""


@dataclass(frozen=True)
class Traffic:
    """Bytes to and from one peer in one step."""

    sent: int = 0
    """Payload bytes handed over for sending: arrays, byte strings, canonical JSON. No framing. Exact."""
    received: int = 0
    """Payload bytes taken by this party's program. Exact."""
    wire_sent: int = 0
    """Frames as given to TLS, with headers, acknowledgements and what was sent again after a lost
    connection.
    """
    wire_received: int = 0


@dataclass(frozen=True)
class Waiting:
    """One call that does not go on because of a peer."""

    peer: str
    doing: Literal["receive", "send", "close"]
    tag: str
    since: datetime
    """Aware, UTC."""
    step: str
    link: str
    """State of the link in words: "up", "down", or what was tried last."""
    size: int | None = None
    """Bytes of the message, where it is an array: its size follows from the plan."""
    here: int = 0
    """Of these, how many have arrived."""


class Channel(Protocol):
    """An ordered, exactly-once channel to one peer, for one job.

    Every call may raise the coded error that ended the channel; after an error the channel stays dead. Sends
    do not wait for the peer, unless it is more than a window behind (see docs/formats/links.md).
    """

    @property
    def peer(self) -> str: ...

    def send_array(self, tag: str, array: NDArray[Any]) -> None:
        """Send the raw little-endian bytes of ``array`` in C order.

        The array is not copied (where it is contiguous and little-endian): it must not change afterwards.
        Errors: CT-1205 when the step's budget does not cover it; CT-1207 for dtypes other than bool,
        integer, float.
        """

    def recv_array(self, tag: str, dtype: DTypeLike, shape: tuple[int, ...]) -> NDArray[Any]:
        """The peer's next message, which must have this tag and the size of ``dtype`` and ``shape``.

        Errors: CT-1201 (other tag or kind), CT-1202 (other size).
        """

    def send_bytes(self, tag: str, data: bytes | bytearray | memoryview) -> None:
        """Send bytes; the same rules as :meth:`send_array`."""

    def recv_bytes(self, tag: str, limit: int, seconds: float | None = None) -> bytes:
        """The peer's next message, at most ``limit`` bytes.

        :param seconds: to wait for it, without bound if nothing is said; 0 takes what is there.

        Errors: CT-1201, CT-1203; CT-1251 where it did not come in time, after which the channel goes on.
        """

    def send_record(self, tag: str, record: BaseModel) -> None:
        """Send a typed record as canonical JSON."""

    def recv_record(self, tag: str, model: type[M], limit: int = RECORD_LIMIT) -> M:
        """The peer's next message as a ``model``. Errors: CT-1201, CT-1203, CT-1204 (not of that form)."""


class Mesh(Protocol):
    """All channels of one party in one job."""

    @property
    def me(self) -> str: ...

    @property
    def peers(self) -> tuple[str, ...]: ...

    @property
    def depth(self) -> int:
        """Rounds used in this step: the length of the longest chain of messages that ends here.

        A Lamport clock: every message carries its sender's depth + 1, and taking it lifts the taker's depth
        to that. Zero at the start of each step.
        """

    def to(self, peer: str) -> Channel:
        """The channel to ``peer``. Raises KeyError for a name that is not in ``peers``."""

    def step(
        self, name: str, budget: Mapping[str, int] | None = None, rounds: int | None = None
    ) -> AbstractContextManager[None]:
        """Account all traffic inside to step ``name``.

        :param budget: payload bytes that may go to each peer, none to a peer not named; None for no bound.
            What would exceed it is refused before anything of it is sent (CT-1205).
        :param rounds: that the step has at most. Where peers may be lost, no message lifts :attr:`depth`
            beyond: one that is late has the depth of an earlier step, and who may be lost may say anything.

        Steps do not nest (CT-1206). A step that is entered again goes on with its old account, but with a
        depth and a budget of its own.
        """

    def at_once(self) -> AbstractContextManager[None]:
        """Messages that are sent inside do not depend on those that are taken inside, and count so in
        :attr:`depth`.

        For parties who send each other more than any should hold at a time: piece by piece, in turn with
        taking. A send that is a window ahead waits then, also while messages of others lie here unread.
        """

    def egress(self) -> dict[str, dict[str, Traffic]]:
        """Traffic by step and peer, so far."""

    def waiting(self) -> tuple[Waiting, ...]:
        """The calls that wait for peers now, longest first."""

    def may_lose(self, peers: Collection[str]) -> None:
        """From now on the job can do without these: whatever ends the channel to one of them, a failure that
        it reports or a message that it should not have sent, ends that channel alone. Calls on it raise
        CT-1250, from when it is lost.
        """

    def lose(self, peer: str, error: CoterieError) -> None:
        """Give up a peer that may be lost, for this reason. It is told."""

    def lost(self) -> dict[str, CoterieError]:
        """Who is lost, and why."""

    def check(self) -> None:
        """Raise the error that has ended the mesh or the link to any peer, if one has: for who waits for
        something that does not come by links.
        """

    def fail(self, error: CoterieError) -> None:
        """End the job for everybody: pending and later calls of all parties raise this error, but where they
        can do without this party.

        The error is sent ahead of all queued data, with this party and the present step where it names none.
        """

    def close(self) -> None:
        """Finish: everything sent is delivered first. Peers that wait for more get CT-1211."""
