"""Two owners with real data, real releasers and a host: everything of one run, under one folder."""

from __future__ import annotations

import io
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from coterie.agreement import Agreement
from coterie.data import Column
from coterie.ledger import Ledger
from coterie.tee.container.header import read_preamble
from coterie.tee.container.keystore import KeyStore
from coterie.tee.container.opening import open_in_memory
from coterie.tee.container.record import DatasetRecord, schema_digest, sign_record
from coterie.tee.container.sealing import seal
from coterie.tee.container.wrapping import purpose, unwrap_at_party
from coterie.tee.documents.derive import grant_for
from coterie.tee.documents.exchange import Challenge, Checkpoint, Release, ReleaseRequest
from coterie.tee.documents.manifest import JobManifest
from coterie.tee.evidence.attest.home import SimulatedHome
from coterie.tee.evidence.attest.platforms import Platform, expected_measurements
from coterie.tee.evidence.attest.sim import SimAttester
from coterie.tee.evidence.model import Evidence
from coterie.tee.evidence.roots import Roots
from coterie.tee.evidence.store import EndorsementStore
from coterie.tee.release.case import Case
from coterie.tee.release.counters import FileCounters
from coterie.tee.release.releaser import Releaser, ReleaserNode
from coterie.tee.runner.session import AttestedRun, SealedOutput, run_attested
from coterie.tee.sandbox.command import Sandbox
from coterie.tee.sandbox.limits import RunLimits
from tests.tee.joint import (
    DRAFT,
    MEASUREMENT,
    NOW,
    Book,
    Clock,
    Folder,
    agreed,
    keys_of,
    manifest_fields,
    people,
)

ROWS = 1000
SMALL = RunLimits(memory=1 << 30, seconds=60, scratch=8 << 20)
TABLES: dict[str, tuple[str, tuple[Column, ...]]] = {
    "lender": (
        "loans",
        (
            Column(name="customer", type="text", role="id"),
            Column(name="age", type="float"),
            Column(name="income", type="float"),
            Column(name="default", type="float", role="label"),
        ),
    ),
    "payments": (
        "accounts",
        (
            Column(name="client", type="text", role="id"),
            Column(name="spend", type="float"),
            Column(name="balance", type="float"),
        ),
    ),
}


