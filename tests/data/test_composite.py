"""Ids of several columns, rows without an id, and ids that come more than once."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from coterie.data import (
    Column,
    DatasetFacts,
    DatasetSpec,
    inspected,
    keyed_ids,
    load,
    opened,
    write_parquet,
)
from coterie.data.ids import composed, decomposed
from coterie.errors import CoterieError

from .conftest import refusal

PEOPLE = """\
name,born,tel,x
Anna Berg,1990-01-01,13812345678,1
anna berg,1990-01-02,+86 138 1234 5678,2
Ben,1990-01-01,13912345678,3
"""


def spec_of(path: Path, text: str, ids: dict[str, list[str] | None], **more: object) -> DatasetSpec:
    path.write_text(text)
    header = text.partition("\n")[0].split(",")
    columns = [
        {"name": name, "type": "text", "role": "id", "rule": ids[name]}
        if name in ids
        else {"name": name, "type": "int" if name == "x" else "text", "nullable": name != "x"}
        for name in header
    ]
    body = {"name": "people", "source": {"path": str(path), "kind": "csv"}, "columns": columns, **more}
    return DatasetSpec.model_validate(body)


def test_parts_of_an_id_each_by_its_own_rule(tmp_path: Path) -> None:
    ids: dict[str, list[str] | None] = {"name": None, "born": [], "tel": ["phone:CN"]}
    spec = spec_of(tmp_path / "p.csv", PEOPLE, ids, id_rule=["lower"])
    assert spec.rules == (("lower",), (), ("phone:CN",))
    assert spec.id_names == ("name", "born", "tel")
    dataset = load(spec)
    assert dataset.ids.to_pylist() == [
        "9:anna berg10:1990-01-0114:+8613812345678",
        "9:anna berg10:1990-01-0214:+8613812345678",
        "3:ben10:1990-01-0114:+8613912345678",
    ]
    assert dataset.table.column_names == ["x"]
    assert dataset.id_table(np.array([2, 0])).to_pydict() == {
        "name": ["ben", "anna berg"],
        "born": ["1990-01-01", "1990-01-01"],
        "tel": ["+8613912345678", "+8613812345678"],
    }
    two = spec_of(tmp_path / "p.csv", PEOPLE, {"name": None, "tel": ["phone:CN"]}, id_rule=["lower"])
    assert "columns 'name', 'tel', line 2 and line 3" in refusal(two).detail


# BLAKE3 of "5:alice10:1990-01-01" and of "alice", keyed with the key of the official test vectors, as the
# library blake3 1.0 of the BLAKE3 team gives them: the form of composite ids is one that peers must share.
KEY = b"whats the Elvish word for friend"
FROZEN = {
    ("alice", "1990-01-01"): "70e7191abac36dac3489983530da5f18df26a0e3eff8bf568cf9e47c51433e2a",
    ("alice",): "41d5ce02eff5fa3a5d1bfcbfe2a7bc6fbac3222bfbe1cff6b1cee627c145a762",
}


@pytest.mark.parametrize(("parts", "expected"), FROZEN.items())
def test_hashes_are_frozen(parts: tuple[str, ...], expected: str) -> None:
    ids = composed([pa.array([part], pa.large_string()) for part in parts])
    assert bytes(keyed_ids(ids, KEY)[0]).hex() == expected


TEXTS = st.text(
    st.one_of(st.sampled_from("0123456789:"), st.characters(exclude_categories=["Cs"])), max_size=12
)


@given(st.integers(2, 4).flatmap(lambda n: st.lists(st.tuples(*[TEXTS] * n), unique=True, max_size=30)))
def test_different_parts_make_different_ids(rows: list[tuple[str, ...]]) -> None:
    count = len(rows[0]) if rows else 2
    parts = [pa.array([row[part] for row in rows], pa.large_string()) for part in range(count)]
    ids = composed(parts)
    assert len(set(ids.to_pylist())) == len(rows)
    # Netstrings without the comma, read by a plain parser.
    assert [read(text, count) for text in ids.to_pylist()] == rows
    assert [part.to_pylist() for part in decomposed(ids, count)] == [part.to_pylist() for part in parts]
    assert [part.to_pylist() for part in decomposed(ids.slice(1), count)] == [
        p.to_pylist()[1:] for p in parts
    ]


def read(text: str, count: int) -> tuple[str, ...]:
    rest, found = text.encode(), []
    for _ in range(count):
        length, _, rest = rest.partition(b":")
        found.append(rest[: int(length)].decode())
        rest = rest[int(length) :]
    assert not rest
    return tuple(found)


def test_a_single_id_is_hashed_as_it_is() -> None:
    ids = pa.array(["alice"], pa.large_string())
    assert composed([ids]) is ids
    assert decomposed(ids, 1) == [ids]


GAPS = "name,born,x\nAnna,1,10\n,2,11\nBen,,12\nNA,3,13\nAnna,1,14\nCarl,4,15\nBen,5,16\nanna ,1,17\n"
BOTH: dict[str, list[str] | None] = {"name": ["trim", "lower"], "born": None}


def test_rows_without_an_id_are_refused_or_skipped(tmp_path: Path) -> None:
    error = refusal(spec_of(tmp_path / "p.csv", GAPS, BOTH))
    assert (error.code, "column 'name', line 3: no value" in error.detail) == ("CT-1441", True)
    skipping = spec_of(tmp_path / "p.csv", GAPS, BOTH, missing_ids="skip")
    error = refusal(skipping)
    assert (error.code, "line 2 and line 6" in error.detail) == ("CT-1440", True)
    text = GAPS.replace("Anna,1,14\n", "").replace("anna ,1,17\n", "")
    spec = spec_of(tmp_path / "p.csv", text, BOTH, missing_ids="skip")
    dataset = load(spec)
    assert dataset.ids.to_pylist() == ["4:anna1:1", "4:carl1:4", "3:ben1:5"]
    assert dataset.table.to_pydict() == {"x": [10, 15, 16]}
    assert dataset.gather(np.array([2, 0])).to_pydict() == {"x": [16, 10]}
    found = inspected(spec, "bank")
    assert (found.facts.rows, found.facts.ids, found.without_id, found.repeated) == (3, None, 3, 0)


def test_what_a_rule_takes_for_no_id_is_missing(tmp_path: Path) -> None:
    text = "tel,x\n13812345678,1\n12,2\nnobody,3\n13912345678,4\n"
    error = refusal(spec_of(tmp_path / "p.csv", text, {"tel": ["phone:CN"]}))
    assert (error.code, "line 3: the id rule takes it for none" in error.detail) == ("CT-1441", True)
    spec = spec_of(tmp_path / "p.csv", text, {"tel": ["phone:CN"]}, missing_ids="skip")
    assert load(spec).table.to_pydict() == {"x": [1, 4]}
    none = spec_of(tmp_path / "p.csv", "tel,x\n1,1\n2,2\n", {"tel": ["phone:CN"]}, missing_ids="skip")
    assert refusal(none).code == "CT-1444"
    again = spec_of(tmp_path / "p.csv", text + "tel,9\n", {"tel": ["phone:CN"]}, missing_ids="skip")
    assert refusal(again).code in ("CT-1423", "CT-1430")


def test_the_first_row_of_each_id(tmp_path: Path) -> None:
    spec = spec_of(tmp_path / "p.csv", GAPS, BOTH, missing_ids="skip", duplicates="first")
    dataset = load(spec)
    assert dataset.ids.to_pylist() == ["4:anna1:1", "4:carl1:4", "3:ben1:5"]
    assert dataset.table.to_pydict() == {"x": [10, 15, 16]}
    assert (dataset.rows, dataset.groups) == (3, None)
    found = inspected(spec, "bank")
    assert (found.facts.rows, found.facts.ids, found.without_id, found.repeated) == (3, None, 3, 2)


def test_all_rows_of_each_id(tmp_path: Path) -> None:
    spec = spec_of(tmp_path / "p.csv", GAPS, BOTH, missing_ids="skip", duplicates="all")
    dataset = load(spec)
    assert dataset.ids.to_pylist() == ["4:anna1:1", "4:carl1:4", "3:ben1:5"]
    assert dataset.table.to_pydict() == {"x": [10, 14, 15, 16, 17]}
    assert dataset.rows == 5
    assert dataset.keyed_ids(KEY).shape == (3, 32)
    assert dataset.groups is not None
    rows, counts = dataset.groups.of(np.array([2, 0]))
    assert (rows.tolist(), counts.tolist()) == ([3, 0, 1, 4], [1, 3])
    assert dataset.gather(rows).to_pydict() == {"x": [16, 10, 14, 17]}
    found = inspected(spec, "bank")
    assert (found.facts.rows, found.facts.ids, found.facts.distinct) == (5, 3, 3)
    assert (found.without_id, found.repeated) == (3, 0)
    single = spec_of(tmp_path / "p.csv", "name,x\na,1\nb,2\n", {"name": None}, duplicates="all")
    assert (load(single).groups, inspected(single, "bank").facts.ids) == (None, None)


@given(st.lists(st.integers(0, 6) | st.none(), min_size=1, max_size=40).filter(any))
def test_groups_are_the_rows_of_each_id(values: list[int | None]) -> None:
    table = pa.table({"id": pa.array(values), "x": pa.array(range(len(values)))})
    kept = [(value, row) for row, value in enumerate(values) if value is not None]
    distinct = list(dict.fromkeys(value for value, _ in kept))
    facts = DatasetFacts(
        name="people",
        owner="bank",
        columns=(Column(name="id", type="int", role="id"), Column(name="x", type="int")),
        id_rule=(),
        rows=len(kept),
        ids=len(distinct) if len(distinct) < len(kept) else None,
    )
    # What an owner gives to others has no rows without an id any more.
    dataset = opened(facts, table.filter(pa.compute.is_valid(table["id"])))
    assert dataset.ids.to_pylist() == [str(value) for value in distinct]
    if dataset.groups is None:
        assert dataset.table["x"].to_pylist() == [row for _, row in kept]
        return
    for place, value in enumerate(distinct):
        rows, counts = dataset.groups.of(np.array([place]))
        assert dataset.gather(rows)["x"].to_pylist() == [row for one, row in kept if one == value]
        assert counts.tolist() == [len(rows)]


@pytest.mark.parametrize("policy", ["first", "all"])
def test_a_sealed_table_has_the_rows_that_count(tmp_path: Path, policy: str) -> None:
    spec = spec_of(tmp_path / "p.csv", GAPS, BOTH, missing_ids="skip", duplicates=policy)
    file = io.BytesIO()
    facts = write_parquet(spec, "bank", file)
    assert facts == inspected(spec, "bank").facts
    stored = pq.read_table(io.BytesIO(file.getvalue()))
    assert stored.num_rows == facts.rows
    assert None not in stored["name"].to_pylist()
    there, here = opened(facts, pa.py_buffer(file.getvalue())), load(spec)
    assert (there.ids, there.table) == (here.ids, here.table)
    assert (there.groups is None) == (here.groups is None) == (policy == "first")
    other = facts.model_copy(update={"ids": 2})
    with pytest.raises(CoterieError, match="CT-1440" if policy == "first" else "CT-1450"):
        opened(
            facts.model_copy(update={"rows": 9}) if policy == "all" else _with_a_repeat(other),
            stored_of(file),
        )


def _with_a_repeat(facts: DatasetFacts) -> DatasetFacts:
    return facts.model_copy(update={"ids": None, "id_rule": ()})


def stored_of(file: io.BytesIO) -> pa.Buffer:
    table = pq.read_table(io.BytesIO(file.getvalue()))
    target = io.BytesIO()
    pq.write_table(pa.concat_tables([table, table.slice(0, 1)]), target)
    return pa.py_buffer(target.getvalue())


def test_documents_of_before_are_read_and_written_as_they_were() -> None:
    old = '{"columns":[{"name":"id","type":"int","role":"id","nullable":false}],"name":"a","owner":"b",'
    old += '"id_rule":["nfkc","trim"],"rows":3}'
    facts = DatasetFacts.model_validate_json(old)
    assert facts.distinct == 3
    assert facts.model_dump_json() == old
    spec = DatasetSpec.model_validate_json(
        '{"columns":[{"name":"id","type":"int","role":"id","nullable":false}],"name":"a",'
        '"source":{"kind":"csv","path":"/a.csv"},"id_rule":["trim"]}'
    )
    assert (spec.missing_ids, spec.duplicates, spec.id_names) == ("refuse", "refuse", "id")


@pytest.mark.parametrize(
    "columns",
    [
        [{"name": "x", "type": "int"}],
        [{"name": f"i{n}", "type": "int", "role": "id"} for n in range(9)],
        [{"name": "i", "type": "int", "role": "id"}, {"name": "x", "type": "int", "rule": ["trim"]}],
        [{"name": "i", "type": "int", "role": "id", "rule": ["trim"] * 17}],
    ],
)
def test_id_columns_that_are_refused(columns: list[dict[str, object]]) -> None:
    body = {"name": "a", "source": {"kind": "csv", "path": "a"}, "columns": columns}
    with pytest.raises(ValidationError):
        DatasetSpec.model_validate(body)
    with pytest.raises(ValidationError):
        DatasetFacts.model_validate({"name": "a", "owner": "b", "columns": columns, "id_rule": [], "rows": 1})


def test_counts_of_ids_that_cannot_be() -> None:
    body = {"name": "a", "owner": "b", "columns": [{"name": "i", "type": "int", "role": "id"}], "id_rule": []}
    for ids in (-1, 5, 6):
        with pytest.raises(ValidationError):
            DatasetFacts.model_validate({**body, "rows": 5, "ids": ids})
    assert DatasetFacts.model_validate({**body, "rows": 5, "ids": 4}).distinct == 4
