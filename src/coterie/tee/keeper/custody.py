"""One deposit at a keeper, from the offer to its end: the provider's releaser while the provider is offline.

It is the releaser of a provider's node, with everything that this takes from the node put in memory: the
same checks, by the same code. Log and archive go to the host, who has to say that it has stored them before
a key is given out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple, Protocol, TypeVar

from coterie.agreement import Agreement, Revocation, standing
from coterie.crypto import Identity, canonical, digest, parse_timestamp, timestamp
from coterie.errors import CoterieError
from coterie.ledger import Entry, MemoryLedger, SignedHead
from coterie.tee.container.header import Preamble
from coterie.tee.container.schedule import Schedule
from coterie.tee.container.wrapping import RunnerKey
from coterie.tee.documents.exchange import MESSAGE_LIMIT, Challenge, LoggedGrant, Release, ReleaseRequest
from coterie.tee.evidence.binding import reported
from coterie.tee.evidence.model import Claims, Endorsements, Evidence
from coterie.tee.evidence.roots import Roots
from coterie.tee.evidence.store import EndorsementStore
from coterie.tee.evidence.verify import state
from coterie.tee.keeper.clock import HeldClock
from coterie.tee.keeper.deposit import Deposit
from coterie.tee.keeper.documents import (
    NAME,
    Collect,
    Collected,
    KeeperBinding,
    KeeperChallenge,
    KeeperOffer,
    KeeperStatement,
    Withdrawal,
)
from coterie.tee.keeper.errors import (
    DEPOSIT_ENDED,
    DEPOSIT_REFUSED,
    NO_DEPOSIT,
    NOT_STORED,
    OFFER_REFUSED,
    OTHER_AGREEMENT,
)
from coterie.tee.release.case import Case
from coterie.tee.release.counters import MemoryCounters
from coterie.tee.release.releaser import Releaser, ReleaserNode
from coterie.tee.runner.inputs import overwrite

R = TypeVar("R")
_ROOM: Final = 1024 * 1024
"""Bytes of a message beside the entries in it."""


class Host(Protocol):
    """What a keeper needs of its host. Nothing of it is believed."""

    def quote(self, report_data: bytes) -> tuple[Evidence, Endorsements | None]:
        """Evidence of this process, and what the host has of the vendor's."""
        ...

    def store(self, log: Identity, entry: Entry, head: SignedHead) -> None:
        """Returns when the host has said that the entry is on its disk. Errors: CT-2331."""
        ...

    def archive(self, content: bytes) -> None:
        """As :meth:`store`, for a document that entries name by its digest."""
        ...


class _Kept(NamedTuple):
    """What a deposit holds while it lasts."""

    deposit: Deposit
    roots: Roots
    expires: datetime
    key: bytes
    secret: bytes | None


@dataclass(frozen=True)
class _Parts:
    """A deposit as the parts of a node that a releaser asks."""

    live: Callable[[], _Kept]
    archived: Callable[[bytes], str]

    def find(self, agreement: str) -> tuple[Agreement, Iterable[Revocation]]:
        """As :class:`coterie.tee.release.releaser.Agreements` does. Errors: CT-2329, CT-2330."""
        deposit = self.live().deposit
        if agreement != deposit.agreement.id:
            raise OTHER_AGREEMENT(f"{deposit.agreement.id} is deposited for")
        return deposit.agreement, deposit.revocations

    def key(self, preamble: Preamble) -> bytes:
        """As :class:`coterie.tee.release.releaser.Keys` does. Errors: CT-2329, CT-2330."""
        kept = self.live()
        if preamble != kept.deposit.record.preamble:
            raise OTHER_AGREEMENT(f"{kept.deposit.record.dataset}, in one sealing, is what was deposited")
        return kept.key

    def secret(self, agreement: Agreement) -> bytes:
        """As :class:`coterie.tee.release.releaser.Secrets` does. Errors: CT-2329, CT-2330."""
        kept = self.live()
        if kept.secret is None or agreement.id != kept.deposit.agreement.id:
            raise OTHER_AGREEMENT("no secret was deposited for it")
        return kept.secret

    def has(self, logged: LoggedGrant) -> bool:
        """As :class:`coterie.tee.release.releaser.LoggedGrants` does."""
        return logged == self.live().deposit.logged

    def put(self, content: bytes) -> str:
        """As :class:`coterie.tee.release.releaser.Archive` does. Errors: CT-2331."""
        return self.archived(content)


