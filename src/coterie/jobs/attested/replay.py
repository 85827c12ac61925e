"""Replay a run offline: all that was checked while it ran is checked again, and the ledgers with it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, computed_field

from coterie.crypto import open_regular, parse_timestamp
from coterie.errors import CoterieError
from coterie.jobs.attested.record import RunRecord, check_derived, moment_of, proof_of
from coterie.jobs.errors import RUN_RECORD_INVALID
from coterie.ledger import Entry, Mirror, read_entries, verify
from coterie.tee import (
    KEEPER,
    Endorsements,
    Limits,
    Proof,
    Receipt,
    ReceiptOutput,
    Roots,
    archived_endorsements,
    check_receipt,
    peek,
    root_of,
)


class ReplayCheck(BaseModel):
    """One thing that was checked."""

    model_config = ConfigDict(frozen=True)

    what: str
    ok: bool
    detail: str
    """What was found; of what does not hold, the error."""


class Replay(BaseModel):
    """What a replay found."""

    model_config = ConfigDict(frozen=True)

    run: str
    """Digest of the record."""
    job: str
    title: str
    agreement: str
    host: str
    assurance: str
    platforms: tuple[str, ...]
    started: str
    finished: str
    checks: tuple[ReplayCheck, ...]
    notes: tuple[str, ...]

    @computed_field  # type: ignore[prop-decorator]
    @property
    def ok(self) -> bool:
        """Whether everything holds that could be checked."""
        return all(check.ok for check in self.checks)


def replay(
    record: RunRecord,
    roots: Roots,
    *,
    ledgers: Iterable[Path] = (),
    sealed: Path | None = None,
    endorsements: Iterable[Path] = (),
) -> Replay:
    """Check a record, with ledgers of participants and sealed results where they are at hand.

    :param ledgers: folders; of an owner's it is also checked that grant and release are where they should be.
    :param sealed: a folder with sealed results, such as the host's ``results/run`` of the job.
    :param endorsements: folders of owners' endorsements, for evidence that came without.

    Never raises for what does not hold: that is a check that failed. Raises CT-1302, CT-1306 for folders that
    are no ledgers, CT-1122 for files that cannot be read.
    """
    return _Replay(record, roots, tuple(endorsements)).made(tuple(ledgers), sealed)


@dataclass
class _Replay:
    record: RunRecord
    roots: Roots
    endorsements: tuple[Path, ...]
    checks: list[ReplayCheck] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    releases: dict[str, Entry] = field(default_factory=dict)
    """By owner, from its ledger, or from that of its key keeper."""
    kept_logs: list[tuple[str, str]] = field(default_factory=list)
    """Logs of keepers that were given: the owner, and the key of the log."""
    keepers: dict[str, list[str]] = field(default_factory=dict)
    """By owner that was offline, from its ledger: keys of the logs of keepers that it deposited its grant
    with."""

    def made(self, ledgers: tuple[Path, ...], sealed: Path | None) -> Replay:
        record, receipt = self.record, self.record.receipt
        signed = self._check("agreement", self._agreement)
        self._check("manifest", self._manifest)
        limits = self._check("grants", lambda: record.case.check(receipt.started))
        for folder in ledgers:
            self._ledger(folder)
        for owner, told in self.kept_logs:
            self._check(f"keeper of {owner}", partial(self._keeper, owner, told))
        proofs: dict[str, Proof] = {}
        for owner in record.manifest.owners if signed is not None and limits is not None else ():
            proof = self._check(f"evidence for {owner}", partial(self._proof, owner, limits))
            if proof is not None:
                proofs[owner] = proof
        self._check("receipt", partial(self._receipt, receipt, proofs))
        if sealed is not None:
            self._sealed(sealed)
        for owner in record.manifest.owners:
            if owner not in self.releases:
                what = "log of the keeper" if owner in record.proposal.spec.kept else "ledger"
                self.notes.append(f"the {what} of {owner} is not among those given: its word is not checked")
        return Replay(
            run=record.digest,
            job=record.manifest.job,
            title=record.proposal.spec.name,
            agreement=f"{record.agreement.terms.name} ({record.agreement.id})",
            host=record.manifest.host,
            assurance=receipt.assurance,
            platforms=tuple(sorted({request.evidence.type for request in record.requests.values()})),
            started=receipt.started,
            finished=receipt.finished,
            checks=tuple(self.checks),
            notes=tuple(self.notes),
        )

    def _check(self, what: str, work: Callable[[], Any]) -> Any:
        """What ``work`` gives; None where it raises, which is then a failed check."""
        try:
            found = work()
        except CoterieError as error:
            self.checks.append(ReplayCheck(what=what, ok=False, detail=str(error)))
            return None
        detail = found if isinstance(found, str) else _told(found)
        self.checks.append(ReplayCheck(what=what, ok=True, detail=detail))
        return found

    def _agreement(self) -> str:
        self.record.agreement.verify()
        return f"signed by {', '.join(self.record.agreement.signatures)}"

    def _manifest(self) -> str:
        check_derived(self.record)
        return f"derived from proposal and agreement: {self.record.manifest.digest}"

    def _proof(self, owner: str, limits: Limits) -> Proof:
        entry = self.releases.get(owner)
        moment = moment_of(self.record, None) if entry is None else _time(entry)
        return proof_of(self.record, owner, limits, moment, self.roots, self._archived(owner))

    def _receipt(self, receipt: Receipt, proofs: Mapping[str, Proof]) -> str:
        check_receipt(receipt, self.record.case, proofs)
        return f"signed by the key that all evidence is bound to; {len(receipt.outputs)} results"

    def _archived(self, owner: str) -> Endorsements | None:
        """The endorsements that the owner's ledger names, where they are not in the record."""
        entry = self.releases.get(owner)
        if entry is None or self.record.requests[owner].endorsements is not None:
            return None
        for folder in self.endorsements:
            with contextlib.suppress(CoterieError):
                return archived_endorsements(folder, str(entry.body.get("endorsements")))
        return None

    def _ledger(self, folder: Path) -> None:
        report = verify(folder)
        party = report.party or str(folder)
        key = self.record.manifest.keys.get(party)
        if not report.ok:
            first = report.findings[0]
            detail = f"{len(report.findings)} findings, the first at entry {first.entry}: {first.detail}"
            self.checks.append(ReplayCheck(what=f"ledger of {party}", ok=False, detail=detail))
            return
        detail = f"{report.entries:,} entries in order"
        self.checks.append(ReplayCheck(what=f"ledger of {party}", ok=True, detail=detail))
        entries = list(read_entries(folder, job=self.record.manifest.job))
        if report.party == KEEPER and (owner := self._kept_by(folder)) is not None:
            self._check(f"release of {owner}, by a key keeper", lambda: self._release(owner, entries, 1))
            self.kept_logs.append((owner, _key_of(folder)))
            return
        if party in self.record.proposal.spec.kept:
            self._check(f"grant of {party}", lambda: self._grant(folder, party, key, None))
            self._check(f"deposit of {party}", lambda: self._deposit(folder, party))
            return
        if party in self.record.manifest.owners:
            self._check(f"grant of {party}", lambda: self._grant(folder, party, key, entries))
            after = self.record.case.logged(party).entry
            self._check(f"release of {party}", lambda: self._release(party, entries, after))
        self._check(f"receipt at {party}", lambda: self._received(entries))

    def _kept_by(self, folder: Path) -> str | None:
        """The owner whose deposit a log begins with, where it is one for this run."""
        first = next(read_entries(folder, "grant"), None)
        owner = None if first is None else str(first.body.get("owner"))
        if first is None or owner not in self.record.proposal.spec.kept:
            return None
        return owner if first.body.get("grant") == self.record.case.logged(owner).grant else None

    def _deposit(self, folder: Path, party: str) -> str:
        """The ledger says to which keepers the grant of the checkpoint was given."""
        grant = self.record.case.logged(party).grant
        found = [one for one in read_entries(folder, "deposit") if one.body.get("grant") == grant]
        if not found:
            raise RUN_RECORD_INVALID("it has no deposit of the grant", party=party)
        self.keepers[party] = [str(one.body.get("keeper")) for one in found]
        return f"entry {found[0].seq}, at {found[0].body.get('deposited')}"

    def _keeper(self, owner: str, key: str) -> str:
        """Whose log was given: with the owner's ledger, that of the keeper that the owner chose."""
        if owner not in self.keepers:
            self.notes.append(f"that {owner} chose this keeper, its ledger would say: it is not given")
        elif key not in self.keepers[owner]:
            raise RUN_RECORD_INVALID("its owner's ledger names another keeper's log", party=owner)
        return f"log {key[:16]}…"

    def _grant(self, folder: Path, party: str, key: str | None, entries: list[Entry] | None) -> str:
        """The ledger has the grant where its party signed that it has it.

        :param entries: of the job; None for a grant that was given for many.
        """
        logged = self.record.case.logged(party)
        entries = list(read_entries(folder, "grant")) if entries is None else entries
        found = [one for one in entries if one.seq == logged.entry and one.kind == "grant"]
        if not found or found[0].body.get("grant") != logged.grant:
            raise RUN_RECORD_INVALID(f"entry {logged.entry} is not the grant of the checkpoint", party=party)
        at_head = next((one for one in read_entries(folder) if one.seq == logged.head.seq), None)
        if at_head is None or at_head.hash != logged.head.hash or key is None:
            raise RUN_RECORD_INVALID("it never ended with the head of the checkpoint", party=party)
        return f"entry {logged.entry}, {logged.grant}"

    def _release(self, party: str, entries: list[Entry], after: int) -> str:
        """The ledger says that the key was released for just this evidence, after the grant.

        :param after: the entry with the grant.
        """
        request = self.record.requests.get(party)
        wanted = None if request is None else request.binding.model_dump(mode="json")
        found = [one for one in entries if one.kind == "release" and one.body.get("binding") == wanted]
        if request is None or len(found) != 1:
            raise RUN_RECORD_INVALID("it has no release for the evidence of the record", party=party)
        entry = found[0]
        if entry.body.get("evidence") != request.evidence.digest or entry.seq <= after:
            raise RUN_RECORD_INVALID("its release is for other evidence, or before the grant", party=party)
        self.releases[party] = entry
        others = [one for one in entries if one.kind == "release" and one is not entry]
        again = f"; {len(others)} more for runs that broke off" if others else ""
        return f"entry {entry.seq}, at {entry.body.get('released')}, run {entry.body.get('run')}{again}"

    def _received(self, entries: list[Entry]) -> str:
        found = [one for one in entries if one.kind == "receipt"]
        if not any(one.body.get("run") == self.record.digest for one in found):
            raise RUN_RECORD_INVALID("it does not name this record")
        return "this record, and no other" if len(found) == 1 else f"one of {len(found)}"

    def _sealed(self, folder: Path) -> None:
        """Sealed results are the receipt's, byte for byte; no key is needed."""
        files = dict(_containers(folder))
        for output in self.record.receipt.outputs:
            path = files.get(output.file)
            to = ", ".join(output.receivers)
            if path is None:
                self.notes.append(f"{output.name} for {to} is not in {folder}")
                continue
            self._check(f"sealed {output.name} for {to}", partial(_same, path, output))


