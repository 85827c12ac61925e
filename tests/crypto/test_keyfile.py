"""Key files under a passphrase; OpenSSL is the outside truth."""

from __future__ import annotations

import base64
import contextlib
import subprocess
from pathlib import Path

import pytest

from coterie.crypto import Identity, check_passphrase
from coterie.crypto.keyfile import encrypted_pem, is_encrypted, read_key
from coterie.errors import CoterieError

SECRET = b"correct horse battery staple"


def forms(home: Path) -> list[bytes]:
    """Every way in which the bytes of the private keys could lie in a file."""
    found = []
    for name in ("key.pem", "api-key.pem"):
        key = read_key(home / "identity" / name, lambda: b"")
        raw = key.private_bytes_raw() if hasattr(key, "private_bytes_raw") else None
        raw = raw or key.private_numbers().private_value.to_bytes(32)  # type: ignore[union-attr]
        pem = (home / "identity" / name).read_bytes().splitlines()
        found += [
            raw,
            raw.hex().encode(),
            base64.b64encode(raw)[:40],
            base64.b64decode(b"".join(pem[1:-1]))[-32:],
        ]
        found += [line for line in pem[1:-1] if len(line) > 30]
    return found


def search(home: Path, needles: list[bytes]) -> list[Path]:
    """Files under ``home`` in which one of these is."""
    found = []
    for path in home.rglob("*"):
        with contextlib.suppress(FileNotFoundError):  # a running node has files that come and go
            if path.is_file() and any(needle in path.read_bytes() for needle in needles):
                found.append(path)
    return found


@pytest.fixture
def bank(tmp_path: Path) -> Path:
    Identity.create(tmp_path, "bank")
    return tmp_path


def test_protected_keys_are_nowhere_in_the_clear(bank: Path) -> None:
    before, public, needles = Identity.load(bank), Identity.public_of(bank), forms(bank)
    assert len(search(bank, needles)) == 2
    Identity.protect(bank, lambda: b"", SECRET)
    assert search(bank, needles) == []
    assert Identity.public_of(bank) == public
    after = Identity.load(bank, lambda: SECRET)
    after.api_context(lambda: SECRET)
    assert after.sign("test", b"x") == before.sign("test", b"x")
    assert {path.stat().st_mode & 0o777 for path in (bank / "identity").glob("*key.pem")} == {0o600}
    Identity.protect(bank, lambda: SECRET, b"another passphrase")
    assert Identity.load(bank, lambda: b"another passphrase").public == public
    Identity.protect(bank, lambda: b"another passphrase", None)
    assert Identity.load(bank).public == public


def test_what_is_wrong_is_told_and_changes_nothing(bank: Path) -> None:
    key = bank / "identity" / "key.pem"
    Identity.protect(bank, lambda: b"", SECRET)
    content = {path: path.read_bytes() for path in (bank / "identity").iterdir()}
    with pytest.raises(CoterieError, match="CT-1107"):
        Identity.load(bank)
    for new in (b"a new passphrase", None):
        with pytest.raises(CoterieError, match="CT-1108"):
            Identity.protect(bank, lambda: b"the wrong passphrase", new)
    with pytest.raises(CoterieError, match="CT-1108"):
        Identity.load(bank, lambda: b"the wrong passphrase").sign("test", b"")
    assert {path: path.read_bytes() for path in (bank / "identity").iterdir()} == content
    key.chmod(0o640)
    with pytest.raises(CoterieError, match="CT-1105"):
        Identity.load(bank, lambda: SECRET)
    key.chmod(0o600)
    for damaged in (content[key][:-60], content[key].replace(b"\n", b"\n!", 2), content[key][:80]):
        key.write_bytes(damaged)
        with pytest.raises(CoterieError, match="CT-1102"):
            Identity.load(bank, lambda: SECRET)
    for bad in (b"too short", b"two lines of\ntext", b"x" * 1025):
        with pytest.raises(CoterieError, match="CT-1109"):
            check_passphrase(bad)


def test_a_change_that_was_cut_off_is_finished_by_another(bank: Path) -> None:
    Identity.protect(bank, lambda: b"", SECRET)
    half = (bank / "identity" / "api-key.pem").read_bytes()
    Identity.protect(bank, lambda: SECRET, b"another passphrase")
    (bank / "identity" / "api-key.pem").write_bytes(half)
    with pytest.raises(CoterieError, match=r"CT-1108.*api-key"):
        Identity.load(bank, lambda: b"another passphrase").api_context(lambda: b"another passphrase")
    Identity.protect(bank, lambda: SECRET, b"another passphrase")
    Identity.load(bank, lambda: b"another passphrase").api_context(lambda: b"another passphrase")


def test_the_old_file_is_overwritten_unless_it_has_another_name(bank: Path, tmp_path: Path) -> None:
    key, backup = bank / "identity" / "key.pem", tmp_path / "hardlink"
    clear = key.read_bytes()
    with key.open("rb") as old:
        Identity.protect(bank, lambda: b"", SECRET)
        assert old.read() == bytes(len(clear))
    backup.hardlink_to(key)
    encrypted = key.read_bytes()
    Identity.protect(bank, lambda: SECRET, None)
    assert backup.read_bytes() == encrypted


def test_openssl_reads_what_is_written_and_the_other_way_round(bank: Path) -> None:
    key = bank / "identity" / "key.pem"
    clear = key.read_bytes()
    Identity.protect(bank, lambda: b"", SECRET)
    word = f"pass:{SECRET.decode()}"

    def openssl(*words: str | Path, given: bytes | None = None) -> bytes:
        return subprocess.run(["openssl", *words], input=given, capture_output=True, check=True).stdout

    assert openssl("pkey", "-in", key, "-passin", word) == clear
    shape = openssl("asn1parse", "-in", key).decode()
    for part in ("PBES2", "scrypt", ":4000", ":08", ":05", "aes-256-cbc"):
        assert part in shape
    for scheme in (("-scrypt",), ("-v2", "aes-128-cbc", "-iter", "1000")):
        key.write_bytes(openssl("pkcs8", "-topk8", *scheme, "-passout", word, given=clear))
        assert is_encrypted(key)
        assert Identity.load(bank, lambda: SECRET).public == Identity.public_of(bank)


def test_the_same_key_is_never_written_the_same(bank: Path) -> None:
    key = read_key(bank / "identity" / "key.pem", lambda: b"")
    first, second = (encrypted_pem(key, SECRET).splitlines() for _ in range(2))
    assert first[0] == second[0] == b"-----BEGIN ENCRYPTED PRIVATE KEY-----"
    assert first[2] != second[2]
