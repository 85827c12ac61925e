"""Two owners with real identities, sealed tables and releasers, an agreement, and a simulated host.

What nodes do over their links is called here in one process: the runner is a process of its own in its
sandbox, as it is anywhere.
"""

from __future__ import annotations

import io
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Final

import pyarrow.parquet as pq

from bench.tee.data import ID, OWNERS, Work
from coterie.agreement import Agreement, Revocation, Terms, commitment, draft
from coterie.crypto import Identity, atomic_write, digest, now, timestamp
from coterie.data import Column, DatasetFacts
from coterie.jobs import derive_plan, propose, validate_spec
from coterie.jobs.attested.manifest import manifest_of
from coterie.jobs.attested.runner import PublicFacts
from coterie.ledger import Ledger
from coterie.tee import (
    AttestedRun,
    Case,
    Challenge,
    Checkpoint,
    DatasetRecord,
    EndorsementStore,
    FileCounters,
    KeyStore,
    Release,
    Releaser,
    ReleaseRequest,
    ReleaserNode,
    Roots,
    RunLimits,
    Sandbox,
    SealedOutput,
    SimAttester,
    grant_for,
    open_in_memory,
    purpose,
    read_preamble,
    run_attested,
    seal_file,
    unwrap_at_party,
)

HOST: Final = "hub"
RULE: Final = ("trim", "lower")
LIMITS: Final = RunLimits(memory=8 << 30, seconds=900)
ATTEMPTS: Final = 100

AGREEMENT: Final = """\
name: joint-score
parties: [lender, payments]
services: [hub]
datasets:
  - {{name: table, owner: lender, id: {id}, label: "{label}", columns: [{lender}]}}
  - {{name: table, owner: payments, id: {id}, columns: [{payments}]}}
components:
  - name: align
  - name: boosting
    params:
      rounds: {{max: 1000}}
      max_depth: {{max: 10}}
      learning_rate: {{max: 1}}
      threads: {{max: 256}}
engines: [tee]
results:
  - {{kind: model, to: [lender]}}
min_rows: 100
not_before: {begin}
expires: {end}
max_runs: 1000
id_key: "{id_key}"
tee:
  host: hub
  platform: {{types: [sim], simulated: true, chips: any}}
  measurements: {{sim: [{{measurement: "{measurement}"}}]}}
  max_output_bytes: 1000000000
  attempts: {attempts}
"""


@dataclass
class Marks:
    """When what happened, as the host sees it."""

    called: float = 0.0
    measured: float = 0.0
    """The image is measured, and the process is about to start."""
    asked: float = 0.0
    """The runner has its keys and has checked the case: it asks the first owner."""
    released: float = 0.0
    """The last owner has released its key."""
    steps: dict[str, float] = field(default_factory=dict)
    """Data is open, and steps begin."""
    ended: float = 0.0
    """The sealed results and the receipt are here, and the process is gone."""


