"""The machine's image: the same bytes each time, and exactly the measured tree in it."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from coterie.crypto import canonical
from coterie.errors import CoterieError
from coterie.tee.image import build
from coterie.tee.image.build import MOUNTS, MachineImage, make_machine_image
from coterie.tee.image.init import HEADER, TARGET, expected, request
from coterie.tee.sandbox.command import PROGRAM
from coterie.tee.sandbox.contents import PYTHON, RUNNER_MODULE, Contents
from coterie.tee.sandbox.measure import Measured, measure
from tests.images import why_not
from tests.tee.image.archive import entries, unpack
from tests.tee.image.kernel import kernel

pytestmark = pytest.mark.skipif(shutil.which("mkfs.erofs") is None, reason="erofs-utils is not installed")
SMALL = Contents(distributions=())
FILES = {"image.erofs", "initrd.cpio", "cmdline", "files.txt", "image.json"}


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return kernel(tmp_path_factory.mktemp("kernel"))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, modules: Path) -> tuple[Path, MachineImage]:
    folder = tmp_path_factory.mktemp("images") / "one"
    return folder, make_machine_image(folder, SMALL, modules)


def test_made_twice_it_is_the_same_byte_for_byte(
    tmp_path: Path, made: tuple[Path, MachineImage], modules: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, first = made
    again = tmp_path / "elsewhere" / "another"
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    mask = os.umask(0o077)
    try:
        assert make_machine_image(again, SMALL, modules) == first
    finally:
        os.umask(mask)
    assert {path.name for path in again.iterdir()} == FILES
    for name in FILES:
        assert (again / name).read_bytes() == (folder / name).read_bytes(), name


def test_what_is_written_beside_is_true(made: tuple[Path, MachineImage]) -> None:
    folder, image = made
    assert {path.name for path in folder.iterdir()} == FILES
    assert (folder / "image.json").read_bytes() == canonical(image)
    for name, digest in (("image.erofs", image.image), ("initrd.cpio", image.initrd)):
        assert digest == f"sha256:{hashlib.sha256((folder / name).read_bytes()).hexdigest()}"
    listing = (folder / "files.txt").read_bytes()
    assert image.measurement == hashlib.sha384(listing).hexdigest()
    assert f" {RUNNER_MODULE}\n".encode() in listing
    assert (folder / "cmdline").read_text() == image.command_line
    assert expected(image.command_line) == (image.verity_root, image.blocks)


def test_the_file_system_holds_the_measured_tree_and_nothing_else(
    tmp_path: Path, made: tuple[Path, MachineImage]
) -> None:
    """The oracle is erofs-utils' own reader, which also checks the file system."""
    tree = tmp_path / "tree"
    line = ["fsck.erofs", f"--extract={tree}", "--no-preserve-owner", "--preserve-perms"]
    subprocess.run([*line, str(made[0] / "image.erofs")], check=True, capture_output=True)
    for name in MOUNTS:
        assert stat.S_IMODE((tree / name).stat().st_mode) == 0o755
        (tree / name).rmdir()  # empty
    lines = (made[0] / "files.txt").read_text().splitlines()
    run = lines[1].removeprefix("run ").split()
    environment = dict(line.removeprefix("env ").split("=", 1) for line in lines if line.startswith("env "))
    assert measure(tree, run, environment).measurement.hex() == made[1].measurement


@pytest.mark.skipif(shutil.which("veritysetup") is None, reason="cryptsetup-bin is not installed")
def test_every_block_of_it_hangs_on_the_command_line(tmp_path: Path, made: tuple[Path, MachineImage]) -> None:
    root, blocks = expected(made[1].command_line)
    path = tmp_path / "image"
    shutil.copyfile(made[0] / "image.erofs", path)
    line = ["veritysetup", "verify", str(path), str(path), root, f"--hash-offset={blocks * 4096}"]
    assert subprocess.run(line, check=False, capture_output=True).returncode == 0
    with path.open("r+b") as file:
        file.seek(blocks * 2048)
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 1]))
    assert subprocess.run(line, check=False, capture_output=True).returncode != 0


