"""Files that are there whole or not at all."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from coterie.crypto import (
    append,
    atomic_write,
    equal,
    hmac_sha256,
    open_regular,
    random_key,
    random_seed,
    read_at_most,
)
from coterie.errors import CoterieError, Unavailable


def test_content_and_mode_are_as_asked(tmp_path: Path) -> None:
    path = tmp_path / "file"
    old = os.umask(0o077)
    try:
        atomic_write(path, b"one")
        assert path.stat().st_mode & 0o777 == 0o600
        atomic_write(path, b"two", 0o644)
        assert path.stat().st_mode & 0o777 == 0o644
    finally:
        os.umask(old)
    assert path.read_bytes() == b"two"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("call", ["write", "fsync"])
def test_a_write_that_fails_for_space_is_coded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    path = tmp_path / "file"
    atomic_write(path, b"old")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync" if call == "fsync" else "fchmod", full)
    old = os.umask(0o077)  # it takes rights, so that they have to be given again
    try:
        with pytest.raises(Unavailable, match="CT-1120") as caught:
            atomic_write(path, b"new", 0o644)
    finally:
        os.umask(old)
    assert f"{tmp_path.name}/file: " in caught.value.detail
    assert str(tmp_path.parent) not in caught.value.detail, "peers read errors"
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_other_failures_have_another_code(tmp_path: Path) -> None:
    with pytest.raises(CoterieError, match="CT-1121"):
        atomic_write(tmp_path / "missing" / "file", b"x")
    (tmp_path / "folder").mkdir()
    with pytest.raises(CoterieError, match="CT-1121"):
        atomic_write(tmp_path / "folder", b"x")
    assert [p.name for p in tmp_path.iterdir()] == ["folder"]


def test_what_is_added_stands_behind_what_was_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "file"
    with pytest.raises(CoterieError, match="CT-1121"):
        append(path, b"x")
    assert not path.exists(), "only atomic_write gives a file its mode"
    atomic_write(path, b"one")
    synced: list[int] = []
    sync = os.fsync
    monkeypatch.setattr(os, "fsync", lambda file: (synced.append(os.fstat(file).st_size), sync(file)))
    append(path, b" two")
    assert path.read_bytes() == b"one two"
    assert synced == [7], "on the disk, all of it"

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Unavailable, match="CT-1120"):
        append(path, b"three")


def test_hmac_of_rfc_4231() -> None:
    """Test case 2."""
    assert hmac_sha256(b"Jefe", b"what do ya want for nothing?").hex() == (
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    )
    assert equal(b"a", b"a")
    assert not equal(b"a", b"b")


def test_randomness_has_its_size_and_does_not_repeat() -> None:
    assert len(random_seed()) == 16
    assert len(random_key()) == 32
    assert len({random_seed() for _ in range(100)}) == 100


def test_what_is_no_regular_file_is_not_waited_for(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, tmp_path, tmp_path / "nothing", Path("/dev/null"), Path("a\0b")):
        with pytest.raises(CoterieError, match="CT-1122"):
            open_regular(path)
    file = tmp_path / "file"
    file.write_bytes(b"12345")
    assert read_at_most(file, 5) == b"12345"
    assert read_at_most(file, 3) == b"1234"