class World:
    """One job. Its attributes may be swapped for others before :meth:`run`."""

    platform: Platform = "sim"

    def __init__(self, home: Path, sandbox: Sandbox, attempt: str, measurement: bytes | None = None) -> None:
        home.mkdir()
        self.home, self.sandbox, self.clock = home, sandbox, Clock()
        self.ledgers: dict[str, Ledger] = {}
        self.canary = secrets.token_hex(16)
        """In every id of the lender's data."""
        self.shared = secrets.token_bytes(32)
        """What both owners release beside their keys."""
        self.who = people(home)
        measured = measurement or sandbox.measure().measurement
        self.measurements = {self.platform: [expected_measurements(self.platform, measured)]}
        text = DRAFT.replace("attempts: 2", "attempts: 20").replace(
            "types: [sim]", f"types: [{self.platform}]"
        )
        text = text.replace(f'{{sim: [{{measurement: "{MEASUREMENT.hex()}"}}]}}', str(self.measurements))
        text = text.replace("max_output_bytes: 1000000", "max_output_bytes: 4000000")
        self.agreement = agreed(self.who, text)
        self.containers: dict[str, Path] = {}
        self.records: dict[str, DatasetRecord] = {}
        self.keys = {name: KeyStore(home / f"keys-{name}") for name in TABLES}
        for name in TABLES:
            self._seal(name)
        self.manifest = self.manifest_of(attempt)
        self.releasers = {name: self._releaser(name) for name in TABLES}
        self.case = self._case()
        self.watch: Callable[[str], object] = lambda where: None

    def manifest_of(self, attempt: str) -> JobManifest:
        fields = manifest_fields(self.agreement.terms, self.records, keys_of(self.who))
        fields["steps"][1]["params"]["attempt"] = attempt
        fields["measurements"] = self.measurements
        fields["outputs"] = [
            {"step": "train", "kind": "metrics", "receivers": ["lender"], "max_bytes": 100_000},
            {"step": "train", "kind": "scores", "receivers": ["lender"], "max_bytes": 1_000_000, "count": 2},
        ]
        if attempt == "beside":
            fields["outputs"][0] |= {"receivers": ["lender", "payments"], "count": 2}
        if attempt == "twice":
            fields["outputs"][0] |= {"count": 2}
        if attempt == "sum":
            fields["outputs"][1]["max_bytes"] = 3_000_000
        return JobManifest.model_validate(fields)

    def run(self, limits: RunLimits = SMALL, **changes: Any) -> AttestedRun:
        """The host's part. ``changes`` are those of :func:`run_attested`."""
        given: dict[str, Any] = {
            "containers": [self.containers[name] for name in self.manifest.owners],
            "attest": self.attest,
            "progress": lambda step: self.watch(f"step {step}"),
        }
        given |= changes
        containers, attest = given.pop("containers"), given.pop("attest")
        return run_attested(
            self.sandbox, self.case, containers, attest, self, self.home / "results", limits=limits, **given
        )

    def attest(self, measurement: bytes, job: bytes) -> _Watched:
        made = SimAttester(self.home / "sim", measurement, launch_bound=job, now=self.clock)
        return _Watched(made, self)

    def challenge(self, owner: str) -> Challenge:
        self.watch(f"challenge {owner}")
        return self.releasers[owner].challenge(self.case.job)

    def release(self, owner: str, request: ReleaseRequest) -> Release:
        self.watch(f"release {owner}")
        return self.releasers[owner].release(request)

    def open(self, output: SealedOutput, party: str) -> bytes:
        """What a receiver does with a sealed result."""
        content = output.path.read_bytes()
        preamble = read_preamble(io.BytesIO(content))
        key = unwrap_at_party(output.wrapped[party], self.who[party], purpose(preamble))
        root = bytes.fromhex(output.described.root.removeprefix("sha256:"))
        return bytes(open_in_memory(io.BytesIO(content), key, root=root)[1])

    def plain(self, name: str) -> bytes:
        """The table as Parquet."""
        columns = TABLES[name][1]
        ids = [f"{self.canary if name == 'lender' else 'client'}-{row}" for row in range(ROWS)]
        table = pa.table(
            {c.name: ids if c.type == "text" else [float(r) for r in range(ROWS)] for c in columns}
        )
        file = io.BytesIO()
        pq.write_table(table, file, compression="none", use_dictionary=False)
        return file.getvalue()

    def _seal(self, name: str) -> None:
        called, columns = TABLES[name]
        content = self.plain(name)
        self.containers[name] = self.home / f"{name}.sealed"
        with self.containers[name].open("wb") as file:
            made = seal(
                io.BytesIO(content),
                file.write,
                size=len(content),
                dataset=f"{name}/{called}",
                schema=schema_digest(columns, ("trim",)),
            )
        self.keys[name].keep(made.preamble, made.key)
        owner = self.who[name]
        self.records[name] = sign_record(owner, made, columns=columns, id_rule=("trim",), rows=ROWS)

    def _releaser(self, name: str) -> Releaser:
        self.ledgers[name] = Ledger(self.home / f"ledger-{name}", self.who[name])
        pin = SimulatedHome(self.home / "sim", NOW).pin
        node = ReleaserNode(
            name=name,
            log=self.ledgers[name],
            counters=FileCounters(self.home / f"counters-{name}"),
            agreements=Book(self.agreement, []),
            endorsements=EndorsementStore(self.home / f"endorsements-{name}"),
            keys=self.keys[name],
            archive=Folder(self.home / f"archive-{name}"),
            secrets=Shared(self.shared),
        )
        return Releaser(node, Roots(profile="development", simulated=frozenset({pin})), now=self.clock)

    def _case(self) -> Case:
        grants = tuple(
            grant_for(self.agreement.terms, self.manifest, self.records[name], self.who[name], now=NOW)
            for name in TABLES
        )
        logged = tuple(
            self.releasers[grant.owner.name].log_grant(grant, self.manifest.job) for grant in grants
        )
        checkpoint = Checkpoint(manifest=self.manifest.digest, logged=logged)
        case = Case(self.manifest, grants, tuple(self.records.values()), checkpoint)
        for releaser in self.releasers.values():
            releaser.admit(case)
        return case

    def close(self) -> None:
        for ledger in self.ledgers.values():
            ledger.close()

    def with_case(self, **changes: Any) -> None:
        """What another host would hand to the runner."""
        self.case = replace(self.case, **changes)


@dataclass(frozen=True)
class Shared:
    """What owners share under their agreement."""

    value: bytes

    def secret(self, agreement: Agreement) -> bytes:
        return bytes(bytearray(self.value))  # who takes it may overwrite it


class _Watched:
    def __init__(self, attester: SimAttester, world: World) -> None:
        self._attester, self._world = attester, world

    def quote(self, report_data: bytes) -> Evidence:
        self._world.watch("evidence")
        return self._attester.quote(report_data)
