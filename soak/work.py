"""The jobs of a soak: one of every engine, and whether two runs of one have the same results."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from coterie.client import Client

Results = Mapping[str, Mapping[str, bytes]]
"""By party and name."""

SHARES = "model"
"""Of an mpc job it is random; its coefficients are compared."""
UNCOMPARED = {"run", "report"}
"""Kinds of results that name times."""
ROUNDING = 2e-3
"""Of an mpc job's numbers, as docs/components/logistic.md states for coefficients; relative above 1."""


@dataclass(frozen=True)
class Kind:
    """One job, submitted again and again."""

    name: str
    engine: str
    owners: Mapping[str, str]
    """Each with its dataset; the first one submits."""
    helper: str | None
    steps: tuple[Any, ...]
    rounding: float
    """Largest difference of a number that counts as none; 0 for the same bytes."""
    frame: str = "vertical"

    @property
    def initiator(self) -> str:
        return next(iter(self.owners))

    @property
    def participants(self) -> tuple[str, ...]:
        return (*self.owners, *([self.helper] if self.helper else []))

    def terms(self) -> dict[str, Any]:
        """Of the agreement for such jobs."""
        parties = list(self.owners)
        everybody = parties if self.helper in (None, "hub") else [*parties, self.helper]
        datasets = []
        for owner, name in self.owners.items():
            labelled = {"label": "bad"} if name != "behaviour" else {}
            datasets.append(
                {"name": name, "owner": owner, "id": "person", "columns": ["amount", "account"], **labelled}
            )
        helping: dict[str, Any] = {"services": ["hub"]} if self.helper == "hub" else {}
        role = {"mpc": "dealer", "fl": "coordinator"}.get(self.engine)
        if self.helper and role:
            helping[role] = self.helper
        names = [one if isinstance(one, str) else next(iter(one)) for one in self.steps]
        params = {
            next(iter(one)): {name: {"equals": value} for name, value in next(iter(one.values())).items()}
            for one in self.steps
            if isinstance(one, dict)
        }
        return {
            "name": f"soak-{self.name}",
            "parties": everybody,
            **helping,
            "datasets": datasets,
            "components": [
                {"name": name, **({"params": params[name]} if name in params else {})} for name in names
            ],
            "engines": [self.engine],
            "results": [{"kind": kind, "to": parties} for kind in ("model", "coefficients", "metrics")]
            + [{"kind": "scores", "to": parties[:1]}],
            "min_rows": 50,
            "not_before": "2026-01-01T00:00:00Z",
            "expires": "2096-01-01T00:00:00Z",
            "max_runs": 1_000_000,
            "approval": dict.fromkeys(everybody, "automatic"),
        }

    def spec(self, agreement: str, name: str) -> str:
        """A job file."""
        frame = {} if self.frame == "vertical" else {"frame": self.frame}
        return json.dumps(
            {
                "name": name,
                "agreement": agreement,
                "engine": self.engine,
                **frame,
                "datasets": dict(self.owners),
                "steps": list(self.steps),
            }
        )


TWO = {"alpha": "customers", "beta": "behaviour"}
SCORE = ("align", "split", "fill", "standardize", "logistic", "evaluate")
KINDS = {
    one.name: one
    for one in (
        Kind("clear", "clear", {"alpha": "customers"}, None, SCORE, 0.0),
        Kind("mpc", "mpc", TWO, "hub", SCORE, ROUNDING),
        Kind("three", "mpc", TWO, "gamma", SCORE, ROUNDING),
        Kind(
            "fl",
            "fl",
            dict.fromkeys(("alpha", "beta", "gamma"), "loans"),
            "hub",
            ("stack", "split", "fill", "standardize", "logistic", "evaluate"),
            ROUNDING,
            "horizontal",
        ),
        Kind("tee", "tee", TWO, "hub", SCORE, 0.0),
    )
}
"""``three`` is engine mpc without a hub: the third party deals."""


def fetch(clients: Mapping[str, Client], kind: Kind, job: str, folder: Path) -> dict[str, dict[str, bytes]]:
    """All results that are compared, as the parties' nodes give them; ``folder`` is written to."""
    folder.mkdir(parents=True, exist_ok=True)
    found: dict[str, dict[str, bytes]] = {}
    for party in kind.owners:
        for one in clients[party].results(job):
            if one.kind in UNCOMPARED or (kind.engine == "mpc" and one.kind == SHARES):
                continue
            content = clients[party].download(job, one.name, folder / "result").read_bytes()
            found.setdefault(party, {})[one.name] = content
    return found


def differences(kind: Kind, right: Results, got: Results) -> list[str]:
    """In words, what is not as it should be."""
    found = []
    for party in sorted({*right, *got}):
        wanted, there = right.get(party, {}), got.get(party, {})
        for name in sorted({*wanted, *there}):
            where = f"{party}: {name}"
            if name not in wanted or name not in there:
                found.append(f"{where}: {'not there' if name in wanted else 'not known'}")
            elif kind.rounding == 0.0:
                if wanted[name] != there[name]:
                    found.append(f"{where}: other bytes")
            else:
                far = distance(values(name, wanted[name]), values(name, there[name]))
                if far > kind.rounding:
                    found.append(f"{where}: off by {far:.3g}")
    return found


def values(name: str, content: bytes) -> Any:
    """A result as plain values."""
    if name.endswith(".parquet"):
        # By ids: an mpc job gives the rows in another order each time.
        table = pq.read_table(io.BytesIO(content))
        return table.sort_by(table.column_names[0]).to_pydict()
    if name.endswith(".json"):
        return json.loads(content)
    return content


def distance(one: Any, other: Any) -> float:
    """The largest difference of two numbers at the same place, relative where they are above 1; infinite
    where anything else differs.
    """
    if float in (type(one), type(other)) and {type(one), type(other)} <= {float, int}:
        if math.isnan(one) or math.isnan(other):
            return 0.0 if math.isnan(one) and math.isnan(other) else math.inf
        apart = float(abs(one - other))
        return apart / max(1.0, float(abs(one)))
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        return max((distance(one[key], other[key]) for key in one), default=0.0)
    if isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        return max((distance(a, b) for a, b in zip(one, other, strict=True)), default=0.0)
    return 0.0 if one == other else math.inf
