"""Tables of three owners for jobs in one process, and the same rows as one table of one owner."""

from __future__ import annotations

import functools
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from coterie.agreement import Terms
from coterie.data import Column, DatasetFacts, DatasetSpec, ParquetSource, keyed_ids
from coterie.jobs import Plan, Proposal, propose, run_joint, validate_spec

from .conftest import Bench, Recorder, terms_for

KEY = b"k" * 32  # the bench's
OWNERS = ("lender", "payments", "telecom")
NAMES = {"lender": "customers", "payments": "behaviour", "telecom": "calls"}
RULE = ("trim", "lower")
KINDS = ("model", "coefficients", "statistics", "loss", "importance", "shap", "scores", "metrics")
"""Without "report": its plots take longer than all the rest."""


@functools.cache
def tables() -> dict[str, pa.Table]:
    """Other rows, another order and another way to write ids at each; two columns have one name; some values
    are missing, and one column is of texts."""
    random = np.random.default_rng(11)
    rows = 700
    values = random.normal(size=(rows, 5))
    job = random.choice(["clerk", "miner", "pilot"], rows)
    logit = values @ np.array([1.0, -0.6, 1.4, 0.8, -0.5]) + (job == "pilot") - 0.8
    bad = (random.random(rows) < 1 / (1 + np.exp(-logit))).astype(np.int64)
    gone = random.random((rows, 2)) < 0.15
    held = {owner: random.permutation(rows)[: rows - 60] for owner in OWNERS}

    def some(owner: str, column: np.ndarray[Any, Any], missing: Any = None) -> pa.Array:
        chosen = held[owner]
        return pa.array(column[chosen], mask=None if missing is None else missing[chosen])

    def ids(owner: str, form: str) -> list[str]:
        return [form.format(row) for row in held[owner]]

    return {
        "lender": pa.table(
            {
                "key": ids("lender", "K{}"),
                "bad": some("lender", bad),
                "age": some("lender", values[:, 0]),
                "amount": some("lender", values[:, 1], gone[:, 0]),
            }
        ),
        "payments": pa.table(
            {
                "amount": some("payments", values[:, 2], gone[:, 1]),
                "nr": ids("payments", " k{} "),
                "spend": some("payments", values[:, 3]),
                "job": some("payments", job.astype(object), gone[:, 0]),
            }
        ),
        "telecom": pa.table({"id": ids("telecom", "k{}"), "calls": some("telecom", values[:, 4])}),
    }


ID = {"lender": "key", "payments": "nr", "telecom": "id"}
KIND = {pa.float64(): "float", pa.int64(): "int", pa.string(): "text"}
NUMBERS = {"lender": ("age", "amount"), "payments": ("amount", "spend"), "telecom": ("calls",)}
"""Features but for the texts."""


def facts_of(owner: str, table: pa.Table, **changes: Any) -> DatasetFacts:
    roles = {ID[owner]: "id", "bad": "label"}
    columns = tuple(
        Column.model_validate(
            {
                "name": one.name,
                "type": KIND[one.type],
                "role": roles.get(one.name, "feature"),
                "nullable": one.name in ("amount", "job"),
            }
        )
        for one in table.schema
    )
    given = {"name": NAMES[owner], "owner": owner, "id_rule": RULE, "rows": table.num_rows}
    return DatasetFacts.model_validate({**given, "columns": columns, **changes})


def asked(
    steps: Sequence[Any],
    owners: Sequence[str] = OWNERS,
    *,
    columns: Mapping[str, Sequence[str]] = NUMBERS,
    results: Mapping[str, Sequence[str]] | None = None,
    receivers: Sequence[str] = (),
    facts: Mapping[str, DatasetFacts] | None = None,
    engine: str = "tee",
    **changes: Any,
) -> tuple[Proposal, Terms]:
    """A job and the terms that it runs under; every kind of result to every owner, if nothing is said."""
    given = facts or {owner: facts_of(owner, tables()[owner]) for owner in owners}
    to = results if results is not None else dict.fromkeys(KINDS, owners)
    keys = {name: f"{number:02}" * 32 for number, name in enumerate((*OWNERS, "regulator"), 11)}
    datasets = [
        {
            "name": one.name,
            "owner": owner,
            "id": one.id_names,
            "columns": [column.name for column in one.features],
            "label": None if one.label is None else one.label.name,
        }
        for owner, one in given.items()
    ]
    granted = [{"kind": kind, "to": list(names)} for kind, names in to.items() if names]
    terms = terms_for(parties=keys, datasets=datasets, engines=["mpc", "tee"], results=granted, **changes)
    spec = {
        "name": "score",
        "agreement": terms.id,
        "engine": engine,
        "datasets": {owner: one.name for owner, one in given.items()},
        "columns": {owner: list(columns[owner]) for owner in given},
        "receivers": list(receivers),
        "steps": list(steps),
    }
    return propose(validate_spec(spec), terms.id, "lender", given), terms


