"""SPU's own set intersection, file to file, each protocol with the settings that make it fastest."""

from __future__ import annotations

import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench import spu
from bench.psi.side import Run, told
from bench.psi.work import COLUMN, ECDH, KKRT, PARTIES, RR22, RR22_LOW, Data, Work

PARTY = Path(__file__).with_name("spu_party.py")


@dataclass(frozen=True)
class Settings:
    """Of ``spu.psi``. Beside these: ids are unique (it then does not look for duplicates), both parties get
    the result, and in one order."""

    protocol: str
    bucket_size: int = 2**20
    """Rows of a bucket of RR22 and KKRT; SPU's default."""
    low_communication: bool = False
    curve: str = "CURVE_25519"


SETTINGS = {
    # Measured at 2^20 rows: 2^18 is as fast or faster than 2^17, 2^19 and 2^20.
    RR22: Settings("RR22", bucket_size=2**18),
    # In one bucket: in several it misses some common rows, 46 of 524,288 for example.
    RR22_LOW: Settings("RR22", low_communication=True),
    KKRT: Settings("KKRT", bucket_size=2**18),
    # Faster than its other curves, FourQ too.
    ECDH: Settings("ECDH"),
}


def measure(work: Work, data: Data, side: str) -> Run:
    """Intersect once, in fresh processes.

    :raises PeerMissing: where SPU cannot be installed.
    :raises RuntimeError: where a party fails, or a result is wrong.
    """
    settings = SETTINGS[side]
    with tempfile.TemporaryDirectory(prefix="spu-bench-") as scratch:
        inputs = _links(data, Path(scratch))
        outputs = [Path(scratch) / f"{party}.result.csv" for party in PARTIES]
        spec: dict[str, Any] = asdict(settings) | {
            "column": COLUMN,
            "inputs": [str(path) for path in inputs],
            "outputs": [str(path) for path in outputs],
            "scratch": scratch,
        }
        done = spu.run(PARTY, settings.protocol, spec, data.folder, work.shape)
        results = {party: one.result for party, one in zip(PARTIES, done, strict=True)}
        return told(side, results, data, zip(PARTIES, outputs, strict=True))


def _links(data: Data, scratch: Path) -> list[Path]:
    """The files by other names: SPU keeps what it has seen of a file beside it, and is to see it anew."""
    links = [scratch / f"{party}.csv" for party in PARTIES]
    for party, link in zip(PARTIES, links, strict=True):
        link.symlink_to(data.path(party))
    return links
