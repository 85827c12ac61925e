"""The image and its measurement: all that is executed, and every bit of it."""

from __future__ import annotations

import hashlib
import importlib.util
import marshal
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import CodeType

import pytest

from coterie.errors import CoterieError
from coterie.tee.sandbox import bytecode, contents
from coterie.tee.sandbox import image as making
from coterie.tee.sandbox.command import Sandbox
from coterie.tee.sandbox.contents import PACKAGES, START, Contents
from coterie.tee.sandbox.elf import read_dynamic
from coterie.tee.sandbox.image import ensure_image, make_image
from coterie.tee.sandbox.measure import measure
from tests.tee.runner.world import SMALL

RUN = ["/bin/runner", "work"]
SETTINGS = {"TZ": "UTC"}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    root = tmp_path / "tree"
    (root / "coterie" / "lib").mkdir(parents=True)
    (root / "coterie" / "a.pyc").write_bytes(b"a" * 3_000_001)
    (root / "coterie" / "lib" / "b.so").write_bytes(b"")
    for name in ("a.pyc", "lib/b.so"):
        (root / "coterie" / name).chmod(0o444)
    return root


def test_the_list_is_what_anybody_would_write(tree: Path) -> None:
    whole = hashlib.sha256(b"a" * 3_000_001).hexdigest()
    empty = hashlib.sha256(b"").hexdigest()
    expected = (
        "coterie/tree/v1\nrun /bin/runner work\nenv TZ=UTC\n"
        f"file 0444 3000001 {whole} /coterie/a.pyc\n"
        f"file 0444 0 {empty} /coterie/lib/b.so\n"
    ).encode()
    measured = measure(tree, RUN, SETTINGS)
    assert measured.listing == expected
    assert measured.measurement == hashlib.sha384(expected).digest()


def rename(tree: Path) -> None:
    (tree / "coterie" / "a.pyc").rename(tree / "coterie" / "c.pyc")


def flip(tree: Path) -> None:
    path = tree / "coterie" / "a.pyc"
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.seek(2_500_000)
        file.write(b"c")
    path.chmod(0o444)


@pytest.mark.parametrize(
    "change",
    [
        flip,
        rename,
        lambda tree: (tree / "coterie" / "a.pyc").chmod(0o555),
        lambda tree: (tree / "coterie" / "more").write_bytes(b""),
        lambda tree: (tree / "coterie" / "lib" / "b.so").unlink() or (tree / "coterie" / "lib").rmdir(),
    ],
)
def test_every_change_of_the_tree_is_seen(tree: Path, change: Callable[[Path], object]) -> None:
    before = measure(tree, RUN, SETTINGS).measurement
    change(tree)
    assert measure(tree, RUN, SETTINGS).measurement != before


def test_another_command_is_another_measurement(tree: Path) -> None:
    before = measure(tree, RUN, SETTINGS).measurement
    assert measure(tree, [*RUN, "more"], SETTINGS).measurement != before
    assert measure(tree, RUN, {**SETTINGS, "A": "1"}).measurement != before


@pytest.mark.parametrize(
    "change",
    [
        lambda tree: (tree / "coterie" / "link").symlink_to("a.pyc"),
        lambda tree: os.mkfifo(tree / "coterie" / "pipe"),
        lambda tree: (tree / "coterie" / "nothing").mkdir(),
        lambda tree: (tree / "coterie" / "line\nfile 0444 0 00 b").write_bytes(b""),
    ],
)
def test_what_no_line_can_say_is_refused(tree: Path, change: Callable[[Path], object]) -> None:
    change(tree)
    with pytest.raises(CoterieError) as caught:
        measure(tree, RUN, SETTINGS)
    assert caught.value.code == "CT-2289"


@pytest.mark.parametrize("word", ["", "two words", "line\n", "\u2028"])
def test_a_command_that_no_line_can_say_is_refused(tree: Path, word: str) -> None:
    with pytest.raises(CoterieError) as caught:
        measure(tree, [word], SETTINGS)
    assert caught.value.code == "CT-2289"


