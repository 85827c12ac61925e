"""The releaser at an owner's node: the only place from which a data key leaves, and only wrapped.

Before it does: the nonce is the own one and fresh; the evidence is bound to this job, these grants, this
checkpoint, this owner; the agreement stands; every owner grants the job; the own ledger has the own grant;
the platform verifies and passes the grant's policy; a run is left. Then the release is logged, the run is
spent, and the key is given out, in this order, so that a crash between any two costs a run and hides none.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple, Protocol

from coterie.agreement import Agreement, Revocation, standing
from coterie.crypto import canonical, timestamp
from coterie.crypto import now as clock
from coterie.errors import CoterieError
from coterie.ledger import Entry, Kind, SignedHead
from coterie.tee.container.header import Preamble
from coterie.tee.container.wrapping import wrap_for_runner
from coterie.tee.documents.derive import manifest_refusals, require_tee
from coterie.tee.documents.errors import BEYOND_TERMS
from coterie.tee.documents.exchange import (
    SECRET,
    Challenge,
    LoggedGrant,
    Release,
    ReleaseRequest,
    release_info,
    secret_info,
)
from coterie.tee.documents.grant import Grant
from coterie.tee.documents.grants import TOLD
from coterie.tee.documents.limits import Limits
from coterie.tee.evidence.appraise import appraise
from coterie.tee.evidence.binding import ReportBinding
from coterie.tee.evidence.model import Assurance, Claims, Endorsements, Evidence
from coterie.tee.evidence.nonces import LIFETIME, NonceBook
from coterie.tee.evidence.reference import ReferenceValues
from coterie.tee.evidence.roots import Roots
from coterie.tee.release.case import Case
from coterie.tee.release.counters import (
    Allowance,
    Counters,
    Spent,
    allowances,
    deposited,
    in_job,
    later,
    one_more,
)
from coterie.tee.release.errors import (
    CHECKPOINT_REFUSED,
    JOB_NOT_ADMITTED,
    OTHER_RUN,
    TOO_MANY_REFUSALS,
)

MOST_REFUSALS: Final = 64
"""Refusals of a job before it is answered no more: whoever sends nonsense must not fill the ledger."""


class Log(Protocol):
    """The owner's ledger; :class:`coterie.ledger.Ledger` is one."""

    def append(self, kind: Kind, body: Mapping[str, Any]) -> Entry:
        """Write an entry: it is on the disk when this returns."""
        ...

    def entries(self, kind: Kind | None = None, job: str | None = None) -> Iterator[Entry]:
        """The entries so far."""
        ...

    def head(self) -> SignedHead:
        """The present end, signed."""
        ...

    def holds(self, head: SignedHead) -> bool:
        """Whether this ledger once ended with that head, and still has all of it."""
        ...


class Agreements(Protocol):
    """What the node knows of agreements."""

    def find(self, agreement: str) -> tuple[Agreement, Iterable[Revocation]]:
        """An agreement by its id, and the revocations received of it. Raises a coded error for none."""
        ...


class Keys(Protocol):
    """Where data keys lie; :class:`coterie.tee.KeyStore` is one."""

    def key(self, preamble: Preamble) -> bytes:
        """The key of a container. Errors: CT-2209, CT-2210."""
        ...


class Verifying(Protocol):
    """Who verifies evidence, and remembers; :class:`coterie.tee.EndorsementStore` does."""

    def verify(
        self, evidence: Evidence, endorsements: Endorsements | None, now: datetime, roots: Roots
    ) -> tuple[Claims, str]:
        """The claims, and the digest under which the endorsements are archived."""
        ...


class Secrets(Protocol):
    """What jobs under an agreement need beside data."""

    def secret(self, agreement: Agreement) -> bytes:
        """32 bytes that the owners share under the agreement. Raises a coded error where there are none."""
        ...


class Archive(Protocol):
    """What is kept for audits, by its digest."""

    def put(self, content: bytes) -> str:
        """Keep it; gives its ``sha256:`` digest. It is on the disk when this returns."""
        ...


