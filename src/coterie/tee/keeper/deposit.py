"""The deposit: a provider's key for a keeper, with all that the provider's own releaser would go by."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from coterie.agreement import Agreement, Revocation
from coterie.crypto import Identity, canonical, digest
from coterie.data import Many
from coterie.errors import CoterieError
from coterie.tee.container.record import DatasetRecord, Owner
from coterie.tee.container.wrapping import WRAPPED_FOR_RUNNER, RunnerKey, wrap_for_runner
from coterie.tee.documents.base import Signed, Time, make, read
from coterie.tee.documents.exchange import LoggedGrant
from coterie.tee.documents.grant import Grant
from coterie.tee.evidence.model import Binary, Document
from coterie.tee.evidence.reference import ReferenceValues
from coterie.tee.evidence.roots import Profile, Roots
from coterie.tee.keeper.documents import KeeperBinding, KeeperStatement
from coterie.tee.keeper.errors import DEPOSIT_REFUSED, KEEPER_MESSAGE_INVALID, STATEMENT_REFUSED

DOMAIN: Final = "coterie/deposit/v1"
KEY: Final = b"coterie/deposit-key/v1"
SECRET: Final = b"coterie/deposit-secret/v1"
DEPOSIT_LIMIT: Final = 16 * 1024 * 1024
"""Bytes of a deposit: agreement, grant, record and reference values at their largest."""

Pin = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Pins = Annotated[dict[str, Pin], Field(max_length=64)]
_Wrapped = Field(min_length=WRAPPED_FOR_RUNNER, max_length=WRAPPED_FOR_RUNNER)


class PinnedRoots(Document):
    """Whom the provider believes: its :class:`Roots` as a document."""

    profile: Profile
    intel: Pins
    amd: Pins
    nitro: Pins
    tpm: Annotated[Many[Pin], Field(max_length=1000)]
    tpm_keys: Annotated[Many[Pin], Field(max_length=1000)]
    simulated: Annotated[Many[Pin], Field(max_length=1000)]

    @classmethod
    def of(cls, roots: Roots) -> PinnedRoots:
        """The document of roots."""
        return cls(
            profile=roots.profile,
            intel=dict(roots.intel),
            amd=dict(roots.amd),
            nitro=dict(roots.nitro),
            tpm=tuple(sorted(roots.tpm)),
            tpm_keys=tuple(sorted(roots.tpm_keys)),
            simulated=tuple(sorted(roots.simulated)),
        )

    def roots(self) -> Roots:
        """The roots of the document. Errors: CT-2233, CT-2235."""
        return Roots(
            profile=self.profile,
            intel=self.intel,
            amd=self.amd,
            nitro=self.nitro,
            tpm=frozenset(self.tpm),
            tpm_keys=frozenset(self.tpm_keys),
            simulated=frozenset(self.simulated),
        )


class Deposit(Signed):
    """One data set's key, for one keeper, under one grant. All but the keys can be read by anybody."""

    version: Literal["coterie/deposit/v1"] = "coterie/deposit/v1"
    owner: Owner
    binding: KeeperBinding
    """What the keeper's evidence was made over: for no other keeper, and for no other deposit with it."""
    agreement: Agreement
    revocations: Annotated[Many[Revocation], Field(max_length=64)]
    grant: Grant
    """Jobs that the keeper may release the key for, and how often."""
    logged: LoggedGrant
    """Where the provider's own ledger has the grant: for the checkpoints of runs."""
    record: DatasetRecord
    reference: ReferenceValues | None
    """What the provider's operator asks of runners' platforms beyond grants."""
    roots: PinnedRoots
    marks: Annotated[dict[str, int], Field(max_length=10_000)]
    """The highest numbers of endorsements that the provider has seen: the keeper accepts no lower ones."""
    created: Time
    expires: Time
    """The first second in which the keeper has no key any more."""
    wrapped: Annotated[Binary, _Wrapped]
    """The data key, sealed to the keeper."""
    secret: Annotated[Binary | None, _Wrapped]
    """32 further bytes that the owners share under the agreement, sealed alike; null where there are none."""

    @classmethod
    def make(cls, identity: Identity, fields: Mapping[str, Any], key: bytes, secret: bytes | None) -> Deposit:
        """Seal the keys for everything else that the deposit says, and sign it.

        :param fields: all but owner, keys and signature.
        :param key: the data key, 32 bytes.

        Errors: CT-2326; CT-2211 where the keeper's public key is none.
        """
        owner = Owner(name=identity.public.name, key=identity.public.key)
        empty = bytes(WRAPPED_FOR_RUNNER)
        unsealed = make(
            cls,
            KEEPER_MESSAGE_INVALID,
            {
                **fields,
                "owner": owner,
                "wrapped": empty,
                "secret": None if secret is None else empty,
                "signature": "00" * 64,
            },
        )
        public = bytes.fromhex(unsealed.binding.hpke_pk)
        wrapped: dict[str, bytes] = {"wrapped": wrap_for_runner(key, public, unsealed.info(KEY))}
        if secret is not None:
            wrapped["secret"] = wrap_for_runner(secret, public, unsealed.info(SECRET))
        sealed = unsealed.model_copy(update=wrapped)
        return sealed.with_signature(identity.sign(DOMAIN, sealed.signed_body()))

    @classmethod
    def parse(cls, data: bytes) -> Deposit:
        """Read a deposit of at most 16 MiB, in canonical form. Errors: CT-2326."""
        return read(cls, data, DEPOSIT_LIMIT, KEEPER_MESSAGE_INVALID)

    def info(self, purpose: bytes) -> bytes:
        """HPKE ``info``: ``coterie/deposit-key/v1``, a zero byte, the keeper's assurance, a zero byte, and
        SHA-256 of the canonical form without ``wrapped``, ``secret`` and ``signature``. The secret beside the
        key has ``coterie/deposit-secret/v1`` instead. So a key opens for exactly what it was deposited for.
        """
        said = canonical(self.model_dump(mode="json", exclude={"wrapped", "secret", "signature"}))
        hashed = bytes.fromhex(digest(said).removeprefix("sha256:"))
        return b"\0".join([purpose, self.binding.assurance.encode(), hashed])

    def open(self, key: RunnerKey) -> tuple[bytes, bytes | None]:
        """The data key and the secret, at the keeper. Errors: CT-2211."""
        data_key = key.unwrap(self.wrapped, self.info(KEY))
        return data_key, None if self.secret is None else key.unwrap(self.secret, self.info(SECRET))

    def confirm(self, statement: KeeperStatement) -> None:
        """The keeper has said that it holds the key: for the provider, when it has handed the deposit over.

        Errors: CT-2334, which costs nothing but the grant: nobody else can open the deposit.
        """
        try:
            statement.verify(self.binding.log_pk)
        except CoterieError as error:
            raise STATEMENT_REFUSED("the keeper did not sign it") from error
        if statement.nonce != self.binding.nonce or not statement.holds:
            raise STATEMENT_REFUSED("it does not say that the keeper holds this deposit's key")

    def check(self) -> None:
        """The provider signed it, and its parts belong together: all that does not depend on the time.

        Errors: CT-2327, CT-1101, CT-16xx.
        """
        self.check_signature(self.owner.name, self.owner.key, DOMAIN)
        self.agreement.verify()
        if self.agreement.terms.parties.get(self.owner.name) != self.owner.key:
            raise DEPOSIT_REFUSED(f"'{self.owner.name}' with this key is no party of the agreement")
        try:
            self.grant.verify()
            self.record.verify_own()
        except CoterieError as error:
            raise DEPOSIT_REFUSED(error.detail) from error
        if (self.grant.owner, self.record.owner) != (self.owner, self.owner):
            raise DEPOSIT_REFUSED("grant or record are somebody else's")
        if not self.logged.head.signed_with(self.owner.key):
            raise DEPOSIT_REFUSED(f"'{self.owner.name}' did not sign the head of its ledger")

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.binding.provider != self.owner.name:
            raise ValueError("binding: it is another provider's")
        if self.grant.agreement != self.agreement.id:
            raise ValueError("grant: it is under another agreement")
        if (self.grant.record, self.grant.dataset) != (self.record.digest, self.record.dataset):
            raise ValueError("grant: it is for other data")
        if (self.logged.owner, self.logged.grant) != (self.owner.name, self.grant.digest):
            raise ValueError("logged: it is another grant")
        if self.logged.head.party != self.owner.name or self.logged.entry > self.logged.head.seq:
            raise ValueError("logged: the entry is behind the head, or the head is somebody else's")
        if not self.created < self.expires <= self.grant.expires:
            raise ValueError("expires: it is not between created and the grant's end")
        return self
