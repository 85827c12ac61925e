"""Three banks with the same columns of other people, and a hub: a horizontal job in one process."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from coterie.agreement import Terms
from coterie.data import DatasetSpec, inspect
from coterie.jobs import propose, validate_spec

from .conftest import Bench, Recorder

BANKS = ("east", "north", "west")
ROWS = {"east": 180, "north": 260, "west": 220}
STEPS: list[Any] = ["stack", {"split": {"test": 0.3}}]


def terms_for(**changes: Any) -> Terms:
    results = ("model", "coefficients", "metrics", "report", "loss", "statistics")
    plain: dict[str, Any] = {
        "name": "banks",
        "parties": {name: f"{number}{number}" * 32 for number, name in enumerate(BANKS, start=1)},
        "services": {"hub": "44" * 32},
        "coordinator": "hub",
        "datasets": [
            {"name": "loans", "owner": name, "id": "key", "label": "bad", "columns": ["a", "b", "c"]}
            for name in BANKS
        ],
        "components": [],
        "engines": ["fl"],
        "results": [{"kind": kind, "to": list(BANKS)} for kind in results],
        "min_rows": 20,
        "not_before": "2026-01-01T00:00:00Z",
        "expires": "2100-01-01T00:00:00Z",
        "max_runs": 3,
    }
    return Terms.model_validate({**plain, **changes})


def write_tables(folder: Path, banks: Sequence[str] = BANKS) -> dict[str, DatasetSpec]:
    """CSV files of three banks, which differ in what their people are like, and in their columns' order."""
    chance, specs = np.random.default_rng(3), {}
    for number, (bank, rows) in enumerate(zip(banks, ROWS.values(), strict=True)):
        values = chance.normal(size=(rows, 3)) + 0.4 * number
        odds = values @ np.array([1.2, -0.8, 0.5]) - 0.6
        labels = chance.random(rows) < 1 / (1 + np.exp(-odds))
        order = [(number + place) % 3 for place in range(3)]
        lines = ["key,bad," + ",".join("abc"[place] for place in order)]
        for row in range(rows):
            told = ",".join(str(values[row, place]) for place in order)
            lines.append(f"{bank}-{row},{int(labels[row])},{told}")
        path = folder / f"{bank}.csv"
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        columns = [("key", "text", "id"), ("bad", "int", "label")]
        columns += [("abc"[place], "float", "feature") for place in order]
        specs[bank] = DatasetSpec.model_validate(
            {
                "name": "loans",
                "source": {"kind": "csv", "path": str(path)},
                "columns": [dict(zip(("name", "type", "role"), one, strict=True)) for one in columns],
            }
        )
    return specs


def make_bench(
    folder: Path, *, steps: list[Any] | None = None, job: dict[str, Any] | None = None, **changes: Any
) -> Bench:
    """A bench in a folder; ``job`` changes the job, further keyword arguments the terms."""
    specs, terms = write_tables(folder), terms_for(**changes)
    plain: dict[str, Any] = {
        "name": "score of all banks",
        "agreement": terms.id,
        "engine": "fl",
        "frame": "horizontal",
        "datasets": dict.fromkeys(BANKS, "loans"),
        "steps": steps or STEPS,
    }
    spec = validate_spec({**plain, **(job or {})})
    facts = {name: inspect(specs[name], name) for name in spec.datasets}
    recorders = {name: Recorder() for name in (*terms.parties, *terms.services)}
    return Bench(folder, terms, propose(spec, terms.id, "east", facts), specs, recorders)
