"""The mesh over the network: one link to each peer of a job."""

from __future__ import annotations

import contextlib
import logging
import socket
import threading
import time
from collections import deque
from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager

import numpy as np
from numpy.typing import NDArray

from coterie.crypto import Identity
from coterie.errors import CoterieError
from coterie.wire.account import Account
from coterie.wire.address import PeerAddress
from coterie.wire.connection import Connection, Lost, open_client, open_server
from coterie.wire.errors import LOST, PEER_FINISHED
from coterie.wire.flow import WINDOW
from coterie.wire.frames import CHUNK
from coterie.wire.keeper import LINGER, PATIENCE, REKEY_BYTES, Dial, Keeper
from coterie.wire.link import LONGEST_END, Link, new_session
from coterie.wire.mesh import Traffic, Waiting
from coterie.wire.messages import Expected, Kind, MessageChannel, again, check_tag
from coterie.wire.tls import HANDSHAKE_SECONDS, LINK_PROTOCOL, client_context, link_host, server_context
from coterie.wire.waits import Waits

HANDSHAKES_AT_ONCE = 16
"""Inbound connections of one job that may be unauthenticated at a time: a job has few peers. Beyond it the
one that waits longest is dropped: strangers who say nothing must not keep peers out.
"""

log = logging.getLogger(__name__)


def dial_tcp(address: PeerAddress, seconds: float) -> socket.socket:
    """A TCP connection to a peer's front door. Raises OSError."""
    if address.host is None or address.port is None:
        raise OSError(f"{address.name} has no address")
    return socket.create_connection((address.host, address.port), seconds)


class _LinkChannel(MessageChannel):
    def __init__(self, mesh: LinkMesh, link: Link) -> None:
        super().__init__(link.peer)
        self._mesh = mesh
        self._link = link

    def _send(self, tag: str, kind: Kind, data: memoryview) -> None:
        encoded = check_tag(tag)
        self._mesh.not_for_ever(self._link)
        try:
            self._link.send(tag, encoded, kind, data)
        except CoterieError as error:
            raise self._spread(error) from None

    def _receive(self, expected: Expected, seconds: float | None = None) -> NDArray[np.uint8]:
        try:
            message = self._link.receive(expected, seconds)
        except CoterieError as error:
            raise self._spread(error) from None
        self._mesh.account.take(self.peer, message.total, message.depth, message.wire)
        return message.data

    def _refuse(self, error: CoterieError) -> CoterieError:
        return self._mesh.ended(self.peer, error)

    def _spread(self, error: CoterieError) -> CoterieError:
        """An error that ended the link ends the mesh, where it cannot do without the peer; one that refused
        this call alone does not."""
        over = self._link.error is not None
        if error.code == PEER_FINISHED.code and self._mesh.can_do_without(self.peer):
            over = True
        return self._mesh.ended(self.peer, error) if over else error