@dataclass
class Joint:
    """What a run in one process gave to whom."""

    plan: Plan | None = None
    files: dict[str, dict[str, bytes]] = field(default_factory=dict)
    """By receiver, then step and file."""
    steps: list[str] = field(default_factory=list)
    """As they were done."""

    def publish(
        self, step: str, kind: str, name: str, content: bytes, to: tuple[str, ...], rows: int
    ) -> None:
        assert rows > 0
        for party in to:
            assert f"{step}/{name}" not in self.files.setdefault(party, {})
            self.files[party][f"{step}/{name}"] = content

    def progress(self, step: str, done: int, total: int, what: str) -> None:
        if what == "done":
            self.steps.append(step)

    def document(self, party: str, name: str) -> Any:
        return json.loads(self.files[party][name])

    def scores(self, party: str, column: str, step: str = "evaluate") -> dict[str, float]:
        """By id."""
        found = pq.read_table(io.BytesIO(self.files[party][f"{step}/scores.parquet"])).to_pydict()
        return dict(zip(found[column], found["score"], strict=True))


def run(steps: Sequence[Any], owners: Sequence[str] = OWNERS, **more: Any) -> Joint:
    """The job over these owners' tables, in this process."""
    given: Mapping[str, Any] = more.pop("datasets", {owner: tables()[owner] for owner in owners})
    proposal, terms = asked(steps, owners, **more)
    made = Joint()
    made.plan = run_joint(proposal, terms, given, KEY, publish=made.publish, progress=made.progress)
    return made


def pooled(owners: Sequence[str] = OWNERS) -> pd.DataFrame:
    """The rows that all of them have, in the order of their keyed hashes: features in model order, label."""
    parts = []
    for owner in owners:
        table = tables()[owner].to_pandas()
        table["id"] = table.pop(ID[owner]).str.strip().str.lower()
        parts.append(table.set_index("id").add_prefix(f"{owner}_"))
    whole = pd.concat(parts, axis=1, join="inner")
    keys = keyed_ids(pa.array(whole.index, pa.large_string()), KEY)
    order = sorted(range(len(whole)), key=lambda row: bytes(keys[row]))
    return whole.iloc[order]


def alone(folder: Path, steps: Sequence[Any], owners: Sequence[str], texts: bool = False) -> Bench:
    """The same job in engine clear, on one table that has all columns, in a file of one owner."""
    whole = pooled(owners).reset_index()
    columns = [f"{owner}_{name}" for owner in owners for name in NUMBERS[owner]]
    columns += ["payments_job"] if texts else []
    path = folder / "pooled.parquet"
    pq.write_table(pa.Table.from_pandas(whole.sample(frac=1, random_state=1)), path)
    declared = [
        {"name": "id", "type": "text", "role": "id"},
        {"name": "lender_bad", "type": "int", "role": "label"},
        *(
            {"name": name, "type": "text" if name.endswith("job") else "float", "nullable": True}
            for name in columns
        ),
    ]
    spec = DatasetSpec.model_validate(
        {
            "name": "pooled",
            "source": ParquetSource(path=str(path)),
            "id_rule": RULE,
            "columns": [Column.model_validate(one) for one in declared],
        }
    )
    facts = DatasetFacts(name="pooled", owner="lender", id_rule=RULE, rows=len(whole), columns=spec.columns)
    granted = {"name": "pooled", "owner": "lender", "id": "id", "label": "lender_bad", "columns": columns}
    results = [{"kind": kind, "to": ["lender"]} for kind in KINDS]
    terms = terms_for(datasets=[granted], engines=["clear"], results=results)
    job = {
        "name": "score",
        "agreement": terms.id,
        "engine": "clear",
        "datasets": {"lender": "pooled"},
        "steps": list(steps),
    }
    proposal = propose(validate_spec(job), terms.id, "lender", {"lender": facts})
    made = Bench(folder, terms, proposal, {"lender": spec}, {"lender": Recorder()})
    made.run()
    assert not made.errors, made.errors
    return made