def _containers(folder: Path) -> Iterator[tuple[str, Path]]:
    """Sealed files by their id."""
    for path in sorted(folder.glob("*.sealed")):
        with contextlib.suppress(CoterieError):
            yield peek(path).header.file_id.hex(), path


def _same(path: Path, output: ReceiptOutput) -> str:
    with open_regular(path) as file:
        preamble, root = root_of(file)
    told = (preamble.commitment.hex(), preamble.header.dataset, preamble.header.size, f"sha256:{root.hex()}")
    if told != (output.commitment, output.name, output.size, output.root):
        raise RUN_RECORD_INVALID(f"{path.name} is another file than the receipt names")
    return f"{output.size:,} bytes, every one as it left the runner"


def _key_of(folder: Path) -> str:
    """The key of a ledger that was verified."""
    return Mirror.party_of(folder).key


def _time(entry: Entry) -> datetime:
    return parse_timestamp(str(entry.body.get("released")))


def _told(found: Any) -> str:
    """A sentence about what holds."""
    if isinstance(found, Limits):
        return f"of all owners, in their ledgers; every statistic is over {found.min_rows:,} rows or more"
    if isinstance(found, Proof):
        claims = found.claims
        measured = ", ".join(f"{name} {value[:16]}…" for name, value in sorted(claims.measurements.items()))
        return f"{claims.type}, {claims.assurance.upper()}: {measured}"
    return ""
