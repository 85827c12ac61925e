"""Data-set records: the published one, unknown and missing fields, other owners, other containers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from coterie.crypto import Identity
from coterie.data import Column
from coterie.errors import CoterieError
from coterie.tee.container.record import (
    RECORD_LIMIT,
    DatasetRecord,
    parse_record,
    read_record,
    schema_digest,
    sign_record,
)
from tests.tee.container.conftest import Made
from tests.tee.container.oracle import vectors

VECTOR = vectors("dataset-record")
TABLE = VECTOR["record"]


def parsed(**changes: Any) -> DatasetRecord:
    return parse_record(json.dumps({**TABLE, **changes}).encode())


def test_the_published_record() -> None:
    record = parsed()
    record.verify_own()
    assert record.signed_body().decode() == VECTOR["signed_body"]
    assert record.digest == VECTOR["digest"]
    assert record.preamble.encode().hex() == VECTOR["preamble"]
    assert record.root_bytes.hex() == TABLE["root"][7:]
    owner = Ed25519PrivateKey.from_private_bytes(bytes.fromhex(VECTOR["owner_seed"]))
    assert owner.public_key().public_bytes_raw().hex() == record.owner.key


def test_ids_are_told_where_they_are_fewer_than_rows() -> None:
    assert TABLE["rows"] > 1
    assert "ids" not in json.loads(parsed().signed_body())
    fewer = parsed(ids=1)
    assert (fewer.ids, json.loads(fewer.signed_body())["ids"]) == (1, 1)
    assert fewer.digest != parsed().digest
    for wrong in (TABLE["rows"], TABLE["rows"] + 1, -1, "1"):
        with pytest.raises(CoterieError, match="CT-2207"):
            parsed(ids=wrong)


@pytest.mark.parametrize("field", sorted(set(TABLE) - {"version"}))
def test_a_record_without_one_of_its_fields(field: str) -> None:
    with pytest.raises(CoterieError, match="CT-2207"):
        parse_record(json.dumps({name: value for name, value in TABLE.items() if name != field}).encode())


@pytest.mark.parametrize(
    "changes",
    [
        {"more": 1},
        {"version": 2},
        {"version": "1"},
        {"owner": {**TABLE["owner"], "role": "admin"}},
        {"owner": {**TABLE["owner"], "name": "Lender"}},
        {"dataset": "customers"},
        {"dataset": "payments/customers"},
        {"dataset": "lender/../x"},
        {"file": TABLE["file"].upper()},
        {"key": TABLE["key"][:-1]},
        {"root": TABLE["root"][7:]},
        {"size": -1},
        {"size": 2**42 + 1},
        {"size": 1.0},
        {"size": "5"},
        {"schema_hash": None},
        {"schema_hash": "sha256:" + "0" * 64},
        {"columns": TABLE["columns"][:-1]},
        {"columns": TABLE["columns"][::-1]},
        {"columns": []},
        {"columns": [{**TABLE["columns"][0], "secret": True}, *TABLE["columns"][1:]]},
        {"id_rule": ["nfkc"]},
        {"id_rule": ["nfkc", "rot13"]},
        {"rows": -1},
        {"rows": True},
        {"created": "yesterday"},
        {"signature": "00"},
    ],
    ids=lambda changes: next(f"{name} {str(value)[:40]}" for name, value in changes.items()),
)
def test_records_of_another_form(changes: dict[str, Any]) -> None:
    with pytest.raises(CoterieError, match="CT-2207"):
        parsed(**changes)


@pytest.mark.parametrize("data", [b"", b"[]", b"{", b'{"version":1,"version":1}', b"\xff", b"null"])
def test_other_bytes_are_no_record(data: bytes) -> None:
    with pytest.raises(CoterieError, match="CT-2207"):
        parse_record(data)


def test_a_record_that_is_too_long(tmp_path: Path) -> None:
    path = tmp_path / "record"
    path.write_bytes(b" " * (RECORD_LIMIT + 9))
    with pytest.raises(CoterieError, match="CT-2205"):
        read_record(path)
    with pytest.raises(CoterieError, match="CT-1122"):
        read_record(tmp_path / "none")


@pytest.mark.parametrize(
    "changes",
    [
        {"file": "0" * 32},
        {"key": "0" * 64},
        {"root": "sha256:" + "0" * 64},
        {"size": TABLE["size"] + 1},
        {"rows": 4},
        {"rows": None},
        {"dataset": "lender/others"},
        {"created": "2026-11-23T03:00:01Z"},
        {"signature": "0" * 128},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_what_the_owner_has_not_signed(changes: dict[str, Any]) -> None:
    with pytest.raises(CoterieError, match="CT-1101"):
        parsed(**changes).verify_own()


def test_a_record_is_its_owners_by_name_key_and_signature(
    three: Made, lender: Identity, mallory: Identity, tmp_path: Path
) -> None:
    three.record.verify(lender.public)
    with pytest.raises(CoterieError, match="CT-2208"):
        three.record.verify(mallory.public)
    with pytest.raises(CoterieError, match="CT-2208"):
        three.record.verify(Identity.create(tmp_path, "lender").public)


def test_nobody_signs_for_another_partys_data(three: Made, mallory: Identity) -> None:
    with pytest.raises(CoterieError, match="CT-2207"):
        sign_record(mallory, three.sealed)


def test_a_record_determines_its_preamble(three: Made, other: Made) -> None:
    assert three.record.preamble == three.sealed.preamble
    three.record.require(three.sealed.preamble)
    with pytest.raises(CoterieError, match=r"CT-2208.*file_id"):
        three.record.require(other.sealed.preamble)


def test_columns_have_one_schema_hash() -> None:
    columns = tuple(Column(**column) for column in TABLE["columns"])
    assert schema_digest(columns, ("nfkc", "trim")).hex() == TABLE["schema_hash"][7:]
    assert schema_digest(columns, ("trim", "nfkc")).hex() != TABLE["schema_hash"][7:]


@given(st.integers(0, len(json.dumps(TABLE)) - 1), st.integers(0, 127))
def test_any_changed_byte_is_noticed(place: int, value: int) -> None:
    data = bytearray(json.dumps(TABLE).encode())
    before, data[place] = data[place], value
    codes = ["CT-1101"] if value == before else []
    try:
        record = parse_record(bytes(data))
        if record.model_dump(mode="json") == TABLE:  # white space, or a number written otherwise
            codes.append("CT-1101")
        record.verify_own()
    except CoterieError as error:
        codes.append(error.code)
    assert codes
    assert set(codes) <= {"CT-1101", "CT-2207"}
