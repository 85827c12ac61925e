"""``coterie tee``: measurements as lines for an agreement, images with the digest of their launch."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pytest
import yaml

from coterie.agreement import TeeTerms
from coterie.node import init_node
from coterie.tee import Contents, ReferenceValues, SimulatedHome
from coterie.tee.image import build
from tests.cli.conftest import Cli, call
from tests.tee.image.firmware import firmware
from tests.tee.image.kernel import kernel
from tests.tee.joint import NOW


@pytest.fixture
def home(tmp_path: Path) -> Cli:
    init_node(tmp_path / "home", "lender")
    return lambda *words: call("--home", str(tmp_path / "home"), *words)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """A folder with an image that is up to date, as far as anybody can tell without reading it."""
    tree = tmp_path / "images" / Contents().fingerprint() / "coterie"
    tree.mkdir(parents=True)
    (tree / "start.pyc").write_bytes(b"code")
    (tree / "start.pyc").chmod(0o444)
    return tmp_path / "images"


def test_the_lines_are_good_for_an_agreement(home: Cli, images: Path, tmp_path: Path) -> None:
    said = home("tee", "measure", "--image", str(images))
    assert said.status == 0, said.err
    listing = home("tee", "measure", "--image", str(images), "--list").out
    digest = hashlib.sha256(b"code").hexdigest()
    assert listing.endswith(f"\nfile 0444 4 {digest} /coterie/start.pyc\n")
    measured = hashlib.sha384(listing.encode()).digest()
    # A PCR of zeros, extended once by SHA-256 of the measurement.
    pcr8 = hashlib.sha256(bytes(32) + hashlib.sha256(measured).digest()).hexdigest()
    lines = yaml.safe_load(said.out)
    assert lines == {
        "measurements": {"sim": [{"measurement": measured.hex()}], "swtpm": [{"pcr8": pcr8}]},
        "simulated_roots": [SimulatedHome(tmp_path / "home" / "tee" / "simulated", NOW).pin],
    }
    platform = {"types": ["sim", "swtpm"], "simulated": True, "chips": "any"}
    TeeTerms.model_validate({"host": "hub", "platform": platform, "max_output_bytes": 1, **lines})


def test_each_part_has_its_own(home: Cli, images: Path) -> None:
    def view(part: str) -> dict[str, object]:
        return home("tee", "measure", "--image", str(images), "--part", part, "--json").json

    runner, dealer, keeper = map(view, ("runner", "dealer", "keeper"))
    assert len({str(one["measurement"]) for one in (runner, dealer, keeper)}) == 3
    assert runner["files"] == 1
    assert runner["listing"] is None
    assert runner == view("runner")


def test_an_image_that_is_damaged_is_not_measured(home: Cli, images: Path) -> None:
    (next(images.iterdir()) / "coterie" / "link").symlink_to("start.pyc")
    assert home("tee", "measure", "--image", str(images)).code == "CT-2289"


def test_a_folder_that_cannot_be_made_is_named(home: Cli, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert home("tee", "measure", "--image", str(tmp_path / "file" / "images")).code == "CT-1121"


def test_without_a_home_there_is_no_root(tmp_path: Path) -> None:
    assert call("--home", str(tmp_path / "none"), "tee", "measure").code == "CT-5002"


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Images of one file: what is in them is tested elsewhere."""

    def make_image(target: Path, _: Contents) -> None:
        (target / "coterie").mkdir(parents=True)
        (target / "coterie" / "start.pyc").write_bytes(b"code")

    monkeypatch.setattr(build, "make_image", make_image)
    monkeypatch.setattr(build, "first_files", lambda _tree, modules: b"".join(code for _, code in modules))


@pytest.mark.usefixtures("small")
@pytest.mark.skipif(shutil.which("mkfs.erofs") is None, reason="erofs-utils is not installed")
def test_an_image_and_its_launch_digest(tmp_path: Path) -> None:
    (tmp_path / "ovmf").write_bytes(firmware())
    (tmp_path / "kernel").write_bytes(b"kernel")
    words = ("--modules", str(kernel(tmp_path / "modules")), "--append", "quiet  loglevel=3")
    launch = ("--ovmf", str(tmp_path / "ovmf"), "--kernel", str(tmp_path / "kernel"), "--vcpus", "2")
    target = tmp_path / "image"
    said = call("tee", "image", "-o", str(target), *words, *launch, "--json")
    assert said.status == 0, said.err
    assert said.json["command_line"].endswith(" quiet loglevel=3")
    values = ReferenceValues.load(target / "reference-snp.yaml")
    assert values.measurements["snp"] == ({"measurement": said.json["snp"]},)
    assert call("tee", "image", "-o", str(target)).code == "CT-6002"
    plain = call("tee", "image", "-o", str(tmp_path / "plain"))
    assert (tmp_path / "plain" / "cmdline").read_text() in plain.out.splitlines()
    assert not (tmp_path / "plain" / "reference-snp.yaml").exists()


@pytest.mark.usefixtures("small")
@pytest.mark.skipif(shutil.which("mkfs.erofs") is None, reason="erofs-utils is not installed")
def test_a_firmware_that_will_not_do_is_named(tmp_path: Path) -> None:
    (tmp_path / "ovmf").write_bytes(b"no firmware")
    launch = ("--ovmf", str(tmp_path / "ovmf"), "--kernel", str(tmp_path / "ovmf"))
    assert call("tee", "image", "-o", str(tmp_path / "image"), *launch).code == "CT-2304"
    assert not (tmp_path / "image").exists()


def test_a_firmware_needs_a_kernel(tmp_path: Path) -> None:
    assert call("tee", "image", "-o", str(tmp_path / "image"), "--ovmf", "x").status == 2
    assert not (tmp_path / "image").exists()
