"""The attester of a platform by its name, and what its evidence has to show for a measured tree."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, Literal, get_args

from coterie.tee.evidence.attest import gramine, nitro, tsm
from coterie.tee.evidence.attest.attester import Attester
from coterie.tee.evidence.attest.sim import SimAttester
from coterie.tee.evidence.attest.swtpm import MEASUREMENT_PCR, SwtpmAttester
from coterie.tee.evidence.errors import ATTESTER_MISSING

Platform = Literal["sim", "swtpm", "tdx", "snp", "gramine", "nitro"]
PLATFORMS: Final[tuple[Platform, ...]] = get_args(Platform)


def attester_for(platform: Platform, home: Path, measurement: bytes, job: bytes) -> Attester:
    """An attester for one run. It may hold processes: use it in a block of :func:`used`.

    :param home: folder of the simulated root; hardware needs none.
    :param measurement: 48 bytes, of the tree that is executed. Simulated platforms sign it; hardware has
        measured by itself.
    :param job: 32-byte SHA-256 digest of the job's manifest. Simulated platforms and Nitro bind it here, TDX
        and SNP were launched with it, and SGX has no place for it.

    Errors: CT-2247 (no such platform here), CT-2248 (it does not answer).
    """
    made: dict[Platform, Callable[[], Attester]] = {
        "sim": lambda: SimAttester(home, measurement, launch_bound=job),
        "swtpm": lambda: SwtpmAttester(home, _extended_by(measurement), launch_bound=job),
        "tdx": lambda: tsm.TsmAttester(tsm.REPORTS, kind="tdx"),
        "snp": lambda: tsm.TsmAttester(tsm.REPORTS, kind="snp"),
        "gramine": lambda: gramine.GramineAttester(gramine.FOLDER),
        "nitro": lambda: _nitro(job),
    }
    if platform not in made:
        raise ATTESTER_MISSING(f"'{str(platform)[:40]}' is none of {', '.join(PLATFORMS)}")
    return made[platform]()


def expected_measurements(platform: Platform, measurement: bytes) -> dict[str, str]:
    """Reference values of a measured tree, by the names that claims have. ``sim``: the measurement itself.
    ``swtpm``: PCR 8, extended once, by SHA-256 of it.

    Errors: CT-2247 for hardware: its values are those of a whole image, not of this tree.
    """
    if platform == "sim":
        return {"measurement": measurement.hex()}
    if platform == "swtpm":
        return {f"pcr{MEASUREMENT_PCR}": hashlib.sha256(bytes(32) + _extended_by(measurement)).hexdigest()}
    raise ATTESTER_MISSING(f"what {platform} measures is not computed from a tree of files")


@contextlib.contextmanager
def used(attester: Attester) -> Iterator[Attester]:
    """The attester for a block; one that holds something, such as a TPM's process, is closed at its end."""
    try:
        yield attester
    finally:
        close = getattr(attester, "close", None)
        if close is not None:
            close()


def _extended_by(measurement: bytes) -> bytes:
    """A PCR of the SHA-256 bank takes 32 bytes."""
    return hashlib.sha256(measurement).digest()


def _nitro(job: bytes) -> nitro.NitroAttester:
    made = nitro.NitroAttester()
    made.bind_launch(job)
    return made
