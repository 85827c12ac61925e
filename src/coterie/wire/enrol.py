"""Introductions: two parties pin each other's keys by one pasted line, with no authority.

The inviting party makes an invitation and gives it to the other by a channel that both trust (they talk
anyway). It holds the inviter's identity and address and a one-time secret. The invited node dials, pins the
inviter's certificate from the invitation, and proves with the secret that it was invited, and with a
signature that the identity it presents is its own. The inviter's answer proves the secret as well. An
invitation works once.
"""

from __future__ import annotations

import asyncio
import base64
import logging
import secrets
import socket
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from coterie.crypto import (
    Identity,
    PublicIdentity,
    atomic_write,
    canonical,
    equal,
    hmac_sha256,
    now,
    parse_json,
    parse_timestamp,
    random_key,
    timestamp,
)
from coterie.errors import CoterieError
from coterie.wire.address import PeerAddress, check_host
from coterie.wire.clienthello import ClientHello
from coterie.wire.errors import BAD_INVITATION, INVITATION_OVER, NOT_INVITED
from coterie.wire.frames import Failure, error_of, failure_of
from coterie.wire.messages import read_record
from coterie.wire.stream import Anteroom, accepted, connected, translated
from coterie.wire.tls import ENROL_PROTOCOL, client_context, open_server_context

ENROL_LIMIT = 16 * 1024
"""Bytes of a record: an identity is less than one KiB."""

VALID_DAYS = 7
"""Days that an invitation is open unless its maker says otherwise."""

INTRODUCTIONS = 32
"""Callers at a time, who are unknown until they prove their secret; see :class:`Anteroom`."""

_PREFIX = "coterie-invite:"
_DOMAIN = "coterie/enrol/v1"

log = logging.getLogger(__name__)

_Hex32 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
_Hex64 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{128}$")]
_Id = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
_Port = Annotated[int, Field(ge=1, le=65535)]


class Invitation(BaseModel):
    """An open invitation. Its repr does not show the secret; :meth:`text` does."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    id: _Id
    inviter: PublicIdentity
    host: str
    port: _Port
    secret: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$"), Field(repr=False)]
    expires: str

    def text(self) -> str:
        """One line to paste."""
        return _PREFIX + base64.urlsafe_b64encode(canonical(self)).decode().rstrip("=")

    @classmethod
    def parse(cls, text: str) -> Invitation:
        """The invitation in a pasted line. Errors: CT-1240, CT-1241 where its time is over."""
        text = "".join(text.split())
        if not text.startswith(_PREFIX) or len(text) > ENROL_LIMIT:
            raise BAD_INVITATION("it does not begin with coterie-invite:")
        body = text.removeprefix(_PREFIX)
        try:
            data = base64.b64decode(body + "=" * (-len(body) % 4), altchars=b"-_", validate=True)
            parse_json(data, limit=ENROL_LIMIT)
            invitation = cls.model_validate_json(data)
            check_host(invitation.host)
            over = parse_timestamp(invitation.expires) <= now()
        except (ValueError, CoterieError) as error:  # of base64 and of pydantic: both are such
            # The text holds a secret, so nothing of it is repeated.
            raise BAD_INVITATION("it is damaged or not whole") from error
        if over:
            raise INVITATION_OVER(f"from {invitation.inviter.name}, on {invitation.expires}")
        return invitation


class _Acceptance(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    invitation: _Id
    identity: PublicIdentity
    host: str | None
    port: _Port | None
    proof: _Hex32
    signature: _Hex64

    def statement(self, inviter: PublicIdentity) -> bytes:
        """What is proven and signed: who accepts whose invitation, and where the accepting party is found."""
        return canonical(
            {
                "invitation": self.invitation,
                "inviter": inviter.key,
                "identity": self.identity.model_dump(),
                "host": self.host,
                "port": self.port,
            }
        )


class _Welcome(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    proof: _Hex32 | None = None
    error: Failure | None = None


def _proof(secret: str, who: str, statement: bytes) -> bytes:
    return hmac_sha256(bytes.fromhex(secret), f"{_DOMAIN}/{who}".encode() + b"\0" + statement)


class Invitations:
    """A party's open invitations, one file each, so that any process of the node can add one.

    An invitation is used up by removing its file, which only one process can do.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def create(self, identity: Identity, host: str, port: int, days: float = VALID_DAYS) -> Invitation:
        """A new invitation to the front door at ``host`` and ``port``. Errors: CT-1231, CT-1120, CT-1121."""
        invitation = Invitation(
            id=secrets.token_hex(16),
            inviter=identity.public,
            host=check_host(host),
            port=port,
            secret=random_key().hex(),
            expires=timestamp(now() + timedelta(days=days)),
        )
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        atomic_write(self._path(invitation.id), canonical(invitation))
        return invitation

    def find(self, number: str) -> Invitation | None:
        """The open invitation with this id, if its time is not over."""
        try:
            invitation = Invitation.model_validate_json(self._path(number).read_bytes())
        except (OSError, ValidationError):
            return None
        return invitation if parse_timestamp(invitation.expires) > now() else None

    def use(self, number: str) -> bool:
        """Use it up; False where that was done before."""
        try:
            self._path(number).unlink()
        except FileNotFoundError:
            return False
        return True

    def _path(self, number: str) -> Path:
        return self._directory / f"{number}.json"