def test_the_image_holds_all_that_is_mounted_and_no_sources(sandbox: Sandbox, image: Path) -> None:
    lines = sandbox.measure().listing.decode().splitlines()
    listed = {line.split(" ", 4)[-1] for line in lines if line.startswith("file ")}
    there = {f"/{path.relative_to(image)}" for path in image.rglob("*") if path.is_file()}
    assert there == listed
    assert f"/{START}" in there
    assert f"/{PACKAGES}/tee_work.pyc" in there
    assert not [name for name in there if name.endswith(".py") or "/node/" in name or "/tests/" in name]
    command = sandbox.command([], SMALL)
    shown = [command[at + 1] for at, word in enumerate(command) if word == "--ro-bind"]
    assert shown == [str(path) for path in sorted(image.iterdir())]


def test_an_image_with_more_at_its_root_is_not_started(tree: Path) -> None:
    (tree / "etc").mkdir()
    with pytest.raises(CoterieError) as caught:
        Sandbox(tree, "work").command([], SMALL)
    assert caught.value.code == "CT-2289"


def test_the_same_environment_gives_the_same_image(
    tmp_path: Path, image: Path, contents: Contents, measurement: bytes
) -> None:
    again = tmp_path / "again"
    make_image(again, contents)
    assert Sandbox(again, "tee_work").measure().measurement == measurement


def test_an_image_is_made_once_and_anew_when_its_files_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    work = tmp_path / "work.py"
    work.write_text("def main(): ...\n")
    made: list[Path] = []

    def counted(target: Path, _: Contents) -> None:
        made.append(target)
        target.mkdir()

    monkeypatch.setattr(making, "make_image", counted)
    chosen = Contents(distributions=(), extra=(("work.py", work),))
    first = ensure_image(tmp_path / "images", chosen)
    assert ensure_image(tmp_path / "images", chosen) == first
    assert len(made) == 1
    work.write_text("def main(): print()\n")
    assert ensure_image(tmp_path / "images", chosen) != first
    assert len(made) == 2
    assert len(list((tmp_path / "images").iterdir())) == 2


def test_a_library_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contents, "_search", list)
    with pytest.raises(CoterieError) as caught:
        list(Contents(distributions=()).files())
    assert caught.value.code == "CT-2288"
    assert ".so" in caught.value.detail


def test_a_damaged_library_is_named(tmp_path: Path) -> None:
    (tmp_path / "half.so").write_bytes(b"\x7fELF\x02\x01" + bytes(10))
    with pytest.raises(ValueError, match="damaged"):
        read_dynamic(tmp_path / "half.so")
    (tmp_path / "none.so").write_bytes(b"text")
    assert read_dynamic(tmp_path / "none.so") is None


def test_libraries_are_found_as_the_loader_finds_them() -> None:
    """The oracle is the loader itself."""
    path = Path(os.path.realpath(sys.executable))
    read = read_dynamic(path)
    assert read is not None
    listed = subprocess.run(["ldd", str(path)], capture_output=True, text=True, check=True).stdout
    assert read.needed
    assert all(name in listed for name in read.needed)
    assert read.interpreter is not None
    assert Path(read.interpreter).exists()


def test_bytecode_is_the_interpreters_own() -> None:
    source = (
        b"import os\nNAMES = {'a', 'b', 'c'} and frozenset({'x', 'y'})\ndef f(a): return a in {'p', 'q'}\n"
    )
    made = bytecode.bytecode(source, "/coterie/x.py")
    assert made[:4] == importlib.util.MAGIC_NUMBER
    assert made[4:8] == b"\1\0\0\0"  # PEP 552: bound to its source by a hash, and not checked
    assert made[8:16] == importlib.util.source_hash(source)
    code = marshal.loads(made[16:])
    assert isinstance(code, CodeType)
    assert code == compile(source, "/coterie/x.py", "exec", dont_inherit=True)
    shared = [code.co_consts, code.co_names]  # more references to its parts do not change what is written
    assert marshal.dumps(code, 2) == made[16:]
    assert marshal.dumps(code) != made[16:], shared