def test_the_first_file_system(made: tuple[Path, MachineImage]) -> None:
    found = entries((made[0] / "initrd.cpio").read_bytes())
    assert list(found) == sorted(found)
    assert found["init"][1].startswith(f"#!/{PYTHON} -ISB\n".encode())
    assert found["init"][0] == stat.S_IFREG | 0o555
    assert stat.S_ISCHR(found["dev/console"][0])
    loaded = [name for name in found if name.startswith("modules/")]
    assert loaded[:2] == ["modules/00-virtio_blk.ko", "modules/01-dm_mod.ko"]
    assert not [name for name in found if "site-packages" in name or name.endswith(("/sh", "/bash"))]
    for name in found:  # every folder is there before what is in it
        parent = name.rpartition("/")[0]
        assert not parent or parent in found


def test_the_first_program_has_all_that_it_imports(tmp_path: Path, made: tuple[Path, MachineImage]) -> None:
    """Run by itself, in a sandbox that holds nothing else; it is not let go."""
    if (reason := why_not()) is not None:
        pytest.skip(reason)
    unpack((made[0] / "initrd.cpio").read_bytes(), tmp_path)
    program = "exec(compile(open('/init').read(), 'init', 'exec'), {'__name__': 'tried'}); print('all there')"
    walls = [PROGRAM, "--unshare-all", "--unshare-user", "--cap-drop", "ALL", "--clearenv"]
    walls += ["--setenv", "LD_LIBRARY_PATH", "/coterie/lib", "--ro-bind", str(tmp_path), "/"]
    line = [*walls, f"/{PYTHON}", "-ISB", "-c", program]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("all there\n", "")


def test_the_kernels_structures_have_their_sizes() -> None:
    """linux/dm-ioctl.h: struct dm_ioctl has 312 bytes, struct dm_target_spec 40."""
    assert (HEADER.size, TARGET.size) == (312, 40)
    asked = request(1, target=bytes(48))
    assert len(asked) == 360
    assert asked[:20] == b"\4\0\0\0" + bytes(8) + (360).to_bytes(4, "little") + (312).to_bytes(4, "little")
    assert asked[48:56] == b"coterie\0"


@pytest.mark.parametrize(
    "line",
    [
        "quiet",
        "coterie.verity=",
        f"coterie.verity={'0' * 64}",
        f"coterie.verity={'0' * 64},-1",
        f"coterie.verity={'0' * 62},1",
        f"coterie.verity={'0' * 63}X,1",
        f"coterie.verity={'0' * 64},1 coterie.verity={'1' * 64},1",
    ],
)
def test_a_command_line_that_does_not_name_one_image_ends_the_machine(line: str) -> None:
    with pytest.raises(ValueError, match="does not name the image"):
        expected(line)


def _fails(*_: object, **__: object) -> subprocess.CompletedProcess[str]:
    return subprocess.CompletedProcess([], 1, "", "one\nno space left\n")


def _hangs(*_: object, **__: object) -> subprocess.CompletedProcess[str]:
    raise subprocess.TimeoutExpired("mkfs.erofs", 1)


@pytest.mark.parametrize("run", [_fails, _hangs])
def test_nothing_is_left_of_an_image_that_is_not_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Callable[..., object]
) -> None:
    monkeypatch.setattr(build, "make_image", lambda target, _: (target / "a").mkdir(parents=True))
    monkeypatch.setattr(build.Sandbox, "measure", lambda _: Measured(b""))
    monkeypatch.setattr(build.subprocess, "run", run)
    with pytest.raises(CoterieError) as caught:
        make_machine_image(tmp_path / "image", SMALL)
    assert caught.value.code == "CT-2301"
    assert list(tmp_path.iterdir()) == []


def test_without_its_program_nothing_is_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CoterieError) as caught:
        make_machine_image(tmp_path / "image", SMALL)
    assert caught.value.code == "CT-2300"


def test_a_place_that_is_taken_stays_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("kept")
    with pytest.raises(CoterieError) as caught:
        make_machine_image(tmp_path, SMALL)
    assert caught.value.code in ("CT-1120", "CT-1121")
    assert (tmp_path / "kept").read_text() == "kept"