class _Remembering(NamedTuple):
    """The marks of endorsements are in memory, and what was seen goes to the host's archive too."""

    store: EndorsementStore
    archived: Callable[[bytes], str]

    def verify(
        self, evidence: Evidence, endorsements: Endorsements | None, now: datetime, roots: Roots
    ) -> tuple[Claims, str]:
        """As :meth:`EndorsementStore.verify`. Errors: its own, CT-2331."""
        claims, name = self.store.verify(evidence, endorsements, now, roots)
        self.archived(self.store.archived(name).to_bytes())
        return claims, name


class Custody:
    """One deposit. Used by one thread."""

    def __init__(
        self,
        challenge: KeeperChallenge,
        host: Host,
        folder: Path,
        clock: Callable[[], HeldClock] = HeldClock,
    ) -> None:
        """Fresh keys for one deposit of the provider who challenges.

        :param folder: in memory, for what is remembered of endorsements; it is made here.
        """
        self._host, self._folder, self._clock = host, folder, clock()
        key = RunnerKey.generate()
        self._key: RunnerKey | None = key
        """Gone once it has opened a deposit: who later sees this memory and that deposit has no key."""
        self._identity = Identity.in_memory(NAME)
        self._binding = KeeperBinding(
            nonce=challenge.nonce,
            provider=challenge.provider,
            hpke_pk=key.public.hex(),
            log_pk=self._identity.public.key,
            assurance=challenge.assurance,
        )
        self._log = MemoryLedger(self._identity, self._store, self._clock)
        self._counters = MemoryCounters()
        self._kept: _Kept | None = None
        self._releaser: Releaser | None = None
        self._ended: str | None = None
        self._end_logged = True

    @property
    def name(self) -> str:
        """How messages name the deposit: the key of its log."""
        return self._binding.log_pk

    @property
    def holds(self) -> bool:
        """Whether a key is here."""
        return self._kept is not None

    @property
    def ended(self) -> bool:
        """Whether a key was here."""
        return self._ended is not None

    def offer(self) -> KeeperOffer:
        """Evidence over the challenge. Errors: CT-2332, and the platform's."""
        asked = self._binding.report_data()
        evidence, endorsements = self._host.quote(asked)
        carried = state(evidence).report_data
        if evidence.assurance != self._binding.assurance or carried != reported(evidence.type, asked).hex():
            raise OFFER_REFUSED("the platform's evidence is not what was asked for")
        return KeeperOffer(
            binding=self._binding,
            log=self._identity.public,
            evidence=evidence,
            endorsements=endorsements,
        )

    def accept(self, deposit: Deposit) -> KeeperStatement:
        """Keep the key, once: it is the first entry of the log that it is here. Gives the keeper's word.

        Errors: CT-2327, CT-2329; those of :meth:`Deposit.check`; CT-2211 for keys of another keeper or
        deposit; CT-2204; CT-2233, CT-2235; CT-16xx where the agreement does not stand; CT-2331.
        """
        if self._key is None:
            raise DEPOSIT_REFUSED("there was one already under this offer")
        if deposit.binding != self._binding:
            raise DEPOSIT_REFUSED("it is for another keeper, or for another offer of this one")
        deposit.check()
        created, expires = parse_timestamp(deposit.created), parse_timestamp(deposit.expires)
        # The provider has signed that it is so late: a host that says otherwise is wrong.
        self._clock.not_before(created)
        moment = self._clock()
        if moment >= expires:
            raise DEPOSIT_ENDED(f"at {deposit.expires}")
        standing(deposit.agreement.terms, now=moment, revocations=deposit.revocations).require()
        roots = deposit.roots.roots()
        key, secret = deposit.open(self._key)
        try:
            self._accept(deposit, key)
        except BaseException:
            overwrite(key)
            overwrite(secret or b"")
            raise
        self._kept, self._key = _Kept(deposit, roots, expires, key, secret), None
        return self._statement(deposit.binding.nonce)

    def _accept(self, deposit: Deposit, key: bytes) -> None:
        Schedule.matching(key, deposit.record.preamble)
        EndorsementStore(self._folder).raise_marks(deposit.marks)
        self._log.append("grant", {**_told(deposit), "document": self._archived(deposit.to_bytes())})

    def admit(self, case: Case) -> str:
        """As :meth:`Releaser.admit`. Errors: its own; CT-2328 to CT-2331."""
        return self._released(lambda releaser: releaser.admit(case))

    def challenge(self, job: str) -> Challenge:
        """As :meth:`Releaser.challenge`. Errors: its own; CT-2328 to CT-2331."""
        return self._released(lambda releaser: releaser.challenge(job))

    def release(self, request: ReleaseRequest) -> Release:
        """As :meth:`Releaser.release`. Errors: its own; CT-2328 to CT-2331."""
        return self._released(lambda releaser: releaser.release(request))

    def withdraw(self, withdrawal: Withdrawal) -> None:
        """The provider wants its key no longer kept: it is wiped before this is logged. Errors: CT-2327,
        CT-2328, CT-1101, CT-2331.
        """
        if self._kept is None and self._ended is None:
            raise NO_DEPOSIT("nothing was deposited")
        if self._kept is not None:
            owner = self._kept.deposit.owner
            if withdrawal.deposit != self.name or withdrawal.owner != owner:
                raise DEPOSIT_REFUSED("a withdrawal of another deposit, or by somebody else")
            withdrawal.verify()
            self._end("withdrawn by its provider")
        self._log_end()

    def revoke(self, revocation: Revocation) -> None:
        """A party of the agreement has revoked it: the host brings its word. Errors: CT-1606, CT-2328,
        CT-2329.
        """
        kept = self._holding()
        revocation.verify(kept.deposit.agreement.terms)
        self._end(f"the agreement was revoked by '{revocation.party}'")
        self._log_end()

    def collect(self, question: Collect) -> Collected:
        """What has happened after an entry, and the keeper's word how long the log is now."""
        entries: list[Entry] = []
        room = MESSAGE_LIMIT - _ROOM
        for entry in self._log.entries():
            if entry.seq <= question.after:
                continue
            room -= len(canonical(entry)) + 1
            if room < 0:
                break
            entries.append(entry)
        return Collected(statement=self._statement(question.nonce), entries=tuple(entries))

    def tick(self) -> None:
        """Time passes: what has expired is wiped, asked or not."""
        if self._kept is not None and self._clock() >= self._kept.expires:
            self._end(f"expired at {timestamp(self._kept.expires)}")

    def wipe(self) -> None:
        """No key stays."""
        if self._kept is not None:
            overwrite(self._kept.key)
            overwrite(self._kept.secret or b"")
        self._kept = self._releaser = None

    def _released(self, answer: Callable[[Releaser], R]) -> R:
        kept = self._holding()
        try:
            if self._releaser is None:
                self._releaser = self._begin(kept)
            return answer(self._releaser)
        except CoterieError as error:
            if error.code == NOT_STORED.code:
                # As after a crash: what the log has is spent, and jobs are to be admitted again.
                self._releaser = None
            raise

    def _holding(self) -> _Kept:
        self.tick()
        self._log_end()
        return self._live()

    def _live(self) -> _Kept:
        if self._ended is not None:
            raise DEPOSIT_ENDED(self._ended)
        if self._kept is None:
            raise NO_DEPOSIT("nothing was deposited")
        return self._kept

    def _begin(self, kept: _Kept) -> Releaser:
        parts = _Parts(self._live, self._archived)
        node = ReleaserNode(
            name=kept.deposit.owner.name,
            log=self._log,
            counters=self._counters,
            agreements=parts,
            endorsements=_Remembering(EndorsementStore(self._folder), self._archived),
            keys=parts,
            archive=parts,
            secrets=None if kept.secret is None else parts,
            grants=parts,
        )
        return Releaser(node, kept.roots, reference=kept.deposit.reference, now=self._clock)

    def _end(self, why: str) -> None:
        self.wipe()
        self._ended, self._end_logged = why, False

    def _log_end(self) -> None:
        self._log.flush()
        if self._ended is not None and not self._end_logged:
            self._end_logged = True
            self._log.append("revocation", {"what": "deposit", "reason": str(self._ended)})

    def _statement(self, nonce: str) -> KeeperStatement:
        fields = {"nonce": nonce, "head": self._log.head(), "holds": self.holds}
        return KeeperStatement.sign(self._identity, fields)

    def _store(self, entry: Entry, head: SignedHead) -> None:
        self._host.store(self._identity, entry, head)

    def _archived(self, content: bytes) -> str:
        self._host.archive(content)
        return digest(content)

    def __repr__(self) -> str:
        return f"Custody({self.name[:16]!r})"

    def __reduce__(self) -> str:
        raise TypeError("a custody does not leave its process")


def _told(deposit: Deposit) -> dict[str, object]:
    """What the log says of a deposit."""
    return {
        "deposit": deposit.digest,
        "owner": deposit.owner.name,
        "agreement": deposit.agreement.id,
        "grant": deposit.grant.digest,
        "dataset": deposit.grant.dataset,
        "record": deposit.grant.record,
        "max_runs": deposit.grant.max_runs,
        "expires": deposit.expires,
    }
