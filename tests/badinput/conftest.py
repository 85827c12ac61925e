"""Jobs over tables with something wrong in them; and three real daemons."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from coterie.data import DatasetSpec, inspect
from coterie.jobs import propose, validate_spec
from tests.jobs.conftest import STEPS, Bench, Recorder, terms_for
from tests.node.conftest import trio

__all__ = ["Change", "Columns", "Tables", "tables", "trio"]

ROWS = 200
COMMON = 150

Columns = dict[str, list[Any]]
Change = Callable[[Columns], None]


@dataclass
class Tables:
    """Both parties' tables, sound until something is done to them."""

    folder: Path
    lender: Columns
    payments: Columns
    types: dict[str, str] = field(default_factory=dict)
    nullable: tuple[str, ...] = ()

    def bench(self, steps: Sequence[Any] = STEPS, **terms: Any) -> Bench:
        """A job over the tables as they are. Raises what their inspection finds."""
        specs = {"lender": self._spec("lender", "customers"), "payments": self._spec("payments", "behaviour")}
        agreed = terms_for(**terms)
        spec = validate_spec(
            {
                "name": "score",
                "agreement": agreed.id,
                "engine": "mpc",
                "datasets": {"lender": "customers", "payments": "behaviour"},
                "steps": list(steps),
            }
        )
        facts = {party: inspect(one, party) for party, one in specs.items()}
        recorders = {name: Recorder() for name in ("lender", "payments", "hub")}
        return Bench(self.folder, agreed, propose(spec, agreed.id, "lender", facts), specs, recorders)

    def _spec(self, party: str, name: str) -> DatasetSpec:
        columns: Mapping[str, list[Any]] = getattr(self, party)
        path = self.folder / f"{party}.csv"
        rows = zip(*columns.values(), strict=True)
        path.write_text(
            "".join(
                ",".join("" if v is None else str(v) for v in row) + "\n" for row in [tuple(columns), *rows]
            )
        )
        kinds = {"key": "text", "bad": "int", **self.types}
        roles = {"key": "id", "bad": "label"}
        return DatasetSpec.model_validate(
            {
                "name": name,
                "source": {"kind": "csv", "path": str(path)},
                "id_rule": ["trim", "lower"],
                "columns": [
                    {
                        "name": one,
                        "type": kinds.get(one, "float"),
                        "role": roles.get(one, "feature"),
                        "nullable": one in self.nullable,
                    }
                    for one in columns
                ],
            }
        )


@pytest.fixture
def tables(tmp_path: Path) -> Tables:
    chance = np.random.default_rng(3)
    values = chance.normal(size=(ROWS, 4))
    label = (values @ np.array([1.0, -0.5, 1.5, 0.7]) + chance.normal(size=ROWS) > 0).astype(int)
    shift = ROWS - COMMON
    theirs = np.roll(values, -shift, axis=0)
    return Tables(
        tmp_path,
        {
            "key": [f"k{row}" for row in range(ROWS)],
            "bad": label.tolist(),
            "a": values[:, 0].tolist(),
            "b": values[:, 1].tolist(),
        },
        {
            "key": [f"k{row + shift}" for row in range(ROWS)],
            "c": theirs[:, 2].tolist(),
            "d": theirs[:, 3].tolist(),
        },
    )
