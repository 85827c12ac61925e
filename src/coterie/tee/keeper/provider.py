"""A provider and its deposits: who keeps the key, what it may be released for, and what has come of it.

Nothing is deposited that the provider's own ledger does not say first; and a grant that is deposited is used
up at home, so that its runs are counted in one place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path
from typing import Protocol

from coterie.agreement import Agreement, standing
from coterie.crypto import Identity, PublicIdentity, random_key, timestamp
from coterie.crypto import now as clock
from coterie.errors import PeerMisbehaved
from coterie.ledger import Entry, Mirror
from coterie.tee.container.record import DatasetRecord
from coterie.tee.documents.derive import require_tee
from coterie.tee.documents.grant import Grant
from coterie.tee.evidence.appraise import appraise
from coterie.tee.evidence.model import Assurance, Claims
from coterie.tee.evidence.nonces import LIFETIME, NonceBook
from coterie.tee.evidence.reference import ReferenceValues
from coterie.tee.keeper.deposit import Deposit, PinnedRoots
from coterie.tee.keeper.documents import (
    LAUNCHED_FOR,
    Collect,
    Collected,
    KeeperChallenge,
    KeeperOffer,
    KeeperStatement,
    Withdrawal,
)
from coterie.tee.keeper.errors import DEPOSIT_REFUSED, OFFER_REFUSED, STATEMENT_REFUSED
from coterie.tee.release.counters import deposited
from coterie.tee.release.errors import RUNS_SPENT
from coterie.tee.release.releaser import Releaser, ReleaserNode, log_grant, roots_for

_SUBJECT = "a deposit"


class Marks(Protocol):
    """What the provider remembers of endorsements; :class:`coterie.tee.EndorsementStore` does."""

    def marks(self) -> Mapping[str, int]:
        """The highest numbers seen."""
        ...


class Depositor:
    """Makes deposits at a provider's node. Safe from several threads."""

    def __init__(
        self,
        releaser: Releaser,
        identity: Identity,
        marks: Marks,
        keepers: ReferenceValues,
        *,
        now: Callable[[], datetime] = clock,
    ) -> None:
        """:param releaser: the node's: a keeper goes by its roots and its reference values.
        :param keepers: the code that may keep keys, and what its platform must be. It must also be what
            the agreement asks of platforms.
        """
        self._releaser, self._identity, self._marks = releaser, identity, marks
        self._keepers, self._now = keepers, now
        self._nonces = NonceBook()

    def challenge(self, assurance: Assurance) -> KeeperChallenge:
        """A nonce for a keeper: good once, for 300 seconds. Errors: CT-2246."""
        now = self._now()
        return KeeperChallenge(
            provider=self._identity.name,
            nonce=self._nonces.issue(_SUBJECT, now).hex(),
            assurance=assurance,
            expires=timestamp(now + LIFETIME - timedelta(seconds=1)),
        )

    def deposit(self, offer: KeeperOffer, grant: Grant, record: DatasetRecord, expires: datetime) -> Deposit:
        """The data key of ``record`` for the keeper that made the offer, for jobs that ``grant`` allows.

        The deposit is in the ledger, and the grant's runs are spent here, before this returns.

        :param grant: the own one, of which no run is used; all its runs are the keeper's then.
        :param expires: when the keeper wipes the key; at the grant's end at the latest.

        Errors: CT-2245 (nonce), CT-2332 (bound otherwise), CT-2240 and the others of evidence; CT-16xx where
        the agreement does not stand; CT-2280 for a grant with fewer runs than it says; CT-2326, CT-2327;
        CT-2209, CT-2211; CT-1303 where it cannot be logged.
        """
        with self._releaser.alone() as node:
            now = self._now()
            self._nonces.spend(bytes.fromhex(offer.binding.nonce), _SUBJECT, now)
            agreement, revocations = node.agreements.find(grant.agreement)
            agreement.verify()
            told = tuple(revocations)
            standing(agreement.terms, now=now, revocations=told).require()
            claims, endorsements = self._appraised(node, offer, grant, agreement, now)
            if _is_used(node, grant.digest):
                raise RUNS_SPENT("it was used here, or deposited before")
            key = node.keys.key(record.preamble)
            secret = None if node.secrets is None else node.secrets.secret(agreement)
            fields = {
                "binding": offer.binding,
                "agreement": agreement,
                "revocations": told,
                "grant": grant,
                "logged": log_grant(node, grant, None),
                "record": record,
                "reference": self._releaser.reference,
                "roots": PinnedRoots.of(self._releaser.roots),
                "marks": dict(self._marks.marks()),
                "created": timestamp(now),
                "expires": min(timestamp(expires), grant.expires),
            }
            made = Deposit.make(self._identity, fields, key, secret)
            made.check()
            _log(node, made, offer, claims, endorsements)
            return made

    def withdraw(self, deposit: str) -> Withdrawal:
        """The word that ends a deposit, signed: logged before it is given out.

        :param deposit: the key of its log.
        """
        created = timestamp(self._now())
        made = Withdrawal.sign(self._identity, {"deposit": deposit, "created": created})
        with self._releaser.alone() as node:
            node.log.append("revocation", {"what": "deposit", "keeper": deposit, "withdrawn": created})
        return made

    def _appraised(
        self, node: ReleaserNode, offer: KeeperOffer, grant: Grant, agreement: Agreement, now: datetime
    ) -> tuple[Claims, str]:
        binding = offer.binding
        if grant.owner.name != self._identity.name or grant.owner.key != self._identity.public.key:
            raise DEPOSIT_REFUSED("the grant is somebody else's")
        if binding.provider != self._identity.name:
            raise OFFER_REFUSED(f"it is for '{binding.provider}'")
        # A key that is granted to hardware alone is not left with a machine that only pretends.
        if not binding.assurance == offer.evidence.assurance == grant.assurance:
            raise OFFER_REFUSED(f"the evidence is {offer.evidence.assurance}, the grant {grant.assurance}")
        tee = require_tee(agreement.terms)
        roots = roots_for(self._releaser.roots, agreement, binding.assurance)
        claims, archived = node.endorsements.verify(offer.evidence, offer.endorsements, now, roots)
        data = binding.report_data()
        appraise(claims, self._keepers, tee.platform, report_data=data, job=LAUNCHED_FOR).require()
        return claims, archived


