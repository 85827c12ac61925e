"""Give Me Some Credit as two or three institutions would hold it, and new applications to score.

The public table is had as the demo has it (``examples/credit_score/data.py``). In truth one holder had all
columns: the cut is for the example. The number of a row stands for the time of the application: what came
last is held back for the test, and some of those rows apply again, without a label.
"""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from examples.credit_score import data

LABEL = data.LABEL
TIME = "application"
TEST_SHARE = 0.3
"""Latest applications, which models are measured on."""
APPLICANTS = 13_500
"""Of those rows that apply again."""
STRANGERS = 1_500
"""Applicants whom only the lender knows."""

UTILISATION = "RevolvingUtilizationOfUnsecuredLines"
PAST_DUE = data.PAYMENTS[2:]

CUTS: Mapping[int, Mapping[str, Sequence[str]]] = {
    2: {"lender": data.LENDER, "payments": data.PAYMENTS},
    3: {
        "lender": (
            UTILISATION,
            "NumberOfOpenCreditLinesAndLoans",
            "NumberRealEstateLoansOrLines",
            "DebtRatio",
        ),
        "telecom": ("age", "MonthlyIncome", "NumberOfDependents"),
        "microlender": PAST_DUE,
    },
}
"""Features by party, for two and three parties. The lender has the label."""
STYLES = {"lender": "C{:07d}", "payments": " c{:07d}", "telecom": "c{:07d}", "microlender": "C{:07d} "}
"""How each writes its customers' ids; the id rule of the datasets brings them to one form."""

Row = Mapping[str, str]


@dataclass(frozen=True)
class Tables:
    """CSV files: of customers by party, and of the lender's new applications."""

    customers: Mapping[str, Path]
    applications: Path
    pooled: Path
    """All columns of all customers, which no party has: for engine clear."""
    pooled_applications: Path


def cut(table: bytes, directory: Path, parties: int, *, seed: int = 2026) -> Tables:
    """Write each party's files, each in an order of its own."""
    rows = list(csv.DictReader(io.StringIO(table.decode("ascii"))))
    directory.mkdir(parents=True, exist_ok=True)
    chance = random.Random(seed)
    columns, latest = CUTS[parties], rows[-int(TEST_SHARE * len(rows)) :]
    again = chance.sample(latest, APPLICANTS)
    strangers = [
        {**row, "id": str(len(rows) + 1 + number)}
        for number, row in enumerate(chance.sample(latest, STRANGERS))
    ]
    customers = {}
    for party, features in columns.items():
        wanted = (LABEL, TIME, *features) if party == "lender" else tuple(features)
        customers[party] = _write(directory / f"{party}.csv", rows, wanted, STYLES[party], chance)
    own, every = (TIME, *columns["lender"]), (TIME, *(name for names in columns.values() for name in names))
    return Tables(
        customers,
        _write(directory / "applications.csv", [*again, *strangers], own, STYLES["lender"], chance),
        _write(directory / "pooled.csv", rows, (LABEL, *every), STYLES["lender"], chance),
        _write(directory / "pooled-applications.csv", again, every, STYLES["lender"], chance),
    )


def _write(
    path: Path, rows: Iterable[Row], columns: Sequence[str], style: str, chance: random.Random
) -> Path:
    shuffled = list(rows)
    chance.shuffle(shuffled)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("customer", *columns))
        for row in shuffled:
            given = {**row, TIME: row["id"]}
            writer.writerow((style.format(int(row["id"])), *(given[name] for name in columns)))
    return path
