"""The messages of a release, between a runner and an owner's releaser, and what a key is bound to."""

from __future__ import annotations

import hashlib
from typing import Annotated, Final, Literal

from pydantic import Field

from coterie.crypto import PartyName
from coterie.data import Many
from coterie.ledger import SignedHead
from coterie.tee.container.wrapping import WRAPPED_FOR_RUNNER
from coterie.tee.documents.base import Count, Time, read
from coterie.tee.documents.errors import MESSAGE_INVALID
from coterie.tee.evidence.binding import NONCE, ReportBinding, Sha256
from coterie.tee.evidence.model import Assurance, Binary, Document, Endorsements, Evidence, Hex

RELEASE: Final = b"coterie/release/v1"
SECRET: Final = b"coterie/release-secret/v1"
MESSAGE_LIMIT: Final = 6 * 1024 * 1024
"""Bytes of a message: the largest endorsements in base64, and evidence."""


class LoggedGrant(Document):
    """Where an owner's ledger has its grant, and how long the ledger was when that was said."""

    owner: PartyName
    grant: Sha256
    entry: Count
    head: SignedHead

    @classmethod
    def parse(cls, data: bytes) -> LoggedGrant:
        """Errors: CT-2273."""
        return read(cls, data, MESSAGE_LIMIT, MESSAGE_INVALID)


class Checkpoint(Document):
    """The state of the owners' ledgers that a run rests on: each has its own grant in it, signed.

    What an owner's releaser finds here about its own ledger it checks against the ledger; what it finds
    about others binds those: a ledger that later lacks the grant contradicts a head that its party signed.
    """

    version: Literal["coterie/checkpoint/v1"] = "coterie/checkpoint/v1"
    manifest: Sha256
    logged: Annotated[Many[LoggedGrant], Field(min_length=1, max_length=16)]

    @classmethod
    def parse(cls, data: bytes) -> Checkpoint:
        """Errors: CT-2273."""
        return read(cls, data, MESSAGE_LIMIT, MESSAGE_INVALID)


class Challenge(Document):
    """An owner's word to a runner: make evidence over this nonce."""

    version: Literal["coterie/challenge/v1"] = "coterie/challenge/v1"
    provider: PartyName
    job: Sha256
    """Digest of the manifest."""
    nonce: Annotated[Hex, Field(min_length=2 * NONCE, max_length=2 * NONCE)]
    expires: Time

    @classmethod
    def parse(cls, data: bytes) -> Challenge:
        """Errors: CT-2273."""
        return read(cls, data, MESSAGE_LIMIT, MESSAGE_INVALID)


class ReleaseRequest(Document):
    """A runner's word to an owner: here is what I am, give me the key."""

    version: Literal["coterie/release-request/v1"] = "coterie/release-request/v1"
    binding: ReportBinding
    evidence: Evidence
    endorsements: Endorsements | None = None
    """What the host has of the vendor's; None where the owner has its own."""

    @classmethod
    def parse(cls, data: bytes) -> ReleaseRequest:
        """Errors: CT-2273."""
        return read(cls, data, MESSAGE_LIMIT, MESSAGE_INVALID)


class Release(Document):
    """A data key, wrapped for one runner, one job, one grant, one nonce."""

    version: Literal["coterie/release/v1"] = "coterie/release/v1"
    provider: PartyName
    job: Sha256
    grant: Sha256
    nonce: Annotated[Hex, Field(min_length=2 * NONCE, max_length=2 * NONCE)]
    wrapped: Annotated[Binary, Field(min_length=WRAPPED_FOR_RUNNER, max_length=WRAPPED_FOR_RUNNER)]
    secret: Annotated[
        Binary | None,
        Field(
            min_length=WRAPPED_FOR_RUNNER,
            max_length=WRAPPED_FOR_RUNNER,
            exclude_if=lambda secret: secret is None,
        ),
    ] = None
    """32 further bytes that the owners share and the job needs, wrapped alike: the key of the id hashes."""

    @classmethod
    def parse(cls, data: bytes) -> Release:
        """Errors: CT-2273."""
        return read(cls, data, MESSAGE_LIMIT, MESSAGE_INVALID)


def secret_info(info: bytes, key: bytes) -> bytes:
    """HPKE ``info`` of the secret beside a data key: the key's own ``info`` (with :data:`SECRET` for its
    first words) and SHA-256 of ``coterie/release-secret/v1``, a zero byte and the data key. HPKE tells nobody
    who has wrapped something; only an owner knows the data key.
    """
    return info + hashlib.sha256(SECRET + b"\0" + key).digest()


def release_info(assurance: Assurance, grant: str, job: str, nonce: str, purpose: bytes = RELEASE) -> bytes:
    """HPKE ``info`` of a released key: ``coterie/release/v1``, a zero byte, the assurance, a zero byte, then
    the grant's digest, the manifest's digest and the nonce, 32 bytes each. The secret beside a data key has
    ``coterie/release-secret/v1`` instead.

    A key that was released to a simulated platform so cannot be opened as if it were for hardware, nor one
    of an earlier run in a later one.

    :param grant: ``sha256:`` and hex; so is ``job``.
    :param nonce: hex.
    """
    digests = [bytes.fromhex(text.removeprefix("sha256:")) for text in (grant, job, nonce)]
    if any(len(one) != 32 for one in digests):
        raise ValueError("digests and nonces have 32 bytes")
    return b"\0".join([purpose, assurance.encode(), b"".join(digests)])