class LoggedGrants(Protocol):
    """Where the owner's grants are logged, if not in the log that releases are written to."""

    def has(self, logged: LoggedGrant) -> bool:
        """Whether the owner's ledger has this grant there, and had that head."""
        ...


class ReleaserNode(NamedTuple):
    """What a releaser uses of its node."""

    name: str
    """The owner's."""
    log: Log
    counters: Counters
    agreements: Agreements
    endorsements: Verifying
    keys: Keys
    archive: Archive
    secrets: Secrets | None = None
    """None where jobs need nothing but data."""
    grants: LoggedGrants | None = None
    """None where ``log`` is the owner's ledger."""


class Releaser:
    """Admits jobs, challenges runners, and releases the owner's keys. Safe from several threads."""

    def __init__(
        self,
        node: ReleaserNode,
        roots: Roots,
        *,
        reference: ReferenceValues | None = None,
        now: Callable[[], datetime] = clock,
    ) -> None:
        """:param reference: what the operator asks of platforms beyond grants, for all jobs.

        Counts the releases that the ledger has: what was logged is spent, though a crash came before the
        counter.

        Errors: CT-1302.
        """
        self._node, self._now = node, now
        self.roots, self.reference = roots, reference
        self._cases: dict[str, Case] = {}
        self._documents: dict[str, list[str]] = {}
        """Where the archive has them, by job."""
        self._refusals: dict[str, int] = {}
        self._nonces = NonceBook()
        self._lock = threading.RLock()
        self._logged: dict[str, Spent] = {}
        for entry in node.log.entries("release"):
            self._count(entry)
        for entry in node.log.entries("deposit"):
            spent = deposited(entry)
            self._logged[spent.counted] = spent

    @contextlib.contextmanager
    def alone(self) -> Iterator[ReleaserNode]:
        """The node, for as long as nothing else is released or counted."""
        with self._lock:
            yield self._node

    def log_grant(self, grant: Grant, job: str) -> LoggedGrant:
        """As :func:`log_grant`, of the own node, for one job."""
        return log_grant(self._node, grant, job)

    def admit(self, case: Case) -> str:
        """Answer for this job from now on. Gives the manifest's digest.

        Errors: CT-16xx where the agreement does not stand; CT-1637, CT-2276 where it does not allow the job;
        CT-2275 without the grants of all; CT-2279.
        """
        with self._lock:
            try:
                self._check(case, self._now())
                self._check_log(case)
            except CoterieError as error:
                self._log_refusal(case.job, error, {"what": "admission", "job": case.manifest.job})
                raise
            documents = (case.manifest, case.checkpoint, *case.grants, *case.records)
            self._documents[case.job] = [self._node.archive.put(canonical(one)) for one in documents]
            self._cases[case.job] = case
            self._refusals.pop(case.job, None)
            return case.job

    def withdraw(self, job: str) -> None:
        """Answer no more for a job, by its manifest's digest; nonces that are out are of no use then."""
        with self._lock:
            self._cases.pop(job, None)

    def challenge(self, job: str) -> Challenge:
        """A nonce for the runner of a job, by its manifest's digest: good once, for 300 seconds.

        Errors: those of :meth:`admit` and CT-2277, CT-2280, CT-2281, CT-2283, CT-2284; CT-2246.
        """
        with self._lock:
            now = self._now()
            try:
                case = self._case(job)
                self._allowances(case, self._check(case, now), now)
                nonce = self._nonces.issue(job, now)
            except CoterieError as error:
                self._refuse(job, error, {"what": "challenge"})
                raise
        expires = timestamp(now + LIFETIME - timedelta(seconds=1))
        return Challenge(provider=self._node.name, job=job, nonce=nonce.hex(), expires=expires)

    def release(self, request: ReleaseRequest) -> Release:
        """The owner's data key for an attested runner, wrapped for it alone. Every refusal is logged with
        its reasons.

        Errors: those of :meth:`challenge`; CT-2245 (nonce), CT-2278 (bound to another run), CT-2240 and the
        others of evidence; CT-2209, CT-2211; CT-1303 where it cannot be logged.
        """
        with self._lock:
            try:
                return self._release(request, self._now())
            except CoterieError as error:
                told = {
                    "what": "release",
                    "nonce": request.binding.nonce,
                    "evidence": request.evidence.digest,
                }
                self._refuse(request.binding.job, error, told)
                raise

    def _release(self, request: ReleaseRequest, now: datetime) -> Release:
        binding = request.binding
        case = self._case(binding.job)
        # It is used up whatever comes of the rest: a nonce that was seen once is no longer fresh.
        self._nonces.spend(bytes.fromhex(binding.nonce), binding.job, now)
        self._check_binding(case, request)
        limits = self._check(case, now)
        grant = case.grant(self._node.name)
        agreement, _ = self._node.agreements.find(case.manifest.agreement)
        claims, endorsements = self._node.endorsements.verify(
            request.evidence,
            request.endorsements,
            now,
            roots_for(self.roots, agreement, case.manifest.assurance),
        )
        self._appraise(case, limits, claims, binding)
        allowed = self._allowances(case, limits, now)
        # Made before anything is spent, because it can fail; given out after.
        key = self._node.keys.key(case.record(self._node.name).preamble)
        runner, named = bytes.fromhex(binding.hpke_pk), (grant.digest, case.job, binding.nonce)
        wrapped = wrap_for_runner(key, runner, release_info(binding.assurance, *named))
        secret: bytes | None = None
        if self._node.secrets is not None:
            info = secret_info(release_info(binding.assurance, *named, SECRET), key)
            secret = wrap_for_runner(self._node.secrets.secret(agreement), runner, info)
        evidence = self._node.archive.put(request.evidence.to_bytes())
        self._node.log.append(
            "release",
            {
                "job": case.manifest.job,
                "grant": grant.digest,
                "dataset": grant.dataset,
                "run": self._spent(grant.digest).runs + 1,
                "documents": self._documents[case.job],
                "binding": binding.model_dump(mode="json"),
                "evidence": evidence,
                "body": claims.body,
                "platform": claims.type,
                "endorsements": endorsements,
                "released": timestamp(now),
            },
        )
        for one in allowed:
            self._logged[one.counted] = one_more(self._spent(one.counted), timestamp(now))
        for one in allowed:
            self._node.counters.keep(self._logged[one.counted])
        return Release(
            provider=self._node.name,
            job=case.job,
            grant=grant.digest,
            nonce=binding.nonce,
            wrapped=wrapped,
            secret=secret,
        )

    def _case(self, job: str) -> Case:
        if self._refusals.get(job, 0) >= MOST_REFUSALS:
            raise TOO_MANY_REFUSALS(f"{MOST_REFUSALS} of them")
        case = self._cases.get(job)
        if case is None:
            raise JOB_NOT_ADMITTED(job)
        return case

    def _check(self, case: Case, now: datetime) -> Limits:
        """All that does not depend on evidence. It is checked again each time: agreements end."""
        agreement, revocations = self._node.agreements.find(case.manifest.agreement)
        agreement.verify()
        standing(agreement.terms, now=now, revocations=revocations).require()
        if reasons := list(manifest_refusals(agreement.terms, case.manifest)):
            raise BEYOND_TERMS("; ".join(reasons[:TOLD]))
        limits = case.check(timestamp(now))
        if case.manifest.dataset(self._node.name) is None:
            raise JOB_NOT_ADMITTED(f"it uses no data of '{self._node.name}'")
        return limits

    def _check_log(self, case: Case) -> None:
        """The own ledger has the own grant where the checkpoint says. Nothing leaves a ledger again."""
        logged = case.logged(self._node.name)
        if self._node.grants is not None:
            if not self._node.grants.has(logged):
                raise CHECKPOINT_REFUSED(f"'{self._node.name}' has logged its grant elsewhere")
            return
        entries = self._node.log.entries("grant", case.manifest.job)
        there = any((one.seq, one.body.get("grant")) == (logged.entry, logged.grant) for one in entries)
        if not there or not self._node.log.holds(logged.head):
            raise CHECKPOINT_REFUSED(f"the ledger of '{self._node.name}' has no such grant or head")

    def _check_binding(self, case: Case, request: ReleaseRequest) -> None:
        given = request.binding
        expected = case.binding(
            provider=self._node.name,
            nonce=given.nonce,
            hpke_pk=given.hpke_pk,
            receipt_pk=given.receipt_pk,
        )
        names = ReportBinding.model_fields
        fields = [name for name in names if getattr(given, name) != getattr(expected, name)]
        if request.evidence.assurance != expected.assurance:
            fields.append(f"assurance of the evidence ({request.evidence.assurance})")
        if fields:
            raise OTHER_RUN(", ".join(fields))

    def _appraise(self, case: Case, limits: Limits, claims: Claims, binding: ReportBinding) -> None:
        # Each grant has the job's measurements; what another owner refuses must not cost a run here.
        granted = ReferenceValues(
            version="coterie/reference/v1",
            measurements=case.manifest.measurements,
            platform=limits.platform,
        )
        data, job = binding.report_data(), case.manifest.digest_bytes
        for reference in (granted, self.reference):
            if reference is not None:
                appraise(claims, reference, report_data=data, job=job).require()

    def _allowances(self, case: Case, limits: Limits, now: datetime) -> tuple[Allowance, ...]:
        """A run is left by the own grant, and by all of them together. Errors: CT-2280 to CT-2283."""
        found = allowances(case.grant(self._node.name), case.job, limits)
        for one in found:
            one.check(self._spent(one.counted), now)
        return found

    def _spent(self, counted: str) -> Spent:
        kept = self._node.counters.spent(counted)
        return later(kept, self._logged[counted]) if counted in self._logged else kept

    def _count(self, entry: Entry) -> None:
        """Count a release that the ledger had at the start."""
        grant, binding = str(entry.body.get("grant")), entry.body.get("binding")
        job = str(binding.get("job")) if isinstance(binding, dict) else ""
        for counted in (grant, in_job(grant, job)):
            before = self._logged.get(counted) or Spent(counted=counted, runs=0, last=None)
            self._logged[counted] = one_more(before, str(entry.body.get("released")))

    def _refuse(self, job: str, error: CoterieError, told: Mapping[str, str]) -> None:
        case = self._cases.get(job)
        counted = job if case is not None else ""
        self._refusals[counted] = self._refusals.get(counted, 0) + 1
        if self._refusals[counted] > MOST_REFUSALS:
            return
        if case is not None:
            own = {"job": case.manifest.job, "grant": case.grant(self._node.name).digest}
            told = {**told, **own}
        self._log_refusal(job, error, told)

    def _log_refusal(self, job: str, error: CoterieError, told: Mapping[str, str]) -> None:
        reason = f"{error.title}: {error.detail}"[:2000]
        self._node.log.append("refusal", {**told, "manifest": job, "code": error.code, "reason": reason})


def roots_for(roots: Roots, agreement: Agreement, assurance: Assurance) -> Roots:
    """The node's roots, and whose simulation the agreement counts. Errors: CT-2233 where the node counts
    none, CT-1637.
    """
    tee = require_tee(agreement.terms)
    if assurance != "simulated" or not tee.simulated_roots:
        return roots
    return roots.with_simulated(tee.simulated_roots)


def log_grant(node: ReleaserNode, grant: Grant, job: str | None) -> LoggedGrant:
    """Write the node's own grant to its ledger, and sign that it is there: for the checkpoints of runs.

    :param job: the job's id; None for a grant that is deposited, for all jobs that it allows.
    """
    body = {
        "grant": grant.digest,
        "document": node.archive.put(grant.to_bytes()),
        "dataset": grant.dataset,
        "record": grant.record,
        "manifest": grant.manifest,
        "agreement": grant.agreement,
        "expires": grant.expires,
        "max_runs": grant.max_runs,
    }
    entry = node.log.append("grant", body if job is None else {"job": job, **body})
    return LoggedGrant(owner=node.name, grant=grant.digest, entry=entry.seq, head=node.log.head())
