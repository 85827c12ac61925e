"""Ids: rules, duplicates, keyed hashes."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie.data import Column, CsvSource, DatasetSpec, IdRule, keyed_ids, load
from coterie.data.rules import normalise
from coterie.errors import CoterieError

from .conftest import refusal


def ids_of(path: Path, values: list[str], rule: tuple[IdRule, ...], kind: str = "text") -> DatasetSpec:
    path.write_text("id\n" + "".join(f'"{value}"\n' for value in values))
    column = Column.model_validate({"name": "id", "type": kind, "role": "id"})
    return DatasetSpec(name="people", source=CsvSource(path=str(path)), columns=(column,), id_rule=rule)


@pytest.mark.parametrize(
    ("rule", "value", "expected"),
    [
        ((), " Ab-0 ", " Ab-0 "),
        (("trim",), "  Ab-0\t", "Ab-0"),
        (("lower",), "ÄB", "äb"),
        (("upper",), "äb", "ÄB"),
        (("nfkc",), "ＡＢ１２", "AB12"),
        (("nfkc",), "e\u0301", "é"),
        (("digits",), "+49 (0)170-55", "4901705" + "5"),
        (("nfkc", "digits"), "１２ａ３", "123"),
        (("strip-leading-zeros",), "000", "0"),
        (("strip-leading-zeros",), "00a0", "a0"),
        (("strip-leading-zeros",), "0", "0"),
        (("trim", "strip-leading-zeros"), " 007", "7"),
        (("strip-leading-zeros", "trim"), " 007", "007"),
    ],
)
def test_rules_in_their_order(tmp_path: Path, rule: tuple[IdRule, ...], value: str, expected: str) -> None:
    assert load(ids_of(tmp_path / "p.csv", [value], rule)).ids.to_pylist() == [expected]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), min_size=1, unique=True))
def test_nfkc_is_that_of_unicode(values: list[str]) -> None:
    got = normalise(pa.array(values, pa.large_string()), ("nfkc",)).to_pylist()
    # A character that one of two Unicode versions does not know yet stays as it is there: compare old ones.
    known = [all(unicodedata.ucd_3_2_0.category(c) != "Cn" for c in value) for value in values]
    assert [g for g, k in zip(got, known, strict=True) if k] == [
        unicodedata.normalize("NFKC", value) for value, k in zip(values, known, strict=True) if k
    ]


def test_whole_numbers_are_ids_too(tmp_path: Path) -> None:
    dataset = load(ids_of(tmp_path / "p.csv", ["007", "-3", "12"], ("nfkc", "trim"), "int"))
    assert dataset.ids.to_pylist() == ["7", "-3", "12"]
    error = refusal(ids_of(tmp_path / "p.csv", ["007", "7"], (), "int"))
    assert (error.code, "line 2 and line 3" in error.detail) == ("CT-1440", True)


def test_ids_that_differ_only_before_the_rule_are_duplicates(tmp_path: Path) -> None:
    spec = ids_of(tmp_path / "p.csv", ["b", "A1", "c", "a1"], ("lower",))
    error = refusal(spec)
    assert (error.code, "line 3 and line 5" in error.detail) == ("CT-1440", True)
    assert load(spec.model_copy(update={"id_rule": ()})).rows == 4


def test_an_id_that_the_rule_empties(tmp_path: Path) -> None:
    error = refusal(ids_of(tmp_path / "p.csv", ["12", "ab"], ("digits",)))
    assert (error.code, "line 3" in error.detail) == ("CT-1441", True)


# keyed_hash of the official test vectors of BLAKE3 (test_vectors.json): key and input as given there.
BLAKE3_KEY = b"whats the Elvish word for friend"
BLAKE3 = {
    1: "6d7878dfff2f485635d39013278ae14f1454b8c0a3a2d34bc1ab38228a80c95b",
    2: "5392ddae0e0a69d5f40160462cbd9bd889375082ff224ac9c758802b7a6fd20a",
}


# On both sides of the end of a chunk, where hashing takes another path.
LONG = {
    1023: "c951ecdf03288d0fcc96ee3413563d8a6d3589547f2c2fb36d9786470f1b9d6e",
    1024: "75c46f6f3d9eb4f55ecaaee480db732e6c2105546f1e675003687c31719c7ba4",
    1025: "357dc55de0c7e382c900fd6e320acc04146be01db6a8ce7210b7189bd664ea69",
}


def test_keyed_hashes_are_blake3() -> None:
    lengths = {**BLAKE3, **LONG}
    # Not all of these bytes are UTF-8: the hash takes the bytes that there are.
    text = b"".join(bytes(place % 251 for place in range(length)) for length in lengths)
    bounds = np.concatenate([[0], np.cumsum(list(lengths))]).astype(np.int64)
    buffers = [None, pa.py_buffer(bounds), pa.py_buffer(text)]
    ids = pa.Array.from_buffers(pa.large_string(), len(lengths), buffers)
    assert [bytes(row).hex() for row in keyed_ids(ids, BLAKE3_KEY)] == list(lengths.values())


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=40), max_size=20), st.integers(0, 20)
)
def test_a_hash_depends_on_its_id_alone(values: list[str], start: int) -> None:
    ids = pa.array(values, pa.large_string())
    whole = keyed_ids(ids, BLAKE3_KEY)
    assert whole.shape == (len(values), 32)
    part = keyed_ids(ids.slice(min(start, len(values))), BLAKE3_KEY)
    assert (part == whole[start:]).all()
    assert len({bytes(row) for row in whole}) == len(set(values))


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_a_key_has_32_bytes(length: int) -> None:
    with pytest.raises(CoterieError) as caught:
        keyed_ids(pa.array(["a"], pa.large_string()), bytes(length))
    assert caught.value.code == "CT-1442"
