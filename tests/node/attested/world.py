"""Five daemons and data whose every id and value can be searched for: what tests of attested jobs share."""

from __future__ import annotations

import contextlib
import csv
import os
import random
import secrets
import signal
import sqlite3
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml

from coterie.crypto import now
from coterie.jobs import Proposal, RunRecord
from coterie.node import AgreementView, JobView
from coterie.tee import Platform, SimulatedHome, expected_measurements
from tests.node.conftest import Daemon, ended
from tests.tee.runner.test_killed import processes

ROWS, COMMON = 300, 240
SHORT = ["align", "split"]
SCORE: list[Any] = [
    *("align", "split", "fill", "standardize"),
    {"logistic": {"passes": 40}},
    {"component": "evaluate", "name": "of_logistic", "params": {"model": "logistic"}},
    {"boosting": {"rounds": 8, "threads": 1}},
    {"component": "evaluate", "name": "of_boosting", "params": {"model": "boosting"}},
    {"glm": {"family": "logistic", "statistics": True}},
    {"neural": {"epochs": 3}},
    "report",
]
"""Those that train, and what they need; the others are in `test_analyst`."""


def trained(epochs: int) -> list[Any]:
    """Steps with a network that is trained for so long, row by row."""
    given = {"epochs": epochs, "batch_rows": 1, "early_stopping": None, "hidden": [4]}
    return ["align", "split", "standardize", {"neural": given}]


LONG = trained(10_000)
"""A minute of work: time enough for trouble."""
SECONDS_LONG = trained(60)
"""Some seconds of it: for what goes on after trouble."""
WORK = "neural"
"""Its step."""

DATASETS = {"lender": "loans", "payments": "flows", "telecom": "usage", "bank": "books"}
COLUMNS = {
    "loans": ("customer", "bad", "age", "income"),
    "flows": ("client", "flow", "ratio"),
    "usage": ("client", "flow", "ratio"),
    "books": ("client", "flow", "ratio"),
}
LABEL = "bad"
BOTH = ("lender", "payments")


def tables() -> dict[str, dict[str, list[Any]]]:
    """The columns of two tables of the same people, a fifth of them missing on each side. Each id has the
    same 96 random bits in it; values have all digits that a float has."""
    chance = random.Random(secrets.token_bytes(16))
    canary = secrets.token_hex(12)
    people = [f"{canary}{number:04x}" for number in range(2 * ROWS - COMMON)]
    values = [[chance.gauss(0, 1) for _ in range(4)] for _ in people]
    chosen = list(zip(people, values, strict=True))
    mine, theirs = chosen[:ROWS], chosen[ROWS - COMMON :]
    chance.shuffle(theirs)
    return {
        "loans": {
            "customer": [name for name, _ in mine],
            "bad": [int(v[0] + 2 * v[2] + chance.gauss(0, 1.2) > 0) for _, v in mine],
            "age": [v[0] for _, v in mine],
            "income": [v[1] for _, v in mine],
        },
        "flows": {
            "client": [name.upper() for name, _ in theirs],
            "flow": [v[2] for _, v in theirs],
            "ratio": [v[3] for _, v in theirs],
        },
    }


def description(name: str, file: str) -> str:
    """A dataset as its owner registers it."""
    first = COLUMNS[name][0]
    columns: list[dict[str, str]] = [{"name": first, "type": "text", "role": "id"}]
    for column in COLUMNS[name][1:]:
        label = column == LABEL
        columns.append(
            {"name": column, "type": "int" if label else "float"} | ({"role": "label"} if label else {})
        )
    source = {"kind": "csv", "path": file}
    return yaml.safe_dump(
        {"name": name, "source": source, "id_rule": ["nfkc", "trim", "lower"], "columns": columns}
    )