def _is_used(node: ReleaserNode, grant: str) -> bool:
    """Whether a run of a grant was released or deposited, by either memory of it."""
    entries = chain(node.log.entries("release"), node.log.entries("deposit"))
    return node.counters.spent(grant).runs > 0 or any(entry.body.get("grant") == grant for entry in entries)


def _log(node: ReleaserNode, made: Deposit, offer: KeeperOffer, claims: Claims, endorsements: str) -> None:
    entry = node.log.append(
        "deposit",
        {
            "keeper": made.binding.log_pk,
            "grant": made.grant.digest,
            "dataset": made.grant.dataset,
            "agreement": made.agreement.id,
            "runs": made.grant.max_runs,
            "expires": made.expires,
            "document": node.archive.put(made.to_bytes()),
            "binding": made.binding.model_dump(mode="json"),
            "evidence": node.archive.put(offer.evidence.to_bytes()),
            "body": claims.body,
            "platform": claims.type,
            "endorsements": endorsements,
            "deposited": made.created,
        },
    )
    node.counters.keep(deposited(entry))


class Collection:
    """What a provider knows of one deposit's log: a copy of its own, which the host cannot shorten."""

    def __init__(self, folder: Path, log: PublicIdentity) -> None:
        """:param folder: of the copy; ``coterie audit verify`` reads it.
        :param log: of the offer that was deposited with.

        Errors: CT-1302, CT-1305, CT-1120, CT-1121.
        """
        self._log = log
        self._mirror = Mirror(folder, log)

    @classmethod
    def of(cls, folder: Path) -> Collection:
        """Go on with a copy that is there. Errors: CT-1302, CT-1305, CT-1120, CT-1121."""
        return cls(folder, Mirror.party_of(folder))

    def collect(self, ask: Callable[[Collect], Collected], *, nonce: str | None = None) -> KeeperStatement:
        """Ask for everything new, until the copy is as long as the keeper says that the log is now.

        :param ask: the way to the keeper, through its host.
        :param nonce: of a question that was asked already; None for fresh ones.

        Gives the keeper's last word. Errors: CT-2334 for what was kept back or changed; those of ``ask``.
        """
        fresh: list[Entry] = []
        while True:
            after = self._mirror.seq + len(fresh)
            question = Collect(deposit=self._log.key, nonce=nonce or random_key().hex(), after=after)
            answer = ask(question)
            statement = answer.statement
            self._check(question, statement)
            fresh += answer.entries
            if self._mirror.seq + len(fresh) >= statement.head.seq:
                break
            if not answer.entries:
                raise STATEMENT_REFUSED(f"entries {after + 1} to {statement.head.seq} do not come")
        try:
            self._mirror.add(fresh, statement.head)
        except PeerMisbehaved as error:
            raise STATEMENT_REFUSED(error.detail) from error
        return statement

    def question(self) -> Collect:
        """What to ask the keeper for everything that is not here yet, where the answer comes as a file."""
        return Collect(deposit=self._log.key, nonce=random_key().hex(), after=self._mirror.seq)

    def take(self, question: Collect, answer: Collected) -> KeeperStatement:
        """The keeper's answer to a :meth:`question`, with all entries in it. Errors: as :meth:`collect`."""

        def once(asked: Collect) -> Collected:
            if asked.after != question.after:
                raise STATEMENT_REFUSED("the answer does not have all entries of the log after those here")
            return answer

        return self.collect(once, nonce=question.nonce)

    def _check(self, question: Collect, statement: KeeperStatement) -> None:
        if statement.nonce != question.nonce:
            raise STATEMENT_REFUSED("the answer is to another question")
        try:
            statement.verify(self._log.key)
        except PeerMisbehaved as error:
            raise STATEMENT_REFUSED("the keeper did not sign it") from error
