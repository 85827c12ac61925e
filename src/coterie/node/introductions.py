"""Invitations and pinned peers."""

from __future__ import annotations

from sqlalchemy import select

from coterie.crypto import now, timestamp
from coterie.wire import EnrolServer, Invitation, Invitations, PeerAddress, accept_invitation

from .core import Core
from .errors import NO_ADDRESS, NOT_FOUND, PEER_IN_USE, PEER_IS_SELF, PEER_KEY_DIFFERS, PEER_UNKNOWN
from .home import api_door, split_address
from .jobbook import JobBook
from .keyring.errors import KEY_REVOKED
from .network import Network
from .store import InvitationRow, PeerRow, RevokedKeyRow
from .views import IdentityView, InvitationView, PeerView

__all__ = ["Introductions"]


class Introductions:
    """Who is known here, and how others become known."""

    def __init__(self, core: Core, network: Network, book: JobBook) -> None:
        self._core = core
        self._network = network
        self._book = book
        self._open = Invitations(core.home.path / "invitations")
        self.server = EnrolServer(core.identity, self._open, self._introduced)

    def own(self) -> IdentityView:
        """This node, as its peers know it."""
        settings, public = self._core.home.settings, self._core.identity.public
        return IdentityView(
            name=public.name,
            role=settings.role,
            key=public.key,
            fingerprint=public.fingerprint,
            address=settings.address,
            api_fingerprint=api_door(self._core.home.path).fingerprint,
        )

    def invite(self, hours: float) -> InvitationView:
        """A one-time invitation. :raises CoterieError: CT-5025."""
        address = self._core.home.settings.address
        if address is None:
            raise NO_ADDRESS(self._core.name)
        host, port = split_address(address)
        invitation = self._open.create(self._core.identity, host, port, days=hours / 24)
        row = InvitationRow(
            id=invitation.id, created=timestamp(now()), expires=invitation.expires, used_by=None
        )
        with self._core.store.session() as session:
            session.add(row)
        return _invitation_view(row).model_copy(update={"text": invitation.text()})

    def invitations(self) -> list[InvitationView]:
        """Those that can still be used, and who used the others. Newest first."""
        with self._core.store.session() as session:
            rows = session.scalars(select(InvitationRow).order_by(InvitationRow.created.desc()))
            return [_invitation_view(row) for row in rows]

    def withdraw(self, invitation: str) -> None:
        """:raises CoterieError: CT-5015."""
        with self._core.store.session() as session:
            row = session.get(InvitationRow, invitation)
            if row is None:
                raise NOT_FOUND(f"invitation {invitation[:40]!r}")
            self._open.use(row.id)
            session.delete(row)

    async def accept(self, text: str) -> PeerView:
        """Accept another party's invitation.

        :raises CoterieError: CT-1240 to CT-1242, CT-1219 to CT-1222, CT-5021, CT-5024.
        """
        invitation = Invitation.parse(text)
        if (
            invitation.inviter.key == self._core.identity.public.key
            or invitation.inviter.name == self._core.name
        ):
            raise PEER_IS_SELF(invitation.inviter.name)
        self._refuse_other_key(PeerAddress(invitation.inviter))
        address = self._core.home.settings.address
        host, port = split_address(address) if address is not None else (None, None)
        return self._pin(await accept_invitation(self._core.identity, invitation, host, port))

    async def _introduced(self, peer: PeerAddress) -> None:
        """A peer has accepted an invitation of this node."""
        if peer.name == self._core.name:
            raise PEER_KEY_DIFFERS(f"{peer.name!r} is this node's own name")
        self._refuse_other_key(peer)
        # The invitation's file was removed just before this call: the one that is gone was used.
        with self._core.store.session() as session:
            for row in session.scalars(select(InvitationRow).where(InvitationRow.used_by.is_(None))):
                if row.expires > timestamp(now()) and self._open.find(row.id) is None:
                    row.used_by = peer.name
        self._pin(peer)

    def _refuse_other_key(self, peer: PeerAddress) -> None:
        with self._core.store.session() as session:
            if session.get(RevokedKeyRow, peer.identity.key) is not None:
                raise KEY_REVOKED(f"{peer.name}, {peer.identity.fingerprint}", party=self._core.name)
        known = self._core.keys().get(peer.name)
        if known is not None and known != peer.identity.key:
            raise PEER_KEY_DIFFERS(f"{peer.name!r} at {self._core.name!r}", party=peer.name)

    def _pin(self, peer: PeerAddress) -> PeerView:
        row = PeerRow(
            name=peer.name,
            key=peer.identity.key,
            certificate=peer.identity.certificate,
            host=peer.host,
            port=peer.port,
            added=timestamp(now()),
        )
        with self._core.store.session() as session:
            session.merge(row)
        return self._view(peer.name)

    def peers(self) -> list[PeerView]:
        """All pinned parties, by name."""
        return [self._view(identity.name) for identity in self._core.peers()]

    def remove(self, name: str) -> None:
        """Forget a peer. :raises CoterieError: CT-5020, CT-5022."""
        for job in self._book.active():
            if name in job.participants:
                raise PEER_IN_USE(f"{name} in job {job.id}")
        with self._core.store.session() as session:
            row = session.get(PeerRow, name)
            if row is None:
                raise PEER_UNKNOWN(repr(name[:40]))
            session.delete(row)

    def _view(self, name: str) -> PeerView:
        identity = self._core.peer(name)
        with self._core.store.session() as session:
            row = session.get_one(PeerRow, name)
        address = None
        if row.host is not None:
            address = f"[{row.host}]:{row.port}" if ":" in row.host else f"{row.host}:{row.port}"
        return PeerView(
            name=name,
            key=identity.key,
            fingerprint=identity.fingerprint,
            address=address,
            added=row.added,
            last_seen=self._network.last_seen.get(name),
        )


def _invitation_view(row: InvitationRow) -> InvitationView:
    return InvitationView(id=row.id, expires=row.expires, created=row.created, used_by=row.used_by)