@dataclass
class World:
    """A hub; a lender and a payment platform with data; a telecom and a bank with copies of the platform's.

    The telecom hosts runs on a software TPM; at the bank, simulated platforms never count."""

    daemons: dict[str, Daemon]
    data: Path
    image: Path
    measured: bytes
    """What the runner measures."""
    tables: dict[str, dict[str, list[Any]]] = field(default_factory=tables)
    made: int = 0

    @property
    def hub(self) -> Daemon:
        return self.daemons["hub"]

    @property
    def lender(self) -> Daemon:
        return self.daemons["lender"]

    @property
    def payments(self) -> Daemon:
        return self.daemons["payments"]

    @property
    def telecom(self) -> Daemon:
        return self.daemons["telecom"]

    @property
    def bank(self) -> Daemon:
        return self.daemons["bank"]

    # -- data

    def write(self, dataset: str) -> Path:
        """A table as its owner has it."""
        table = self.tables["flows" if dataset in ("usage", "books") else dataset]
        path = self.data / f"{dataset}.csv"
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(table)
            writer.writerows(zip(*table.values(), strict=True))
        return path

    def table(self, dataset: str) -> pa.Table:
        """The same for code in this process."""
        return pa.table(self.tables[dataset])

    # -- agreements and jobs

    def terms(
        self,
        parties: tuple[str, ...] = BOTH,
        owners: tuple[str, ...] | None = None,
        host: str = "hub",
        platform: Platform = "sim",
        **changes: Any,
    ) -> str:
        """Terms of parties, who all bring data if nothing is said, and of a host. ``changes`` are fields of
        them, or of their section ``tee``; None leaves a field out."""
        self.made += 1
        hosted = self.daemons[host].home / "tee" / "simulated"
        measured = expected_measurements(platform, self.measured)
        given: dict[str, Any] = {
            "name": f"sealed-{self.made}",
            "parties": list(parties),
            "services": [] if host in parties else [host],
            "datasets": [self._granted(party) for party in owners or parties],
            "components": [
                *({"name": name} for name in ("align", "split", "fill", "standardize")),
                {"name": "glm", "params": {"family": {"equals": "logistic"}, "statistics": {"equals": True}}},
                {"name": "logistic", "params": {"passes": {"min": 1, "max": 100}}},
                {
                    "name": "boosting",
                    "params": {
                        "rounds": {"min": 1, "max": 10_000},
                        "threads": {"equals": 1},
                    },
                },
                {
                    "name": "neural",
                    "params": {
                        "epochs": {"min": 1},
                        "batch_rows": {"min": 1},
                        "early_stopping": {"one_of": [None, 5]},
                        "hidden": {"one_of": [[4], [32, 16]]},
                    },
                },
                {"name": "evaluate", "params": {"model": {"one_of": ["logistic", "boosting"]}}},
                {"name": "report"},
            ],
            "engines": ["tee"],
            "results": [
                {"kind": "common_ids", "to": ["lender"]},
                {"kind": "model", "to": [name for name in parties if name != "payments"]},
                {"kind": "coefficients", "to": list(parties)},
                {"kind": "importance", "to": list(parties)},
                {"kind": "loss", "to": ["lender"]},
                {"kind": "statistics", "to": list(parties)},
                {"kind": "metrics", "to": list(parties)},
                {"kind": "scores", "to": ["lender"]},
                {"kind": "report", "to": [name for name in parties if name != "lender"]},
            ],
            "min_rows": 50,
            "not_before": "2026-01-01T00:00:00Z",
            "expires": "2096-01-01T00:00:00Z",
            "max_runs": 50,
            "approval": dict.fromkeys(parties, "automatic"),
        }
        tee: dict[str, Any] = {
            "host": host,
            "platform": {"types": [platform], "simulated": True, "chips": "any"},
            "measurements": {platform: [measured]},
            "simulated_roots": [SimulatedHome(hosted, now()).pin],
            "max_output_bytes": 50_000_000,
            "attempts": 2,
        }
        for name, value in changes.items():
            known = {*given, "dealer", "dealer_tee", "min_group"}
            target = given if name in known else tee if name in {*tee, "min_interval"} else None
            assert target is not None, name
            target[name] = value
        given["tee"] = {name: value for name, value in tee.items() if value is not None}
        return yaml.safe_dump({name: value for name, value in given.items() if value is not None})

    def _granted(self, party: str) -> dict[str, Any]:
        name = DATASETS[party]
        features = [column for column in COLUMNS[name][1:] if column != LABEL]
        granted = {"name": name, "owner": party, "id": COLUMNS[name][0], "columns": features}
        return granted | ({"label": LABEL} if LABEL in COLUMNS[name] else {})

    def agree(self, parties: tuple[str, ...] = BOTH, **changes: Any) -> AgreementView:
        """An agreement that all parties have signed."""
        first = self.daemons[parties[0]].client
        draft = first.draft_agreement(self.terms(parties, **changes))
        first.offer_agreement(draft.id)
        for party in parties:
            signed = self.daemons[party].client.sign_agreement(draft.id)
        assert not signed.missing
        return signed

    def spec(
        self,
        agreement: AgreementView,
        steps: list[Any] | None = None,
        owners: tuple[str, ...] = BOTH,
        **more: Any,
    ) -> str:
        """A job file."""
        return yaml.safe_dump(
            {
                "name": "joint score",
                "agreement": agreement.id,
                "engine": "tee",
                "datasets": {party: DATASETS[party] for party in owners},
                "steps": SHORT if steps is None else steps,
                **more,
            }
        )

    def submit(self, agreement: AgreementView, steps: list[Any] | None = None, **more: Any) -> JobView:
        return self.lender.client.submit(self.spec(agreement, steps, **more))

    def done(self, job: JobView, *names: str, seconds: float = 90) -> JobView:
        """The job, done at all of these."""
        for name in names or ("lender", "payments", "hub"):
            view = ended(self.daemons[name].client, job.id, seconds)
            assert (name, view.state, view.error) == (name, "done", None)
        return view

    def failed(
        self, job: JobView, code: str, party: str, *names: str, state: str = "failed", seconds: float = 60
    ) -> None:
        """The job is over at all of these, for this reason."""
        for name in names or ("lender", "payments", "hub"):
            view = ended(self.daemons[name].client, job.id, seconds)
            assert view.error is not None, view
            told = (name, view.state, view.error.code, view.error.party)
            assert told == (name, state, code, party), view.error

    # -- what a job leaves

    def files(self, party: str, job: JobView) -> dict[str, bytes]:
        """What a party has received, by name; the record of the run is not among it."""
        folder = self.daemons[party].home / "jobs" / job.id / "results"
        names = [one.name for one in self.daemons[party].client.results(job.id) if one.kind != "run"]
        return {name: (folder / name).read_bytes() for name in names}

    def record(self, party: str, job: JobView) -> RunRecord:
        """The record of a run, as a party has it."""
        path = self.daemons[party].home / "jobs" / job.id / "results" / "run" / "record.json"
        return RunRecord.parse(path.read_bytes())

    def proposal(self, party: str, job: JobView) -> Proposal:
        """A job's proposal, as a party has it in its store."""
        with sqlite3.connect(self.daemons[party].home / "store.sqlite") as store:
            (text,) = store.execute("select proposal from jobs where id = ?", [job.id]).fetchone()
        store.close()
        return Proposal.model_validate_json(text)

    # -- processes

    def runners(self) -> list[int]:
        """Processes in sandboxes of the runner's image, and those that made them."""
        return sorted({*processes(self.image), *processes(self.image.resolve())})

    def settle(self) -> None:
        """Wait until no worker and no runner of an earlier test is left."""
        deadline = time.monotonic() + 20
        while self.runners() or any(daemon.workers() for daemon in self.daemons.values()):
            assert time.monotonic() < deadline, "a process is left over"
            time.sleep(0.05)

    def await_step(self, job: JobView, step: str, host: str = "hub", what: str = "runner") -> None:
        """Wait until the host's worker says that it is there."""
        deadline = time.monotonic() + 60
        client = self.daemons[host].client
        while True:
            view = client.job(job.id)
            told = view.participant(host)
            if told.step == step and what in (told.what or ""):
                return
            assert not view.over, view.error
            assert time.monotonic() < deadline, told
            time.sleep(0.05)

    @contextlib.contextmanager
    def working(self, agreement: AgreementView, steps: str = LONG) -> Iterator[JobView]:
        """A job whose runner has everybody's data in memory, and stands still."""
        self.settle()
        job = self.submit(agreement, steps)
        self.await_step(job, WORK)
        stopped = self.runners()
        assert len(stopped) >= 2
        try:
            signal_all(stopped, signal.SIGSTOP)
            yield job
        finally:
            signal_all(stopped, signal.SIGCONT)


def signal_all(pids: list[int], number: int) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
