"""Keys: kept at home for nobody else, wrapped for one receiver and one purpose."""

from __future__ import annotations

import copy
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from coterie.crypto import Identity, random_key
from coterie.errors import CoterieError
from coterie.tee.container.keystore import KeyStore
from coterie.tee.container.wrapping import (
    PUBLIC_KEY,
    WRAPPED_FOR_PARTY,
    WRAPPED_FOR_RUNNER,
    RunnerKey,
    purpose,
    unwrap_at_party,
    wrap_for_party,
    wrap_for_runner,
)
from tests.tee.container.conftest import Made

INFO = b"coterie/release/v1|simulated|grant|job|nonce"


def flipped(data: bytes, place: int) -> bytes:
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def test_a_kept_key_comes_back(tmp_path: Path, three: Made, other: Made) -> None:
    keys = KeyStore(tmp_path / "keys")
    assert not keys.has(three.sealed.preamble)
    path = keys.keep(three.sealed.preamble, three.sealed.key)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert keys.has(three.sealed.preamble)
    assert keys.key(three.sealed.preamble) == three.sealed.key
    with pytest.raises(CoterieError, match="CT-2209"):
        keys.key(other.sealed.preamble)
    with pytest.raises(CoterieError, match="CT-2210"):
        keys.keep(three.sealed.preamble, random_key())
    assert keys.key(three.sealed.preamble) == three.sealed.key


def test_a_removed_key_is_gone(tmp_path: Path, three: Made) -> None:
    keys = KeyStore(tmp_path / "keys")
    keys.keep(three.sealed.preamble, three.sealed.key)
    keys.remove(three.sealed.preamble.header.file_id)
    assert list((tmp_path / "keys").iterdir()) == []
    for again in (
        lambda: keys.key(three.sealed.preamble),
        lambda: keys.remove(three.sealed.preamble.header.file_id),
    ):
        with pytest.raises(CoterieError, match="CT-2209"):
            again()


@pytest.mark.parametrize(
    ("harm", "code"),
    [
        (lambda path: path.chmod(0o640), "CT-2210"),
        (lambda path: path.write_text("{}"), "CT-2210"),
        (lambda path: path.write_bytes(b"\xff" * 5000), "CT-2210"),
        (lambda path: path.write_text(path.read_text().replace('"version":1', '"version":2')), "CT-2210"),
        (lambda path: path.write_text(path.read_text().replace('"key":"', '"key":"0')), "CT-2210"),
        (lambda path: (path.unlink(), path.mkdir()), "CT-2210"),
    ],
    ids=["open to others", "empty", "long", "another version", "another length", "a folder"],
)
def test_a_key_file_that_was_touched(
    tmp_path: Path, three: Made, harm: Callable[[Path], object], code: str
) -> None:
    keys = KeyStore(tmp_path / "keys")
    path = keys.keep(three.sealed.preamble, three.sealed.key)
    harm(path)
    with pytest.raises(CoterieError, match=code) as caught:
        keys.key(three.sealed.preamble)
    assert three.sealed.key.hex() not in f"{caught.value} {caught.value.__cause__}"


def test_a_key_for_another_commitment(tmp_path: Path, three: Made) -> None:
    keys = KeyStore(tmp_path / "keys")
    path = keys.keep(three.sealed.preamble, three.sealed.key)
    commitment = three.sealed.preamble.commitment.hex()
    path.write_text(path.read_text().replace(commitment, "0" * 64))
    with pytest.raises(CoterieError, match="CT-2209"):
        keys.key(three.sealed.preamble)


def test_a_runner_unwraps_its_own() -> None:
    runner, another, key = RunnerKey.generate(), RunnerKey.generate(), random_key()
    wrapped = wrap_for_runner(key, runner.public, INFO)
    assert (len(runner.public), len(wrapped)) == (PUBLIC_KEY, WRAPPED_FOR_RUNNER)
    assert runner.unwrap(wrapped, INFO) == key
    assert wrap_for_runner(key, runner.public, INFO) != wrapped
    for who, data, info in (
        (another, wrapped, INFO),
        (runner, wrapped, INFO.replace(b"simulated", b"hardware")),
        (runner, wrapped, b""),
        (runner, wrapped[:-1], INFO),
        (runner, wrapped + b"\0", INFO),
        (runner, b"", INFO),
        *((runner, flipped(wrapped, place), INFO) for place in (0, 1, 1088, 1089, 1121, len(wrapped) - 1)),
    ):
        with pytest.raises(CoterieError, match="CT-2211"):
            who.unwrap(data, info)


def test_a_key_for_one_runner_has_two_locks() -> None:
    """Neither the classical nor the new half alone opens it."""
    runner, another, key = RunnerKey.generate(), RunnerKey.generate(), random_key()
    for public in (
        runner.public[:1184] + another.public[1184:],
        another.public[:1184] + runner.public[1184:],
    ):
        wrapped = wrap_for_runner(key, public, INFO)
        for who in (runner, another):
            with pytest.raises(CoterieError, match="CT-2211"):
                who.unwrap(wrapped, INFO)


@pytest.mark.parametrize("public", [b"", bytes(PUBLIC_KEY - 1), bytes(PUBLIC_KEY), b"\xff" * PUBLIC_KEY])
def test_bytes_that_are_no_public_key(public: bytes) -> None:
    with pytest.raises(CoterieError, match="CT-2211"):
        wrap_for_runner(random_key(), public, INFO)


def test_a_runners_key_stays_where_it_is() -> None:
    runner = RunnerKey.generate()
    assert repr(runner) == "RunnerKey()"
    with pytest.raises(TypeError):
        copy.copy(runner)


def test_a_party_unwraps_its_own(lender: Identity, mallory: Identity, three: Made, other: Made) -> None:
    key, info = three.sealed.key, purpose(three.sealed.preamble)
    wrapped = wrap_for_party(key, lender.public, info)
    assert len(wrapped) == WRAPPED_FOR_PARTY
    assert unwrap_at_party(wrapped, lender, info) == key
    for data, who, why in (
        (wrapped, mallory, info),
        (wrapped, lender, purpose(other.sealed.preamble)),
        (b"\2" + wrapped[1:], lender, info),
        (wrapped[1:], lender, info),
        (flipped(wrapped, 40), lender, info),
    ):
        with pytest.raises(CoterieError, match="CT-2211"):
            unwrap_at_party(data, who, why)
