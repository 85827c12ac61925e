"""A job of engine tee at one participant: sealed data up, keys to the runner, sealed results back."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from coterie.crypto import CANNOT_READ, atomic_write, now
from coterie.jobs.accounts import Accounts
from coterie.jobs.assignment import Assignment, Host, HostPlaces, Places
from coterie.jobs.attested.host import Owners, receive_container, run_here
from coterie.jobs.attested.kept import Deposits, Kept
from coterie.jobs.attested.manifest import manifest_of
from coterie.jobs.attested.owner import Here, Question, There, answer_host, send_container
from coterie.jobs.attested.record import CheckedRun, RunRecord, check_run
from coterie.jobs.attested.runner import PublicFacts
from coterie.jobs.attested.sealed import MESSAGE, RECORD, RELEASE, RESULTS, UPLOAD, WRAPPED
from coterie.jobs.errors import RESULT_DIFFERS, RUN_RECORD_INVALID, SEALED_MISSING
from coterie.jobs.journal import Journal
from coterie.jobs.plan import derive_plan
from coterie.jobs.results import Results
from coterie.tee import (
    AttestedRun,
    Case,
    Checkpoint,
    Deposit,
    Grant,
    KeptKey,
    LoggedGrant,
    ReceiptOutput,
    ReleaseRequest,
    Roots,
    open_in_memory,
    purpose,
    read_preamble,
    sealed_at_most,
)
from coterie.wire import Mesh

RECORD_FILE: Final = "run/record.json"
"""The name under which a node keeps the record of a run, among the results."""


class AttestedJob:
    """One job at this participant, which may be owner, host and receiver at once."""

    def __init__(self, assignment: Assignment, mesh: Mesh, host: Host) -> None:
        assert assignment.places is not None, "the node knows the engine"
        self._job, self._mesh, self._host = assignment, mesh, host
        self._me = assignment.me
        self._places: Places = assignment.places
        self._plan = derive_plan(assignment.proposal, assignment.terms)
        self._manifest = manifest_of(assignment.proposal, self._plan, assignment.terms)
        self._journal = Journal(assignment.directory / "journal.jsonl")
        self._accounts = Accounts(self._plan.job, self._me, mesh, host, self._journal)
        self._results = Results(self._plan.job, assignment.directory, host)
        # A grant says what the agreement, the facts and the plan say: as the plan has bounded it.
        self._grant_bytes = max(sum(to.values()) for to in self._plan.transfer(RELEASE).sent.values())

    @property
    def step(self) -> str | None:
        """The present one."""
        return self._accounts.step

    def all_stages(self) -> None:
        """Everything. Errors: those of the parts; each ends the job for everybody."""
        self._journal.append("start", plan=self._plan.digest, attempt=self._job.attempt)
        if self._places.host is not None:
            self._as_host(self._places.host)
        else:
            self._as_guest()
        self._journal.append("done")

    # -- at an owner or receiver

    def _as_guest(self) -> None:
        """Not the host: an owner, a receiver, or both."""
        channel = self._mesh.to(self._manifest.host)
        owns = self._me in self._manifest.owners
        released: ReleaseRequest | None = None
        with self._accounts.accounted(self._plan.transfer(UPLOAD)):
            if owns:
                say = self._say(UPLOAD, "sending the sealed data")
                send_container(channel, self._container, self._job.proposal.sealed[self._me], say)
        self._write_reveals()
        with self._accounts.accounted(self._plan.transfer(RELEASE)):
            if owns:
                self._host.progress(RELEASE, 0, 1, "answering the attested runner")
                count = len(self._manifest.owners)
                released = answer_host(channel, self._host, count, self._grant_bytes)
        with self._accounts.accounted(self._plan.transfer(RESULTS)):
            self._host.progress(RESULTS, 0, 1, "checking the record of the run")
            record = RunRecord.parse(channel.recv_bytes("record", RECORD))
            checked = self._check(record, released)
            for output in record.receipt.outputs:
                if self._me in output.receivers:
                    wrapped = channel.recv_bytes("wrapped", WRAPPED)
                    content = channel.recv_bytes("sealed", sealed_at_most(output.size, 1))
                    self._open(output, wrapped, content)
            self._keep(checked)

    @property
    def _container(self) -> Path:
        if self._places.sealed is None:
            raise SEALED_MISSING(f"'{self._me}'", party=self._me)
        return self._places.sealed

    def _check(self, record: RunRecord, released: ReleaseRequest | None) -> CheckedRun:
        """The record is of this job, and holds. Errors: as :func:`check_run`; CT-4034."""
        host = self._manifest.host
        if (record.proposal, record.agreement.terms) != (self._job.proposal, self._job.terms):
            raise RUN_RECORD_INVALID("it is of another job", party=host)
        owns = self._me in self._manifest.owners and self._me != host
        if owns and record.requests.get(self._me) != released:
            raise RUN_RECORD_INVALID(
                "the evidence in it is not what the own key was released for", party=host
            )
        return check_run(record, Roots(profile=self._places.profile), now())

    def _open(self, output: ReceiptOutput, wrapped: bytes, content: bytes | memoryview) -> None:
        """Open a result and publish it. Errors: CT-4036, CT-2201 to CT-2204, CT-2211."""
        preamble = read_preamble(io.BytesIO(content))
        told = (preamble.header.file_id.hex(), preamble.commitment.hex(), preamble.header.dataset)
        if told != (output.file, output.commitment, output.name):
            raise RESULT_DIFFERS(output.name, party=self._manifest.host)
        key = self._host.unwrap(wrapped, purpose(preamble))
        root = bytes.fromhex(output.root.removeprefix("sha256:"))
        _, plain = open_in_memory(io.BytesIO(content), key, root=root)
        name = output.name.removeprefix(f"{output.step}/")
        self._results.publish(output.step, output.kind, name, bytes(plain))

    def _keep(self, checked: CheckedRun) -> None:
        """The record of the run, in the job's folder and the ledger."""
        record = checked.record
        path = self._job.directory / "results" / RECORD_FILE
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        content = record.to_bytes()
        atomic_write(path, content)
        body = {
            "run": record.digest,
            "receipt": record.receipt.digest,
            "manifest": record.manifest.digest,
            "assurance": record.receipt.assurance,
            "platforms": sorted({claims.type for claims in checked.claims.values()}),
            "host": record.manifest.host,
            "outputs": len(record.receipt.outputs),
        }
        self._host.ledger("receipt", {"job": self._plan.job, **body})
        self._host.published("run", RECORD_FILE, path, record.digest, len(content))

    # -- at the host

    def _as_host(self, places: HostPlaces) -> None:
        containers = self._take_data(places)
        self._write_reveals()
        with self._accounts.accounted(self._plan.transfer(RELEASE)):
            deposits = self._deposits(places)
            case = self._make_case(deposits)
            owners = self._owners(places, case, deposits)
            public = PublicFacts(proposal=self._job.proposal, terms=self._job.terms).to_bytes()
            run = run_here(
                case,
                [containers[owner] for owner in self._manifest.owners],
                public,
                places,
                self._mesh,
                owners,
                self._job.directory / "results" / "run",
                lambda step, what: self._host.progress(step, 0, 1, what),
            )
            owners.end()
        with self._accounts.accounted(self._plan.transfer(RESULTS)):
            self._host.progress(RESULTS, 0, 1, "sending the sealed results")
            self._hand_out(run, self._record(places, case, owners, run))

    def _take_data(self, places: HostPlaces) -> Mapping[str, Path]:
        """Every owner's sealed data, by owner."""
        found: dict[str, Path] = {}
        with self._accounts.accounted(self._plan.transfer(UPLOAD)):
            for owner in self._manifest.owners:
                record = self._job.proposal.sealed[owner]
                if owner in self._plan.kept:
                    found[owner] = Deposits(places.keeper, places.store).container(record)
                    continue
                if owner == self._me:
                    found[owner] = self._container
                    continue
                found[owner] = receive_container(
                    self._mesh.to(owner),
                    places,
                    record,
                    lambda done, total, what: self._host.progress(UPLOAD, done, total, what),
                )
                uploaded = {
                    "event": "held",
                    "dataset": record.dataset,
                    "file": record.file,
                    "root": record.root,
                }
                self._host.ledger("sealed", {"job": self._plan.job, **uploaded})
        return found

    def _deposits(self, places: HostPlaces) -> Mapping[str, Deposit]:
        """Of the owners that are offline: what stands in for their words."""
        known, agreement = Deposits(places.keeper, places.store), self._job.terms.id
        sealed = self._job.proposal.sealed
        return {
            owner: known.find(agreement, sealed[owner].dataset, sealed[owner].digest)
            for owner in self._plan.kept
        }

    def _owners(self, places: HostPlaces, case: Case, deposits: Mapping[str, Deposit]) -> Owners:
        """The way to everybody's releaser; the keeper has admitted the case then."""
        keeper = Deposits(places.keeper, places.store).keeper
        ways: dict[str, Here | There | Kept] = {}
        for owner in self._manifest.owners:
            if owner in deposits:
                ways[owner] = kept = Kept(KeptKey(keeper, deposits[owner].binding.log_pk), case.job)
                kept.admit(case)
            else:
                ways[owner] = Here(self._host) if owner == self._me else There(self._mesh.to(owner), MESSAGE)
        return Owners(ways)

    def _make_case(self, deposits: Mapping[str, Deposit]) -> Case:
        """Everybody's grant, and where it is logged: told to everybody who takes part. Errors: CT-2271,
        CT-2273.
        """
        self._host.progress(RELEASE, 0, 1, "collecting the owners' grants")
        grants: list[Grant] = []
        logged: list[LoggedGrant] = []
        for owner in self._manifest.owners:
            if owner in deposits:
                grants.append(deposits[owner].grant)
                logged.append(deposits[owner].logged)
                continue
            if owner == self._me:
                given = self._host.releaser("grant")
            else:
                channel = self._mesh.to(owner)
                given = (
                    channel.recv_bytes("grant", self._grant_bytes),
                    channel.recv_bytes("logged", MESSAGE),
                )
            grants.append(Grant.parse(given[0]))
            logged.append(LoggedGrant.parse(given[1]))
        checkpoint = Checkpoint(manifest=self._manifest.digest, logged=tuple(logged))
        parts = [grant.to_bytes() for grant in grants]
        online = [owner for owner in self._manifest.owners if owner not in deposits]
        for owner in online:
            if owner == self._me:
                self._host.releaser("admit", checkpoint.to_bytes(), *parts)
                continue
            self._mesh.to(owner).send_bytes("checkpoint", checkpoint.to_bytes())
            for part in parts:
                self._mesh.to(owner).send_bytes("grant", part)
        for owner in online:
            if owner != self._me:
                self._mesh.to(owner).recv_record("admitted", Question)
        records = tuple(self._job.proposal.sealed[owner] for owner in self._manifest.owners)
        return Case(self._manifest, tuple(grants), records, checkpoint)

    def _record(self, places: HostPlaces, case: Case, owners: Owners, run: AttestedRun) -> RunRecord:
        return RunRecord(
            agreement=places.agreement,
            proposal=self._job.proposal,
            manifest=self._manifest,
            grants=case.grants,
            checkpoint=case.checkpoint,
            requests=owners.requests,
            receipt=run.receipt,
        )

    def _hand_out(self, run: AttestedRun, record: RunRecord) -> None:
        """The record to everybody, each result to its receivers."""
        content = record.to_bytes()
        checked = self._check(record, None)
        for party in self._plan.participants:
            if party == self._me:
                continue
            channel = self._mesh.to(party)
            channel.send_bytes("record", content)
            for output in run.outputs:
                if party in output.wrapped:
                    channel.send_bytes("wrapped", output.wrapped[party])
                    channel.send_bytes("sealed", _read(output.path))
        for output in run.outputs:
            if self._me in output.wrapped:
                self._open(output.described, output.wrapped[self._me], _read(output.path))
        self._keep(checked)

    # -- at all

    def _write_reveals(self) -> None:
        """What the run will let be known, and to whom: it is in the ledger before the run can begin."""
        for step in self._plan.steps:
            self._accounts.reveals(step.step, step.reveals)

    def _say(self, step: str, what: str) -> Callable[[int, int], None]:
        return lambda done, total: self._host.progress(step, done, total, what)


def _read(path: Path) -> bytes:
    """A sealed result. Errors: CT-1122."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise CANNOT_READ(f"{path}: {error.strerror}") from error