class LinkMesh:
    """A party's links to all peers of one job. Implements :class:`coterie.wire.Mesh`.

    Of two parties the one whose name sorts first dials, unless only the other can be reached. Inbound
    connections are handed in with :meth:`accept`. After any error the whole mesh is dead: all its peers are
    told.
    """

    def __init__(
        self,
        identity: Identity,
        job: str,
        peers: Mapping[str, PeerAddress],
        *,
        listens: bool = True,
        windows: Mapping[str, int] | None = None,
        patience: float = PATIENCE,
        dial: Dial = dial_tcp,
        drive: bool = True,
        rekey_bytes: int = REKEY_BYTES,
    ) -> None:
        """:param job: 32 lower-case hex digits.
        :param listens: whether peers can reach this party's front door.
        :param windows: bytes that may be on the way and unread, in both directions, by peer (default 256
            MiB).
        :param patience: seconds that a link may be down before its peer counts as gone (CT-1210), and in
            which a peer that may be lost has to receive or take a MiB of what is left for it at the end.
        :param dial: makes the stream to a peer, over TCP by default.
        :param drive: whether waiting threads read the socket themselves; False is there to measure what it
            saves.
        :param rekey_bytes: a connection is replaced after so many bytes.
        """
        self.job = job
        self.me = identity.name
        self.session = new_session()
        self.account = Account()
        self.error: CoterieError | None = None
        self._losable: frozenset[str] = frozenset()
        self._lost: dict[str, CoterieError] = {}
        self._patience = patience
        self._identity = identity
        self._addresses = dict(peers)
        self._lock = threading.Lock()
        self._unproven: dict[socket.socket, None] = {}
        """Second handles of the connections whose callers have not proven who they are, the oldest first."""
        self._refused: deque[CoterieError] = deque(maxlen=20)
        self._identities = [address.identity for address in peers.values()]
        self._server_context = server_context(identity, self._identities, LINK_PROTOCOL)
        self._client_contexts = {
            n: client_context(identity, a.identity, LINK_PROTOCOL) for n, a in peers.items()
        }
        sizes = {name: max(4 * CHUNK, (windows or {}).get(name, WINDOW)) for name in peers}
        self._links = {name: Link(self, address, sizes[name], drive) for name, address in peers.items()}
        self._channels = {name: _LinkChannel(self, link) for name, link in self._links.items()}
        self.waits = Waits(lambda peer: self._links[peer].state(), lambda peer: self._links[peer].arrived())
        self._keepers = [
            Keeper(
                link,
                dials=link.address.listens and (self.me < link.peer or not listens),
                patience=patience,
                dial=dial,
                open_tls=self._open,
                rekey_bytes=rekey_bytes,
            )
            for link in self._links.values()
        ]
        for keeper in self._keepers:
            keeper.start()

    @property
    def peers(self) -> tuple[str, ...]:
        return tuple(self._links)

    @property
    def depth(self) -> int:
        return self.account.depth

    @property
    def refused(self) -> tuple[CoterieError, ...]:
        """The last inbound connections that were turned away, with the reason."""
        return tuple(self._refused)

    def to(self, peer: str) -> MessageChannel:
        return self._channels[peer]

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

    def states(self) -> dict[str, str]:
        """Each peer's link in words."""
        return {name: link.state() for name, link in self._links.items()}

    @property
    def moved(self) -> int:
        """A number that grows with what comes and is taken on any link, and with nothing else."""
        return sum(link.moved for link in self._links.values())

    def connections(self) -> dict[str, tuple[bool, int]]:
        """Of each peer's link: whether it is up, and how many connections it has had."""
        return {name: (link.pump is not None, link.connections) for name, link in self._links.items()}

    def has_unread(self) -> bool:
        return any(link.inbox.messages for link in self._links.values())

    def may_lose(self, peers: Collection[str]) -> None:
        self._losable = frozenset(peers)
        self.account.loses = bool(peers)

    def lose(self, peer: str, error: CoterieError) -> None:
        self._give_up(peer, error.at(party=peer, step=self.account.current_step or None))

    def lost(self) -> dict[str, CoterieError]:
        with self._lock:
            return dict(self._lost)

    def check(self) -> None:
        for link in self._links.values():
            if error := self.error or link.error:
                raised = self.ended(link.peer, error)
                if self.error:
                    raise raised

    # ---- the end ----

    def fail(self, error: CoterieError) -> None:
        """End the job for everybody. Returns when the peers were told, after 3 seconds at most."""
        self.die(error.at(party=self.me, step=self.account.current_step or None))
        self._join(LINGER + 1)

    def fault(self, peer: str, error: CoterieError) -> None:
        if peer in self._losable and self.error is None:
            self._give_up(peer, error)
        else:
            self.die(error)

    def can_do_without(self, peer: str) -> bool:
        """Whether this peer may be lost."""
        return peer in self._losable

    def not_for_ever(self, link: Link) -> None:
        """Before a message: nobody waits until a peer that may be lost takes what was sent before."""
        if link.peer in self._losable and not link.error and link.clogged:
            raise self.ended(link.peer, link.gone("it does not take what it is sent"))

    def ended(self, peer: str, error: CoterieError) -> CoterieError:
        """The link to a peer has failed; gives what the call on it is to raise."""
        self.fault(peer, error)
        if self.error is None:
            return LOST(str(self._lost[peer]), party=peer)
        return again(self.error)

    def _give_up(self, peer: str, error: CoterieError) -> None:
        with self._lock:
            first = self._lost.setdefault(peer, error)
        self._links[peer].kill(first)

    def die(self, error: CoterieError) -> None:
        with self._lock:
            if self.error is None:
                self.error = error.at(step=self.account.current_step or None)
            first = self.error
        for link in self._links.values():
            link.kill(first)

    def close(self) -> None:
        """Finish. Returns when everything is delivered; raises the error that ended the mesh meanwhile. A
        peer that stays connected and takes nothing is given up: one that may be lost after ``patience``, any
        other after a day, since it may be computing.
        """
        if self.error is None:
            for link in self._links.values():
                link.say_farewell()
            for link in self._links.values():
                if not link.finish(self._patience if self.can_do_without(link.peer) else LONGEST_END):
                    self.fault(link.peer, link.gone("it does not take what is left for it"))
            self._join(LINGER + 1)
            if self.error:
                raise again(self.error)

    def _join(self, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        for keeper in self._keepers:
            if keeper is not threading.current_thread():
                keeper.join(max(0.0, deadline - time.monotonic()))

    # ---- connections ----

    def accept(self, raw: socket.socket) -> None:
        """Take over an inbound connection, before its TLS handshake. Returns at once."""
        try:
            handle = raw.dup()
        except OSError:
            raw.close()
            return
        with self._lock:
            if len(self._unproven) >= HANDSHAKES_AT_ONCE:
                oldest = next(iter(self._unproven))
                del self._unproven[oldest]
                with contextlib.suppress(OSError):
                    oldest.shutdown(socket.SHUT_RDWR)  # its thread wakes and ends
            self._unproven[handle] = None
        threading.Thread(target=self._welcome, args=(raw, handle), name="link-accept", daemon=True).start()

    def _welcome(self, raw: socket.socket, handle: socket.socket) -> None:
        deadline = time.monotonic() + HANDSHAKE_SECONDS
        try:
            connection = open_server(raw, self._server_context, self._identities, deadline)
            link = self._links[connection.peer.name]
        except CoterieError as error:
            self._refused.append(error)
            log.warning("refused a connection for job %s: %s", self.job, error)
            return
        except Lost:
            return
        finally:
            with self._lock:
                self._unproven.pop(handle, None)
                handle.close()
        try:
            self._answer(connection, link, deadline)
        except Lost:
            connection.close()
        except CoterieError as error:
            self.fault(link.peer, error)
            connection.close()

    def _answer(self, connection: Connection, link: Link, deadline: float) -> None:
        connection.send_welcome(deadline)
        greeting = connection.read_hello(deadline)
        error: CoterieError | None = None
        if greeting.status == "probe" and not link.error and not link.finished:
            connection.send_hello(link.prepare("probe")[0], deadline)
            connection.close()
            return
        try:
            link.check_hello(greeting)
        except CoterieError as refusal:
            error = refusal
            self.fault(link.peer, refusal)
        answer, generation = link.prepare("gone" if error or link.error or link.finished else "ready")
        connection.send_hello(answer, deadline)
        if answer.status == "gone":
            link.told = True
            raise Lost("answered")
        link.attach(connection, greeting, generation)

    def _open(self, raw: socket.socket, address: PeerAddress, deadline: float) -> Connection:
        context = self._client_contexts[address.name]
        return open_client(raw, context, link_host(self.job, address.name), address.identity, deadline)
