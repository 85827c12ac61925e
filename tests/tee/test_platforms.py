"""Attesters by the names of platforms, and what their evidence shows for a measured tree."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

import pytest

from coterie.errors import CoterieError
from coterie.tee.evidence.attest import gramine, nitro, tsm
from coterie.tee.evidence.attest.attester import Attester
from coterie.tee.evidence.attest.platforms import (
    PLATFORMS,
    Platform,
    attester_for,
    expected_measurements,
    used,
)
from coterie.tee.evidence.attest.swtpm import TOOLS, SwtpmAttester
from coterie.tee.evidence.model import Evidence
from coterie.tee.evidence.verify import state
from tests.tee.test_attesters import Kernel

MEASUREMENT = hashlib.sha384(b"tree").digest()
JOB = hashlib.sha256(b"job").digest()
DATA = bytes(64)


def code_of(platform: str, home: Path) -> str:
    with pytest.raises(CoterieError) as caught, used(attester_for(platform, home, MEASUREMENT, JOB)) as made:  # type: ignore[arg-type]
        made.quote(DATA)
    return caught.value.code


def test_sim_states_the_measurement_and_the_job(tmp_path: Path) -> None:
    with used(attester_for("sim", tmp_path, MEASUREMENT, JOB)) as attester:
        said = state(attester.quote(DATA))
    assert said.measurements == expected_measurements("sim", MEASUREMENT)
    assert said.measurements == {"measurement": hashlib.sha384(b"tree").hexdigest()}
    assert said.launch_bound == JOB.hex()


@pytest.mark.skipif(any(shutil.which(tool) is None for tool in TOOLS), reason="no swtpm or tpm2-tools here")
def test_swtpm_states_them_in_its_registers_and_is_gone_after_its_use(tmp_path: Path) -> None:
    with used(attester_for("swtpm", tmp_path, MEASUREMENT, JOB)) as attester:
        assert isinstance(attester, SwtpmAttester)
        assert attester._process is not None
        said = state(attester.quote(DATA))
        assert attester._folder.is_dir()
    assert said.measurements["pcr8"] == expected_measurements("swtpm", MEASUREMENT)["pcr8"]
    assert said.launch_bound == said.measurements["pcr16"]
    assert said.launch_bound == hashlib.sha256(bytes(32) + JOB).hexdigest()
    assert attester._process.returncode is not None
    assert not attester._folder.exists()


def test_the_expected_register_is_the_digest_of_the_digest() -> None:
    """By hand: a register begins with zeros, and is extended once, by SHA-256 of the measurement."""
    extended = hashlib.sha256(bytes(32) + hashlib.sha256(MEASUREMENT).digest()).hexdigest()
    assert expected_measurements("swtpm", MEASUREMENT) == {"pcr8": extended}
    other = MEASUREMENT[:-1] + bytes([MEASUREMENT[-1] ^ 1])
    assert expected_measurements("swtpm", other) != expected_measurements("swtpm", MEASUREMENT)


@pytest.mark.parametrize("platform", ["tdx", "snp", "gramine", "nitro"])
def test_hardware_that_is_not_here_says_so(
    platform: Platform, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, name in ((tsm, "REPORTS"), (gramine, "FOLDER"), (nitro, "DEVICE")):
        monkeypatch.setattr(module, name, tmp_path / "none")
    assert code_of(platform, tmp_path) == "CT-2247"
    with pytest.raises(CoterieError, match="CT-2247"):
        expected_measurements(platform, MEASUREMENT)


def test_a_machine_of_the_other_vendor_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"provider": b"tdx_guest\n", "outblob": b"quote", "generation": b"1\n"}
    kernel = Kernel(tmp_path / "report", monkeypatch, **files)
    monkeypatch.setattr(tsm, "REPORTS", kernel.reports)
    assert code_of("snp", tmp_path) == "CT-2247"
    assert attester_for("tdx", tmp_path, MEASUREMENT, JOB).quote(DATA).type == "tdx"


def test_names_that_are_none_are_refused(tmp_path: Path) -> None:
    assert code_of("sgx", tmp_path) == "CT-2247"
    assert set(PLATFORMS) == {"sim", "swtpm", "tdx", "snp", "gramine", "nitro"}


class Held:
    """An attester that holds a descriptor, and one that is refused."""

    def __init__(self) -> None:
        self.descriptor = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)

    def quote(self, report_data: bytes) -> Evidence:
        raise ValueError("refused")

    def close(self) -> None:
        os.close(self.descriptor)


def test_an_attester_is_closed_after_an_error_too() -> None:
    made: Attester = Held()
    with pytest.raises(ValueError, match="refused"), used(made) as attester:
        attester.quote(DATA)
    with pytest.raises(OSError, match="Bad file"):
        os.fstat(made.descriptor)  # type: ignore[attr-defined]