Introduced = Callable[[PeerAddress], Awaitable[None]]
"""Stores a new peer. It may raise a coded error (such as: another party has this name), which the peer is
told.
"""


class EnrolServer:
    """Receives those who accept an invitation. Give it to the front door as ``enrol``."""

    def __init__(self, identity: Identity, invitations: Invitations, introduced: Introduced) -> None:
        self._identity = identity
        self._invitations = invitations
        self._introduced = introduced
        self._context = open_server_context(identity, ENROL_PROTOCOL)
        self._anteroom = Anteroom(INTRODUCTIONS)

    async def __call__(self, raw: socket.socket, _hello: ClientHello) -> None:
        try:
            async with accepted(raw, self._context, None, self._anteroom) as stream, asyncio.timeout(30):
                with self._anteroom.wait():
                    data = await stream.read_record(ENROL_LIMIT, "a caller")
                await stream.write_record(canonical(await self._answer(data)))
        except CoterieError as error:
            log.warning("refused an introduction: %s", error)
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            pass  # the caller has gone

    async def _answer(self, data: bytes) -> _Welcome:
        try:
            acceptance = read_record(data, _Acceptance, ENROL_LIMIT, "a caller")
            invitation = self._invitations.find(acceptance.invitation)
            if invitation is None:
                raise NOT_INVITED("no such invitation is open")
            statement = acceptance.statement(self._identity.public)
            if not equal(_proof(invitation.secret, "accept", statement), bytes.fromhex(acceptance.proof)):
                raise NOT_INVITED("no such invitation is open")
            acceptance.identity.verify(_DOMAIN, statement, bytes.fromhex(acceptance.signature))
            peer = PeerAddress(acceptance.identity, acceptance.host, acceptance.port)
            if peer.host is not None:
                check_host(peer.host)
            if not self._invitations.use(invitation.id):
                raise NOT_INVITED("no such invitation is open")
            await self._introduced(peer)
            return _Welcome(proof=_proof(invitation.secret, "welcome", statement).hex())
        except CoterieError as error:
            log.warning("refused an introduction: %s", error)
            return _Welcome(error=failure_of(error))


async def accept_invitation(
    identity: Identity, invitation: Invitation, host: str | None, port: int | None
) -> PeerAddress:
    """Accept an invitation: the inviter then knows this party. Returns the inviter, to be stored.

    :param host: where this party's front door is found; None where it has none.

    Errors: CT-1242 (not accepted), CT-1219, CT-1220, CT-1222, CT-1234 (no connection or answer).
    """
    inviter = PeerAddress(invitation.inviter, invitation.host, invitation.port)
    draft = _Acceptance(
        invitation=invitation.id,
        identity=identity.public,
        host=host,
        port=port,
        proof="0" * 64,
        signature="0" * 128,
    )
    statement = draft.statement(invitation.inviter)
    acceptance = draft.model_copy(
        update={
            "proof": _proof(invitation.secret, "accept", statement).hex(),
            "signature": identity.sign(_DOMAIN, statement).hex(),
        }
    )
    context = client_context(identity, invitation.inviter, ENROL_PROTOCOL)
    async with connected(inviter, context, f"{inviter.name}.coterie") as stream:
        with translated(inviter.name):
            async with asyncio.timeout(30):
                await stream.write_record(canonical(acceptance))
                data = await stream.read_record(ENROL_LIMIT, inviter.name)
    welcome = read_record(data, _Welcome, ENROL_LIMIT, inviter.name)
    if welcome.error:
        raise error_of(welcome.error, inviter.name)
    if not equal(_proof(invitation.secret, "welcome", statement), bytes.fromhex(welcome.proof or "")):
        raise NOT_INVITED("its answer does not prove the invitation", party=inviter.name)
    return inviter
