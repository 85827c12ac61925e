"""Containers as files: whole or not at all, for their owner's eyes, with key and record where they belong."""

from __future__ import annotations

import io
import stat
from pathlib import Path

import pytest

from coterie.crypto import Draft, Identity
from coterie.data import Column
from coterie.errors import CoterieError
from coterie.tee.container.files import open_file, peek, record_path, seal_file, verify_file
from coterie.tee.container.header import CHUNK
from coterie.tee.container.keystore import KeyStore
from coterie.tee.container.record import DatasetRecord, read_record, schema_digest
from tests.tee.container.conftest import Made
from tests.tee.container.oracle import pattern

COLUMNS = (Column(name="id", type="text", role="id"), Column(name="x", type="float", nullable=True))
PLAIN = pattern(CHUNK + 9)


@pytest.fixture
def keys(tmp_path: Path) -> KeyStore:
    (tmp_path / "home").mkdir()
    return KeyStore(tmp_path / "home" / "keys")


def sealed(folder: Path, lender: Identity, keys: KeyStore) -> tuple[Path, DatasetRecord]:
    path = folder / "customers.sealed"
    made = seal_file(
        io.BytesIO(PLAIN),
        len(PLAIN),
        path,
        dataset="customers",
        identity=lender,
        keys=keys,
        columns=COLUMNS,
        id_rule=("nfkc", "trim"),
        rows=9,
    )
    return path, made


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.is_file())


def test_a_sealed_file(tmp_path: Path, lender: Identity, keys: KeyStore) -> None:
    path, record = sealed(tmp_path, lender, keys)
    assert names(tmp_path) == ["customers.sealed", "customers.sealed.record"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert read_record(record_path(path)) == record
    record.verify(lender.public)
    assert (record.dataset, record.rows, record.size) == ("lender/customers", 9, len(PLAIN))
    assert record.schema_hash == "sha256:" + schema_digest(COLUMNS, ("nfkc", "trim")).hex()
    verify_file(path, record)
    assert PLAIN[:64] not in path.read_bytes()
    target = tmp_path / "opened"
    assert open_file(path, target, keys.key, root=record.root_bytes) == record.preamble == peek(path)
    assert target.read_bytes() == PLAIN
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_bytes_that_are_no_table(tmp_path: Path, lender: Identity, keys: KeyStore) -> None:
    made = seal_file(
        io.BytesIO(b"a model"), 7, tmp_path / "m.sealed", dataset="model", identity=lender, keys=keys
    )
    assert (made.schema_hash, made.columns, made.rows) == (None, (), None)


@pytest.mark.parametrize("found", [len(PLAIN) - 1, len(PLAIN) + 1])
def test_a_source_that_changes_leaves_nothing(
    found: int, tmp_path: Path, lender: Identity, keys: KeyStore
) -> None:
    with pytest.raises(CoterieError, match="CT-2206"):
        seal_file(
            io.BytesIO(pattern(found)),
            len(PLAIN),
            tmp_path / "a.sealed",
            dataset="customers",
            identity=lender,
            keys=keys,
        )
    assert names(tmp_path) == []
    assert not (tmp_path / "home" / "keys").exists()


def test_without_its_key_nothing_appears(tmp_path: Path, lender: Identity) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CoterieError, match="CT-1121"):
        sealed(tmp_path, lender, KeyStore(tmp_path / "file"))
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize("harm", ["cut", "flip", "swap", "append"])
def test_what_cannot_be_opened_whole_leaves_nothing(
    harm: str, tmp_path: Path, lender: Identity, keys: KeyStore
) -> None:
    path, record = sealed(tmp_path, lender, keys)
    data = path.read_bytes()
    middle = len(data) - 20
    path.write_bytes(
        {
            "cut": data[:-1],
            "flip": data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :],
            "swap": data[: -2 * 25] + data[-25:] * 2,
            "append": data + b"\0",
        }[harm]
    )
    target = tmp_path / "opened"
    target.write_text("before")
    with pytest.raises(CoterieError, match=r"CT-220[23]"):
        open_file(path, target, keys.key)
    with pytest.raises(CoterieError, match=r"CT-220[23]"):
        verify_file(path, record)
    assert target.read_text() == "before"
    assert names(tmp_path) == ["customers.sealed", "customers.sealed.record", "opened"]


def test_another_container_under_the_same_name(
    tmp_path: Path, lender: Identity, keys: KeyStore, three: Made
) -> None:
    path, record = sealed(tmp_path, lender, keys)
    path.write_bytes(three.data)
    with pytest.raises(CoterieError, match="CT-2208"):
        verify_file(path, record)
    with pytest.raises(CoterieError, match="CT-2209"):
        open_file(path, tmp_path / "opened", keys.key)
    with pytest.raises(CoterieError, match="CT-2203"):
        open_file(path, tmp_path / "opened", lambda preamble: three.sealed.key, root=record.root_bytes)
    with pytest.raises(CoterieError, match="CT-2204"):
        open_file(path, tmp_path / "opened", lambda preamble: bytes(32))
    with pytest.raises(CoterieError, match="CT-1122"):
        peek(tmp_path / "none")


def test_a_draft_is_taken_away_where_it_is_not_published(tmp_path: Path) -> None:
    with Draft(tmp_path / "a") as draft:
        draft.write(b"half")
    assert names(tmp_path) == []
    with pytest.raises(CoterieError, match="CT-1121"):
        Draft(tmp_path / "no" / "a")
    with Draft(tmp_path / "a") as draft:
        draft.write(b"whole")
        draft.settle()
        assert names(tmp_path) != ["a"]
        assert draft.publish().read_bytes() == b"whole"
    assert names(tmp_path) == ["a"]
