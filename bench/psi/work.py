"""The work: two files of ids, of which some are common."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import csv

from bench.line import LAN, LOOPBACK, NARROW, WAN, Shape
from bench.spu import VERSION as SPU

PARTIES = ("left", "right")
COLUMN = "id"
DIGITS = 18

OURS = "coterie"
OPRF, DH, MALICIOUS = "coterie oprf", "coterie dh", "coterie oprf malicious"
RR22, RR22_LOW, KKRT, ECDH = (f"spu {SPU} {name}" for name in ("rr22", "rr22 low", "kkrt", "ecdh"))
OPENMINED = "openmined 2.0.6"

_ODD = np.uint64(0x9E3779B97F4A7C15)
_MASK = np.uint64(2**56 - 1)
_FIRST = np.uint64(10 ** (DIGITS - 1))


@dataclass(frozen=True)
class Work:
    """Sizes, the network, and who is measured."""

    name: str
    left: int
    right: int
    sides: tuple[str, ...]
    shape: Shape = LOOPBACK
    once: tuple[str, ...] = ()
    """Sides that take minutes: measured in the first turn alone."""
    beside: int = 0
    """Ours is measured in turn with this many rows at each party, too: whether time grows as rows do."""

    @property
    def common(self) -> int:
        """Half of the smaller side."""
        return min(self.left, self.right) // 2

    @property
    def ours(self) -> str:
        """Which of our sides the others are compared with: the first."""
        return next(side for side in self.sides if side.startswith(OURS))

    @property
    def smaller(self) -> Work:
        """The same with fewer rows."""
        return replace(self, left=self.beside, right=self.beside)

    @property
    def smaller_name(self) -> str:
        """The side that our measurements of fewer rows are called by."""
        return f"{self.ours} of {self.beside} rows"

    @property
    def rows(self) -> dict[str, int]:
        """By party."""
        return dict(zip(PARTIES, (self.left, self.right), strict=True))

    @property
    def files(self) -> str:
        """The folder of its files: works of equal sizes have the same."""
        return f"psi_{self.left}_{self.right}"


@dataclass(frozen=True)
class Data:
    """The files of a work, and what is to come out."""

    folder: Path
    truth: NDArray[np.int64]
    """The common ids, ascending."""
    suffix: str = ".csv"
    """Of the files to read."""

    def path(self, party: str) -> Path:
        """A party's file."""
        return self.folder / f"{party}{self.suffix}"


ALL = (OPRF, DH, RR22, KKRT, ECDH)
NETWORK = (OPRF, RR22, RR22_LOW, KKRT)


def equal(rows: int) -> dict[str, int]:
    """Both sides are as large."""
    return {"left": rows, "right": rows}


WORKS = (
    Work("psi_1e4", **equal(10_000), sides=(*ALL, OPENMINED)),
    Work("psi_1e5", **equal(100_000), sides=(*ALL, OPENMINED), once=(OPENMINED,)),
    Work("psi_1e6", **equal(1_000_000), sides=ALL),
    Work("psi_2e20", **equal(2**20), sides=(*ALL, OPENMINED), once=(OPENMINED,)),
    Work("psi_1e7", **equal(10_000_000), sides=(OPRF, RR22, KKRT), once=(KKRT,), beside=1_000_000),
    Work("malicious", **equal(2**20), sides=(MALICIOUS, OPRF, RR22)),
    Work("psi_lan", **equal(2**20), sides=NETWORK, shape=LAN),
    Work("psi_wan", **equal(2**20), sides=NETWORK, shape=WAN),
    Work("psi_narrow", **equal(2**20), sides=NETWORK, shape=NARROW, once=(KKRT,)),
)


def ids(start: int, stop: int) -> NDArray[np.int64]:
    """Numbers of 18 digits, all different, that look random: a multiplication by an odd number modulo 2^56
    is one to one."""
    places = np.arange(start, stop, dtype=np.uint64)
    return ((places * _ODD & _MASK) + _FIRST).astype(np.int64)


def generate(work: Work, directory: Path) -> Data:
    """Both parties' files, equal in every run: one column of ids, each file in an order of its own.

    Files that an earlier run has finished stay.
    """
    folder = directory / work.files
    shared = work.left - work.common
    data = Data(folder, np.sort(ids(shared, work.left)))
    done, wanted = folder / "files.json", {"left": work.left, "right": work.right, "common": work.common}
    if done.exists() and json.loads(done.read_text(encoding="utf-8")) == wanted:
        return data
    folder.mkdir(parents=True, exist_ok=True)
    generator = np.random.Generator(np.random.PCG64(20261123))
    for party, start in zip(PARTIES, (0, shared), strict=True):
        values = ids(start, start + work.rows[party])
        generator.shuffle(values)
        write_ids(data.path(party), pa.array(values))
    done.write_text(json.dumps(wanted), encoding="utf-8")
    return data


def write_ids(path: Path, values: pa.Array | pa.ChunkedArray) -> None:
    """A CSV file with one column of ids."""
    with path.open("wb") as out:
        csv.write_csv(pa.table({COLUMN: values}), out, csv.WriteOptions(quoting_style="needed"))


def read_ids(path: Path) -> NDArray[np.int64]:
    """The ids of a CSV file, in its order."""
    wanted = csv.ConvertOptions(column_types={COLUMN: pa.int64()}, include_columns=[COLUMN])
    return csv.read_csv(path, convert_options=wanted)[COLUMN].to_numpy()


def check(side: str, party: str, result: Path, truth: NDArray[np.int64]) -> None:
    """Refuse a result that is not the common ids, ascending.

    :raises RuntimeError: with what is wrong.
    """
    found = read_ids(result)
    if np.array_equal(found, truth):
        return
    missing, added = len(np.setdiff1d(truth, found)), len(np.setdiff1d(found, truth))
    what = f"{missing} common ids are missing, {added} are not common" if missing or added else "not sorted"
    if len(found) != len(np.unique(found)):
        what += ", some are there twice"
    raise RuntimeError(f"{side} at {party}, {len(found)} of {len(truth)} ids: {what}")
