"""``coterie evidence``: what people read of it, and its exit status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from coterie.crypto import canonical
from coterie.tee import SimAttester
from tests.cli.conftest import call
from tests.tee import material
from tests.tee.material import needs_material

DATA = bytes(range(64))


@pytest.fixture(scope="module")
def sim(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SimAttester]:
    folder = tmp_path_factory.mktemp("evidence")
    attester = SimAttester(folder / "home", b"\1" * 32, launch_bound=b"\2" * 32)
    (folder / "evidence.json").write_bytes(attester.quote(DATA).to_bytes())
    reference = {
        "version": "coterie/reference/v1",
        "measurements": {"sim": [{"measurement": "01" * 32}]},
        "platform": {"types": ["sim"], "simulated": True, "chips": "any"},
    }
    (folder / "reference.json").write_bytes(canonical(reference))
    return folder, attester


def test_show_says_that_nothing_is_verified(sim: tuple[Path, SimAttester]) -> None:
    said = call("evidence", "show", str(sim[0] / "evidence.json"))
    assert said.status == 0
    assert "NOT verified" in said.out
    assert "SIMULATED" in said.out
    assert call("evidence", "show", str(sim[0] / "evidence.json"), "--json").json["report_data"] == DATA.hex()


def test_verify_and_appraise_simulated_evidence(sim: tuple[Path, SimAttester]) -> None:
    folder, attester = sim
    line = ["evidence", "verify", str(folder / "evidence.json"), "--simulated-root", attester.pin]
    said = call(*line)
    assert (said.status, "verified" in said.out, "By the reference values" in said.out) == (0, True, False)
    line += ["--reference", str(folder / "reference.json")]
    said = call(*line, "--report-data", DATA.hex(), "--job", "02" * 32)
    assert said.status == 0
    assert "accepted" in said.out
    claims, appraisal = call(*line, "--json").json
    assert (claims["assurance"], appraisal["accepted"]) == ("simulated", True)
    for wrong in (["--report-data", "00" * 64], ["--job", "00" * 32]):
        said = call(*line, *wrong)
        assert said.status == 1
        assert "REFUSED" in said.out


def test_production_is_what_is_meant_without_a_word(sim: tuple[Path, SimAttester]) -> None:
    assert call("evidence", "verify", str(sim[0] / "evidence.json")).code == "CT-2233"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--simulated-root", "00" * 32], "CT-2235"),
        (["--simulated-root", "short"], "CT-2235"),
        (["--reference", "/none.yaml"], "CT-1122"),
        (["--endorsements", "/none.pem"], "CT-6001"),
        (["--at", "yesterday"], "CT-1112"),
    ],
)
def test_what_is_given_wrongly(sim: tuple[Path, SimAttester], words: list[str], code: str) -> None:
    root = [] if "--simulated-root" in words else ["--simulated-root", sim[1].pin]
    assert call("evidence", "verify", str(sim[0] / "evidence.json"), *root, *words).code == code


def test_words_that_are_not_understood(sim: tuple[Path, SimAttester], tmp_path: Path) -> None:
    file = str(sim[0] / "evidence.json")
    reference = ["--reference", str(sim[0] / "reference.json")]
    assert call("evidence", "show", file, "--type", "sev").status == 2
    line = ("evidence", "verify", file, "--simulated-root", sim[1].pin, *reference)
    assert call(*line, "--report-data", "xy").status == 2
    (tmp_path / "large").write_bytes(bytes(9 * 2**20))
    assert call("evidence", "show", str(tmp_path / "large")).code == "CT-6003"


@needs_material
def test_a_report_of_real_hardware(tmp_path: Path) -> None:
    folder = material.FOLDER / "snp"
    line = ["evidence", "verify", str(folder / "trustee" / "test-report.bin"), "--type", "snp"]
    line += ["--endorsements", str(folder / "go-sev-guest" / "ask_ark_milan.pem")]
    line += ["--endorsements", str(folder / "trustee" / "test-vcek.der"), "--at", "2025-01-01T00:00:00Z"]
    said = call(*line)
    assert said.status == 0
    assert "AMD SEV-SNP Milan" in said.out
    measurement = call(*line, "--json").json["measurements"]["measurement"]
    reference = {
        "version": "coterie/reference/v1",
        "measurements": {"snp": [{"measurement": measurement}]},
        "platform": {
            "types": ["snp"],
            "chips": "any",
            "minimum_svns": {"snp-milan": {"bootloader": 3, "tee": 0, "snp": 8, "microcode": 115}},
        },
    }
    (tmp_path / "reference.yaml").write_text("# good\n" + json.dumps(reference, indent=1))
    said = call(*line, "--reference", str(tmp_path / "reference.yaml"))
    assert (said.status, "no list was given" in said.out) == (1, True)
    assert call(*line[:-2], "--at", "2031-01-01T00:00:00Z").code == "CT-2236"