class World:
    """One work under its agreement, ready to be run again and again."""

    def __init__(self, home: Path, work: Work, files: dict[str, Path], sandbox: Sandbox) -> None:
        self.home, self.work, self.sandbox = home, work, sandbox
        self.id_key = secrets.token_bytes(32)
        self.who = {name: Identity.create(home / name, name) for name in (*OWNERS, HOST)}
        keys = {name: identity.public.key for name, identity in self.who.items()}
        self.agreement = Agreement(terms=self._terms(keys, sandbox.measure().measurement))
        for name in OWNERS:
            self.agreement = self.agreement.sign(self.who[name], keys)
        self.keys = {name: KeyStore(home / f"keys-{name}") for name in OWNERS}
        self.facts = {name: facts_of(work, name, files[name]) for name in OWNERS}
        self.containers = {name: home / f"{name}.sealed" for name in OWNERS}
        self.records = {name: self._seal(name, files[name]) for name in OWNERS}
        spec = {
            "name": work.name,
            "agreement": self.agreement.terms.id,
            "engine": "tee",
            "datasets": dict.fromkeys(OWNERS, "table"),
            "steps": ["align", {"boosting": work.params}],
        }
        terms = self.agreement.terms
        proposal = propose(validate_spec(spec), terms.id, OWNERS[0], self.facts, sealed=self.records)
        self.public = PublicFacts(proposal=proposal, terms=terms)
        self.manifest = manifest_of(proposal, derive_plan(proposal, terms), terms)
        self.ledgers = {name: Ledger(home / f"ledger-{name}", self.who[name]) for name in OWNERS}
        self.attester = SimAttester(home / "sim", sandbox.measure().measurement)
        self.releasers = {name: self._releaser(name) for name in OWNERS}
        self.case = self._case()
        self.marks = Marks()

    def run(self, folder: Path) -> AttestedRun:
        """The host's part of one run; :attr:`marks` tells when what happened."""
        self.marks = Marks(called=time.perf_counter())
        done = run_attested(
            self.sandbox,
            self.case,
            [self.containers[name] for name in self.manifest.owners],
            self._attest,
            self,
            folder,
            public=self.public.to_bytes(),
            limits=LIMITS,
            progress=self._begins,
        )
        self.marks.ended = time.perf_counter()
        return done

    def challenge(self, owner: str) -> Challenge:
        self.marks.asked = self.marks.asked or time.perf_counter()
        return self.releasers[owner].challenge(self.case.job)

    def release(self, owner: str, request: ReleaseRequest) -> Release:
        made = self.releasers[owner].release(request)
        self.marks.released = time.perf_counter()
        return made

    def open(self, output: SealedOutput) -> bytes:
        """What the lender does with the sealed model."""
        content = output.path.read_bytes()
        preamble = read_preamble(io.BytesIO(content))
        name = output.described.receivers[0]
        key = unwrap_at_party(output.wrapped[name], self.who[name], purpose(preamble))
        root = bytes.fromhex(output.described.root.removeprefix("sha256:"))
        return bytes(open_in_memory(io.BytesIO(content), key, root=root)[1])

    def close(self) -> None:
        for ledger in self.ledgers.values():
            ledger.close()

    def _attest(self, measurement: bytes, job: bytes) -> SimAttester:
        self.marks.measured = time.perf_counter()
        return SimAttester(self.home / "sim", measurement, launch_bound=job)

    def _begins(self, step: str) -> None:
        self.marks.steps[step] = time.perf_counter()

    def _terms(self, keys: dict[str, str], measurement: bytes) -> Terms:
        def listed(names: Iterable[str]) -> str:
            return ", ".join(f'"{name}"' for name in names)

        text = AGREEMENT.format(
            id=ID,
            label=self.work.label,
            lender=listed(self.work.columns["lender"]),
            payments=listed(self.work.columns["payments"]),
            begin=timestamp(now() - timedelta(days=1)),
            end=timestamp(now() + timedelta(days=30)),
            id_key=commitment(self.id_key),
            measurement=measurement.hex(),
            attempts=ATTEMPTS,
        )
        return draft(text, keys)

    def _seal(self, name: str, path: Path) -> DatasetRecord:
        facts = self.facts[name]
        with path.open("rb") as file:
            return seal_file(
                file,
                path.stat().st_size,
                self.containers[name],
                dataset=facts.name,
                identity=self.who[name],
                keys=self.keys[name],
                columns=facts.columns,
                id_rule=facts.id_rule,
                rows=facts.rows,
            )

    def _releaser(self, name: str) -> Releaser:
        node = ReleaserNode(
            name=name,
            log=self.ledgers[name],
            counters=FileCounters(self.home / f"counters-{name}"),
            agreements=_Book(self.agreement),
            endorsements=EndorsementStore(self.home / f"endorsements-{name}"),
            keys=self.keys[name],
            archive=_Folder(self.home / f"archive-{name}"),
            secrets=_Shared(self.id_key),
        )
        return Releaser(node, Roots(profile="development", simulated=frozenset({self.attester.pin})))

    def _case(self) -> Case:
        grants = tuple(
            grant_for(self.agreement.terms, self.manifest, self.records[name], self.who[name], now=now())
            for name in OWNERS
        )
        logged = tuple(self.releasers[one.owner.name].log_grant(one, self.manifest.job) for one in grants)
        checkpoint = Checkpoint(manifest=self.manifest.digest, logged=logged)
        case = Case(self.manifest, grants, tuple(self.records.values()), checkpoint)
        for releaser in self.releasers.values():
            releaser.admit(case)
        return case


def facts_of(work: Work, owner: str, path: Path) -> DatasetFacts:
    """What an owner tells of its table."""
    columns = [Column(name=ID, type="text", role="id")]
    if owner == OWNERS[0]:
        columns.append(Column(name=work.label, type="int", role="label"))
    columns += [Column(name=name, type="float", nullable=True) for name in work.columns[owner]]
    rows = pq.read_metadata(path).num_rows
    return DatasetFacts(name="table", owner=owner, columns=tuple(columns), id_rule=RULE, rows=rows)


@dataclass(frozen=True)
class _Book:
    agreement: Agreement

    def find(self, agreement: str) -> tuple[Agreement, Iterable[Revocation]]:
        assert agreement == self.agreement.id
        return self.agreement, ()


@dataclass(frozen=True)
class _Shared:
    value: bytes = field(repr=False)

    def secret(self, agreement: Agreement) -> bytes:  # noqa: ARG002 - there is one
        return bytes(bytearray(self.value))  # who takes it may overwrite it


class _Folder:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)

    def put(self, content: bytes) -> str:
        atomic_write(self.folder / digest(content), content)
        return digest(content)
