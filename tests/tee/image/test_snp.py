"""Launch digests of SEV-SNP: as the tool that is made for it says, and nothing left out."""

from __future__ import annotations

import dataclasses
import hashlib
import struct
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from coterie.errors import CoterieError
from coterie.tee.evidence.reference import ReferenceValues
from coterie.tee.image.snp import SnpLaunch, launch_digest, reference_values
from tests.tee.image.firmware import SECTIONS, firmware


@pytest.fixture
def launch(tmp_path: Path) -> SnpLaunch:
    for name, content in (("ovmf", firmware()), ("kernel", b"kernel" * 999), ("initrd", b"initrd" * 999)):
        (tmp_path / name).write_bytes(content)
    files = (tmp_path / "ovmf", tmp_path / "kernel", tmp_path / "initrd")
    return SnpLaunch(
        *files, command_line="console=ttyS0 coterie.verity=00,1", vcpus=3, vcpu_type="EPYC-Milan"
    )


def test_it_is_what_the_tool_says(launch: SnpLaunch) -> None:
    line = [f"{sysconfig.get_path('scripts')}/sev-snp-measure", "--mode", "snp", "--vcpus", "3"]
    line += ["--vcpu-type", "EPYC-Milan", "--ovmf", str(launch.firmware), "--kernel", str(launch.kernel)]
    line += ["--initrd", str(launch.initrd), "--append", launch.command_line, "--guest-features", "0x1"]
    said = subprocess.run(line, capture_output=True, text=True, check=True).stdout.strip()
    assert launch_digest(launch).hex() == said


def test_the_firmware_is_measured_as_the_manual_says(launch: SnpLaunch) -> None:
    """AMD 56860, 8.17.2: PAGE_INFO of every page, in one chain; by own arithmetic, of a firmware alone."""
    from sevsnpmeasure.guest import calc_snp_ovmf_hash

    data, digest = launch.firmware.read_bytes(), bytes(48)
    for at in range(0, len(data), 4096):
        page = hashlib.sha384(data[at : at + 4096]).digest()
        info = digest + page + struct.pack("<HBBBBHQ", 0x70, 1, 0, 0, 0, 0, 2**32 - len(data) + at)
        digest = hashlib.sha384(info).digest()
    assert calc_snp_ovmf_hash(str(launch.firmware)) == digest


def test_everything_counts(launch: SnpLaunch, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.write_bytes(b"other")
    changed = bytearray(launch.firmware.read_bytes())
    changed[0] ^= 1
    (tmp_path / "changed").write_bytes(changed)
    digests = {launch_digest(launch)}
    changes: list[dict[str, object]] = [
        {"firmware": tmp_path / "changed"},
        {"kernel": other},
        {"initrd": other},
        {"command_line": launch.command_line.replace("00", "01")},
        {"vcpus": 4},
        {"vcpu_type": "EPYC-Genoa"},
        {"features": 0x21},
    ]
    for change in changes:
        digests.add(launch_digest(dataclasses.replace(launch, **change)))  # type: ignore[arg-type]
    assert len(digests) == 1 + len(changes)
    assert {len(one) for one in digests} == {48}


@pytest.mark.parametrize("content", [b"", b"x" * 5000, firmware(SECTIONS[:3]), firmware(((0, 4096, 99),))])
def test_a_firmware_that_does_not_check_the_kernel_is_refused(launch: SnpLaunch, content: bytes) -> None:
    launch.firmware.write_bytes(content)
    with pytest.raises(CoterieError) as caught:
        launch_digest(launch)
    assert caught.value.code == "CT-2304"


def test_what_is_not_there_is_named(launch: SnpLaunch, tmp_path: Path) -> None:
    for change in ({"kernel": tmp_path / "none"}, {"vcpu_type": "Pentium"}):
        with pytest.raises(CoterieError) as caught:
            launch_digest(dataclasses.replace(launch, **change))  # type: ignore[arg-type]
        assert caught.value.code == "CT-2304"
        assert "none" in caught.value.detail or "EPYC-Turin" in caught.value.detail


def test_without_the_library_it_says_what_to_install(
    launch: SnpLaunch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sevsnpmeasure", None)
    with pytest.raises(CoterieError) as caught:
        launch_digest(launch)
    assert caught.value.code == "CT-2303"


def test_the_reference_values_name_the_digest_and_allow_no_chip_yet(launch: SnpLaunch) -> None:
    text = reference_values(launch_digest(launch), launch)
    values = ReferenceValues.parse(text.encode())
    assert values.measurements["snp"] == ({"measurement": launch_digest(launch).hex()},)
    assert values.platform.types == ("snp",)
    assert values.platform.chips == ()
    completed = text.replace("chips: []", "chips: any").replace("  # minimum_svns", "  minimum_svns")
    assert set(ReferenceValues.parse(completed.encode()).platform.minimum_svns) == {"snp-milan"}
