"""Two parties, a dealer and receivers in one process: real components, real files, local meshes."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from coterie.agreement import Terms
from coterie.data import DatasetSpec, inspect
from coterie.errors import CoterieError
from coterie.jobs import Assignment, Proposal, derive_plan, propose, run_job, validate_spec
from coterie.mpc import Binding, TapeFile
from coterie.wire import local_meshes

STEPS: list[Any] = [
    "align",
    {"split": {"test": 0.3}},
    {"fill": {"method": "median"}},
    {"standardize": {"method": "zscore"}},
    {"logistic": {"passes": 10}},
    {"evaluate": {"baseline": True}},
]


@dataclass
class Recorder:
    """A worker's surroundings that remember everything."""

    entries: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    files: dict[str, Path] = field(default_factory=dict)
    cancel_at: str | None = None
    cancelled: CoterieError | None = None
    waited: list[str] = field(default_factory=list)
    """What was waited for outside of the links."""
    tapes: Callable[[Binding], TapeFile | None] = lambda binding: None

    def progress(self, step: str, done: int, total: int, what: str, unit: str | None = None) -> None:
        if what.startswith("waiting"):
            self.waited.append(what)
        if step == self.cancel_at and self.cancelled is not None:
            raise self.cancelled

    def ledger(self, kind: str, body: Mapping[str, Any]) -> None:
        self.entries.append((kind, dict(body)))

    def tape(self, binding: Binding) -> TapeFile | None:
        return self.tapes(binding)

    def published(self, kind: str, name: str, path: Path, content: str, size: int) -> None:
        self.files[name] = path

    def bodies(self, kind: str) -> list[dict[str, Any]]:
        return [body for found, body in self.entries if found == kind]


@dataclass
class Bench:
    """A proposal, the terms that it runs under, and everybody's own dataset."""

    folder: Path
    terms: Terms
    proposal: Proposal
    specs: dict[str, DatasetSpec]
    recorders: dict[str, Recorder]
    errors: dict[str, CoterieError] = field(default_factory=dict)

    def assignment(self, name: str, key: bytes) -> Assignment:
        return Assignment(
            me=name,
            proposal=self.proposal,
            terms=self.terms,
            dataset=self.specs.get(name),
            id_key=(key if name in self.specs else bytes(32)).hex(),
            directory=self.folder / name,
        )

    def run(
        self, change: Callable[[str, Assignment], Assignment] | None = None, memory: int | None = None
    ) -> None:
        """Run the job at everybody; what ends it at each is in :attr:`errors`."""
        meshes = local_meshes(derive_plan(self.proposal, self.terms).participants)
        key = b"k" * 32  # fixed, so that the split is always the same

        def one(name: str) -> None:
            assignment = self.assignment(name, key)
            if change is not None:
                assignment = change(name, assignment)
            try:
                run_job(assignment, meshes[name], self.recorders[name], memory)
            except CoterieError as error:
                self.errors[name] = error

        threads = [threading.Thread(target=one, args=(name,)) for name in meshes]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive(), "a participant hangs"


def terms_for(**changes: Any) -> Terms:
    plain: dict[str, Any] = {
        "name": "credit",
        "parties": {"lender": "11" * 32, "payments": "22" * 32},
        "services": {"hub": "33" * 32},
        "dealer": "hub",
        "datasets": [
            {"name": "customers", "owner": "lender", "id": "key", "label": "bad", "columns": ["a", "b"]},
            {"name": "behaviour", "owner": "payments", "id": "key", "columns": ["c", "d"]},
        ],
        "components": [],
        "engines": ["mpc"],
        "results": [
            {"kind": "model", "to": ["lender", "payments"]},
            {"kind": "metrics", "to": ["lender", "payments"]},
            {"kind": "scores", "to": ["lender"]},
            {"kind": "report", "to": ["lender"]},
        ],
        "min_rows": 20,
        "not_before": "2026-01-01T00:00:00Z",
        "expires": "2100-01-01T00:00:00Z",
        "max_runs": 3,
    }
    return Terms.model_validate({**plain, **changes})


def write_tables(folder: Path, rows: int = 400, common: int = 300) -> dict[str, DatasetSpec]:
    """Two CSV files whose labels depend on both sides' columns."""
    chance = np.random.default_rng(7)
    values = chance.normal(size=(rows, 4))
    logit = values @ np.array([1.0, -0.5, 1.5, 0.7]) - 0.5
    labels = chance.random(rows) < 1 / (1 + np.exp(-logit))
    left = chance.permutation(rows)[: (rows + common) // 2]
    right = np.array([row for row in chance.permutation(rows) if row not in set(left.tolist()) or row % 4])
    lines = {
        "lender": ["key,bad,a,b", *(f"K{i},{int(labels[i])},{values[i, 0]},{values[i, 1]}" for i in left)],
        "payments": ["key,c,d", *(f" k{i} ,{values[i, 2]},{values[i, 3]}" for i in right)],
    }
    columns = {
        "lender": [
            ("key", "text", "id"),
            ("bad", "int", "label"),
            ("a", "float", "feature"),
            ("b", "float", "feature"),
        ],
        "payments": [("key", "text", "id"), ("c", "float", "feature"), ("d", "float", "feature")],
    }
    specs = {}
    for party, name in (("lender", "customers"), ("payments", "behaviour")):
        path = folder / f"{party}.csv"
        path.write_text("\n".join(lines[party]) + "\n", encoding="utf-8")
        specs[party] = DatasetSpec.model_validate(
            {
                "name": name,
                "source": {"kind": "csv", "path": str(path)},
                "id_rule": ["trim", "lower"],
                "columns": [dict(zip(("name", "type", "role"), one, strict=True)) for one in columns[party]],
            }
        )
    return specs


def make_bench(
    folder: Path,
    *,
    steps: list[Any] | None = None,
    correlations: str = "stream",
    receivers: tuple[str, ...] = (),
    **changes: Any,
) -> Bench:
    """A bench in a folder; further keyword arguments change the terms."""
    specs = write_tables(folder)
    terms = terms_for(**changes)
    spec = validate_spec(
        {
            "name": "score",
            "agreement": terms.id,
            "engine": "mpc",
            "correlations": correlations,
            "datasets": {"lender": "customers", "payments": "behaviour"},
            "receivers": receivers,
            "steps": steps or STEPS,
        }
    )
    facts = {party: inspect(one, party) for party, one in specs.items()}
    recorders = {name: Recorder() for name in (*terms.parties, *terms.services)}
    return Bench(folder, terms, propose(spec, terms.id, "lender", facts), specs, recorders)


@pytest.fixture
def bench(tmp_path: Path) -> Callable[..., Bench]:
    """Make a bench; keyword arguments change the terms, those of :func:`make_bench` the job."""
    return functools.partial(make_bench, tmp_path)
