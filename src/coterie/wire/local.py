"""A mesh inside one process, for tests and twins: the same rules as over the network, without the network."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Collection, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from coterie.errors import CoterieError
from coterie.wire.account import Account
from coterie.wire.errors import CLOSED, LOST, NOT_IN_TIME, PEER_FINISHED, PEER_GONE
from coterie.wire.flow import WINDOW, Stall
from coterie.wire.mesh import Mesh, Traffic, Waiting
from coterie.wire.messages import Expected, Kind, MessageChannel, again, check_tag
from coterie.wire.waits import Waits


@dataclass(frozen=True)
class _Message:
    tag: str
    kind: Kind
    depth: int
    data: memoryview


@dataclass
class _Pipe:
    """One direction between two parties."""

    messages: deque[_Message] = field(default_factory=deque)
    unread: int = 0
    """Bytes."""
    stall: Stall = field(default_factory=Stall)
    ended: bool = False
    """The sender closed its end."""


class _LocalChannel(MessageChannel):
    def __init__(self, mesh: _LocalMesh, peer: str, out: _Pipe, back: _Pipe) -> None:
        super().__init__(peer)
        self._mesh = mesh
        self._out = out
        self._back = back

    def _send(self, tag: str, kind: Kind, data: memoryview) -> None:
        check_tag(tag)
        mesh = self._mesh
        with mesh.changed:
            self._check_alive()
            if self._back.ended:
                raise self._fault(PEER_FINISHED(f"{tag!r} cannot be delivered", party=self.peer))
            if self.peer in mesh.losable and self._out.unread > mesh.window:
                raise self._fault(PEER_GONE("it does not take what it is sent", party=self.peer))
            step, depth = mesh.account.spend(self.peer, data.nbytes, tag)
            since = time.monotonic()
            size = data.nbytes if kind is Kind.ARRAY else None
            with mesh.waits.during(self.peer, "send", tag, step, size):
                while (
                    self._out.unread > mesh.window
                    and (mesh.account.in_turn or not mesh.has_unread())
                    and not self._out.stall.over(since)
                ):
                    mesh.changed.wait(0.1)
                    self._check_alive()
            self._out.messages.append(_Message(tag, kind, depth, data))
            self._out.unread += data.nbytes
            mesh.changed.notify_all()
        mesh.account.on_wire(self.peer, {step: data.nbytes})

    def _receive(self, expected: Expected, seconds: float | None = None) -> NDArray[np.uint8]:
        mesh = self._mesh
        deadline = None if seconds is None else time.monotonic() + seconds
        with mesh.changed:
            step = mesh.account.current_step
            with mesh.waits.during(self.peer, "receive", expected.tag, step, expected.size):
                self._check_alive()
                while not self._back.messages:
                    if self._back.ended:
                        raise self._refuse(
                            PEER_FINISHED(f"{expected.tag!r} is due", party=self.peer, step=step)
                        )
                    left = None if deadline is None else deadline - time.monotonic()
                    if left is not None and left <= 0:
                        raise NOT_IN_TIME(f"{expected.tag!r}", party=self.peer, step=step)
                    mesh.changed.wait(left)
                    self._check_alive()
            message = self._back.messages[0]
            error = expected.check(self.peer, message.tag, message.kind, message.data.nbytes)
            if error:
                raise self._refuse(error.at(step=step))
            self._back.messages.popleft()
            self._back.unread -= message.data.nbytes
            self._back.stall.progress()
            mesh.changed.notify_all()
        mesh.account.take(self.peer, message.data.nbytes, message.depth, message.data.nbytes)
        return np.array(message.data, dtype=np.uint8)

    def _check_alive(self) -> None:
        if self._mesh.error:
            raise again(self._mesh.error)
        if error := self._mesh.lost().get(self.peer):
            raise LOST(str(error), party=self.peer)
        if self._mesh.closed:
            raise CLOSED(f"the channel to {self.peer}")

    def _refuse(self, error: CoterieError) -> CoterieError:
        if self.peer not in self._mesh.losable:
            self._mesh.die(error)
            return error
        return self._fault(error)

    def _fault(self, error: CoterieError) -> CoterieError:
        """What ends the channel, where the job can do without the peer; gives what the call is to raise."""
        if self.peer not in self._mesh.losable:
            return error
        self._mesh.lose(self.peer, error)
        return LOST(str(error), party=self.peer)


class _LocalMesh:
    def __init__(
        self, me: str, group: dict[str, _LocalMesh], changed: threading.Condition, window: int
    ) -> None:
        self._me = me
        self.group = group
        self.changed = changed
        self.window = window
        self.account = Account()
        self.channels: dict[str, _LocalChannel] = {}
        self.inbound: list[_Pipe] = []
        self.outbound: list[_Pipe] = []
        self.closed = False
        self.error: CoterieError | None = None
        self.losable: frozenset[str] = frozenset()
        self._lost: dict[str, CoterieError] = {}
        self.waits = Waits(lambda _: "up")

    @property
    def me(self) -> str:
        return self._me

    @property
    def peers(self) -> tuple[str, ...]:
        return tuple(self.channels)

    @property
    def depth(self) -> int:
        return self.account.depth

    def to(self, peer: str) -> _LocalChannel:
        return self.channels[peer]

    def step(
        self, name: str, budget: Mapping[str, int] | None = None, rounds: int | None = None
    ) -> AbstractContextManager[None]:
        return self.account.step(name, budget, rounds)

    def at_once(self) -> AbstractContextManager[None]:
        return self.account.at_once()

    def egress(self) -> dict[str, dict[str, Traffic]]:
        return self.account.egress()

    def waiting(self) -> tuple[Waiting, ...]:
        return self.waits.list()

    def may_lose(self, peers: Collection[str]) -> None:
        self.losable = frozenset(peers)
        self.account.loses = bool(peers)

    def lose(self, peer: str, error: CoterieError) -> None:
        with self.changed:
            self._lost.setdefault(peer, error.at(party=peer, step=self.account.current_step or None))
            self.group[peer].hear(self.me, self._lost[peer].for_peers())
            self.changed.notify_all()

    def hear(self, peer: str, error: CoterieError) -> None:
        """A peer's channels have ended, for this reason."""
        if self.closed:
            return
        if peer in self.losable and peer != self.me:
            self._lost.setdefault(peer, error)
        else:
            self.error = self.error or again(error)

    def lost(self) -> dict[str, CoterieError]:
        return dict(self._lost)

    def check(self) -> None:
        if self.error:
            raise again(self.error)

    def fail(self, error: CoterieError) -> None:
        self.die(error.at(party=self.me, step=self.account.current_step or None))

    def die(self, error: CoterieError) -> None:
        with self.changed:
            for mesh in self.group.values():
                mesh.hear(self.me, error if mesh is self else error.for_peers())
            self.changed.notify_all()

    def close(self) -> None:
        with self.changed:
            self.closed = True
            for pipe in self.outbound:
                pipe.ended = True
            self.changed.notify_all()

    def has_unread(self) -> bool:
        return any(pipe.messages for pipe in self.inbound)


def local_meshes(names: Iterable[str], window: int = WINDOW) -> dict[str, Mesh]:
    """One mesh for each name, joined inside this process. Each is to be used from a thread of its own.

    Arrays are not copied when sent, as over the network, and the receiver gets a copy of its own.
    """
    changed = threading.Condition(threading.RLock())
    group: dict[str, _LocalMesh] = {}
    for name in names:
        group[name] = _LocalMesh(name, group, changed, window)
    pipes = {(a, b): _Pipe() for a in group for b in group if a != b}
    for a, mesh in group.items():
        for b in group:
            if a != b:
                mesh.channels[b] = _LocalChannel(mesh, b, pipes[a, b], pipes[b, a])
                mesh.outbound.append(pipes[a, b])
                mesh.inbound.append(pipes[b, a])
    return dict(group)
