"""Attested jobs at this node: where its workers find their part, and the releaser of its keys."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable
from pathlib import Path

from coterie.agreement import Agreement, Revocation
from coterie.crypto import canonical, now
from coterie.errors import CoterieError
from coterie.jobs import (
    Artefacts,
    Deposits,
    HostPlaces,
    Places,
    Plan,
    Proposal,
    ReleaserQuestion,
    manifest_of,
)
from coterie.tee import (
    Case,
    Checkpoint,
    EndorsementStore,
    FileCounters,
    Grant,
    JobManifest,
    KeyStore,
    LoggedGrant,
    ReferenceValues,
    Releaser,
    ReleaseRequest,
    ReleaserNode,
    Roots,
    grant_for,
)

from .agreements import Agreements
from .core import Core
from .errors import AGREEMENT_UNKNOWN, NOT_PARTICIPANT
from .jobbook import JobBook
from .planning import Planning
from .sealings import Sealings

__all__ = ["Attested"]


class Known:
    """What the releaser may know of agreements: a copy from before it was asked, as it works in threads."""

    def __init__(self) -> None:
        self._agreements: dict[str, tuple[Agreement, tuple[Revocation, ...], bytes]] = {}

    def refresh(self, agreement: Agreement, revocations: tuple[Revocation, ...], id_key: bytes) -> None:
        """As it is now."""
        self._agreements[agreement.id] = (agreement, revocations, id_key)

    def find(self, agreement: str) -> tuple[Agreement, Iterable[Revocation]]:
        """:raises CoterieError: CT-5040."""
        found = self._agreements.get(agreement)
        if found is None:
            raise AGREEMENT_UNKNOWN(agreement)
        return found[0], found[1]

    def secret(self, agreement: Agreement) -> bytes:
        """The key of the id hashes."""
        return self._agreements[agreement.id][2]


class Attested:
    """This party's part in jobs of engine tee."""

    def __init__(
        self, core: Core, agreements: Agreements, planning: Planning, book: JobBook, sealings: Sealings
    ) -> None:
        self._core, self._agreements, self._planning = core, agreements, planning
        self._book, self._sealings = book, sealings
        self._known = Known()
        self._making = threading.Lock()
        self._releaser: Releaser | None = None
        self._logged: dict[str, tuple[Grant, LoggedGrant]] = {}
        """By job: a job has one grant, however often its worker asks."""
        self.kept = Deposits(core.home.tee / "keeper", core.home.tee / "sealed")
        """At a host: what was deposited with its key keeper."""

    def places(self, proposal: Proposal, agreement: Agreement) -> Places:
        """Where a worker finds this party's part of a job."""
        home = self._core.home
        own = proposal.spec.datasets.get(self._core.name)
        tee = agreement.terms.tee
        hosts = tee is not None and tee.host == self._core.name
        settings = home.settings.tee
        return Places(
            profile=home.settings.profile,
            sealed=None if own is None else self._sealings.container(agreement.id, own),
            host=HostPlaces(
                agreement=agreement,
                image=home.images,
                release=settings.release,
                simulated=home.tee / "simulated",
                store=home.tee / "sealed",
                keeper=home.tee / "keeper",
                platform=settings.platform,
                runs=settings.runs,
                memory=settings.memory,
                seconds=settings.seconds,
                upload=settings.upload,
                endorsements=settings.endorsements,
                machine=settings.machine,
            )
            if hosts
            else None,
        )

    async def ask(self, job: str, question: ReleaserQuestion, parts: tuple[bytes, ...]) -> tuple[bytes, ...]:
        """What a worker asks the releaser, about its own job.

        :raises CoterieError: CT-5054 where this party has no data in it; those of :class:`Releaser`.
        """
        proposal = self._book.proposal(job)
        agreement = self._agreements.get(proposal.agreement)
        if self._core.name not in proposal.sealed:
            raise NOT_PARTICIPANT(f"{self._core.name} has no data in it", party=self._core.name)
        plan = await self._planning.derive(proposal, agreement)
        self._refresh(agreement)
        return await asyncio.to_thread(self._answer, proposal, plan, agreement, question, parts)

    async def releaser_for(self, agreement: Agreement | None) -> Releaser:
        """The releaser, which knows the agreement as it is now. :raises CoterieError: CT-5044, CT-1302."""
        if agreement is not None:
            self._refresh(agreement)
        return await asyncio.to_thread(self._ready)

    async def agreement_revoked(self, agreement: str) -> None:
        """At a host: the keeper wipes what was deposited under it."""
        revocations = self._agreements.revocations(agreement)
        await asyncio.to_thread(self.kept.revoke, agreement, revocations)

    def _refresh(self, agreement: Agreement) -> None:
        revocations = self._agreements.revocations(agreement.id)
        self._known.refresh(agreement, revocations, self._agreements.id_key(agreement))

    def _answer(
        self,
        proposal: Proposal,
        plan: Plan,
        agreement: Agreement,
        question: ReleaserQuestion,
        parts: tuple[bytes, ...],
    ) -> tuple[bytes, ...]:
        manifest = manifest_of(proposal, plan, agreement.terms)
        releaser = self._ready()
        if question == "grant":
            grant, logged = self._grant(releaser, proposal, manifest, agreement)
            return grant.to_bytes(), canonical(logged)
        if question == "admit":
            checkpoint, *grants = parts
            given = tuple(Grant.parse(part) for part in grants)
            records = tuple(proposal.sealed[owner] for owner in manifest.owners)
            releaser.admit(Case(manifest, given, records, Checkpoint.parse(checkpoint)))
            return ()
        if question == "challenge":
            return (releaser.challenge(manifest.digest).to_bytes(),)
        (request,) = (ReleaseRequest.parse(part) for part in parts)
        return (releaser.release(request).to_bytes(),)

    def _grant(
        self, releaser: Releaser, proposal: Proposal, manifest: JobManifest, agreement: Agreement
    ) -> tuple[Grant, LoggedGrant]:
        if proposal.job not in self._logged:
            record = proposal.sealed[self._core.name]
            grant = grant_for(agreement.terms, manifest, record, self._core.identity, now=now())
            self._logged[proposal.job] = (grant, releaser.log_grant(grant, proposal.job))
        return self._logged[proposal.job]

    def _ready(self) -> Releaser:
        """The releaser, made when it is first asked: it reads the whole ledger."""
        with self._making:
            if self._releaser is None:
                self._releaser = self._made()
            return self._releaser

    def _made(self) -> Releaser:
        home = self._core.home
        settings = home.settings
        node = ReleaserNode(
            name=self._core.name,
            log=self._core.ledger,
            counters=FileCounters(_folder(home.tee / "counters")),
            agreements=self._known,
            endorsements=EndorsementStore(home.tee / "endorsements"),
            keys=KeyStore(home.keys),
            archive=Artefacts(home.tee / "archive"),
            secrets=self._known,
        )
        reference = None if settings.reference is None else ReferenceValues.load(settings.reference)
        return Releaser(node, Roots(profile=settings.profile), reference=reference)

    async def forget(self, job: str) -> None:
        """A job is over: nothing more is released for it."""
        if self._releaser is None or job not in self._logged:
            return
        try:
            proposal = self._book.proposal(job)
            agreement = self._agreements.get(proposal.agreement)
            plan = await self._planning.derive(proposal, agreement)
            self._releaser.withdraw(manifest_of(proposal, plan, agreement.terms).digest)
        except CoterieError:
            pass  # what cannot be planned any more cannot be admitted either
        self._logged.pop(job, None)


def _folder(path: Path) -> Path:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path
