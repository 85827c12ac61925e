"""CSV files: what is read, and how each kind of bad file is told."""

from __future__ import annotations

import gzip
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coterie.data import Column, DatasetSpec, inspect, load

from .conftest import COLUMNS, HEADER, csv_spec, refusal

People = Callable[[str | bytes], DatasetSpec]
SECRET = "Zaphod-42"  # stands for any raw value: no error may show it


def test_values_types_and_nulls(people: People) -> None:
    dataset = load(people('a1,30,1.5,true,"Bonn, DE",0\n a2 ,-4,NA,,NA,1\nb3,5,nan,false,Köln,1\n'))
    assert dataset.rows == 3
    assert dataset.table.column_names == ["age", "income", "owner", "city", "default"]
    assert dataset.table.to_pydict() == {
        "age": [30, -4, 5],
        "income": [1.5, None, None],
        "owner": [True, None, False],
        "city": ["Bonn, DE", None, "Köln"],
        "default": [0, 1, 1],
    }
    assert dataset.ids.to_pylist() == ["a1", "a2", "b3"]


def test_only_the_columns_asked_for_are_read(people: People) -> None:
    spec = people("a1,not a number,1.5,maybe,Bonn,0\n")
    dataset = load(spec, ["default", "income"])
    assert dataset.table.to_pydict() == {"default": [0], "income": [1.5]}
    assert load(spec, []).rows == 1
    assert refusal(spec, ("age",)).code == "CT-1430"


def test_undeclared_columns_are_ignored(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("x,id,y\nfoo,a,bar\n")
    dataset = load(csv_spec(path, (Column(name="id", type="text", role="id"),)))
    assert dataset.table.column_names == []
    assert dataset.ids.to_pylist() == ["a"]


def test_facts_are_schema_and_row_count(people: People) -> None:
    facts = inspect(people(f"{SECRET},30,1.5,true,{SECRET},0\n"), "lender")
    assert facts.model_dump(mode="json") == {
        "name": "people",
        "owner": "lender",
        "id_rule": ["nfkc", "trim"],
        "rows": 1,
        "columns": [column.model_dump() for column in COLUMNS],
    }


@pytest.mark.parametrize(
    ("rows", "code", "words"),
    [
        (f"a,{SECRET},,,,0\n", "CT-1430", ["'age'", "line 2", "a text", "a whole number"]),
        ("a,1,,,,0\nb,2.5,,,,0\n", "CT-1430", ["'age'", "line 3", "a number with a fraction"]),
        ("a,9223372036854775808,,,,0\n", "CT-1430", ["'age'", "line 2", "too large"]),
        (f"a,1,{SECRET},,,0\n", "CT-1430", ["'income'", "line 2", "a text"]),
        (f"a,1,,{SECRET},,0\n", "CT-1430", ["'owner'", "line 2", "true or false"]),
        ("a,,,,,0\n", "CT-1431", ["'age'", "line 2"]),
        ("a,1,,,,0\n\n\nb,NA,,,,0\n", "CT-1431", ["'age'", "line 5"]),
        ("a,1,inf,,,0\n", "CT-1432", ["'income'", "line 2"]),
        ("a,1,2,,,0\nb,1,-Infinity,,,0\n", "CT-1432", ["'income'", "line 3"]),
        ("a,1,1e999,,,0\n", "CT-1432", ["'income'", "line 2"]),
        (",1,,,,0\n", "CT-1441", ["'id'", "line 2", "no value"]),
        ('"  ",1,,,,0\n', "CT-1441", ["'id'", "line 2", "after the id rule"]),
        (f"{SECRET},1,,,,0\nb,1,,,,0\n {SECRET},1,,,,0\n", "CT-1440", ["'id'", "line 2", "line 4"]),
        (f"a,1,,,,0\nb,1,{SECRET},,0\n", "CT-1415", ["line 3", "5 cells", "6"]),
        (f"a,1,,,,0\nb,1,,,,0,{SECRET}\n", "CT-1415", ["line 3", "7 cells", "6"]),
        (f'a,1,,,,0\nb,1,,,"{SECRET},0\nc,1,,,,0\n', "CT-1415", ["line 3", "quotation mark"]),
        (f'a,1,,,,0\nb,1,,,{SECRET},"0\nc,1,,,,0\n', "CT-1415", ["line 3", "quotation mark"]),
        (f"a,1,,,,0\n{HEADER}b,1,,,,0\n", "CT-1423", ["line 3"]),
        ("", "CT-1416", []),
        ("\n\n", "CT-1416", []),
        (b"a,1,,,K\xf6ln,0\n", "CT-1414", [f"byte {len(HEADER) + 7}"]),
        (b"a,1,,,K\x00ln,0\n", "CT-1414", [f"byte {len(HEADER) + 7}"]),
        (b"a,1,,,Bonn,0\n\xe2\x82", "CT-1414", [f"byte {len(HEADER) + 13}"]),
    ],
)
def test_bad_rows_are_told_by_place_and_kind_never_by_value(
    people: People, rows: str | bytes, code: str, words: list[str]
) -> None:
    error = refusal(people(rows))
    assert error.code == code
    for word in words:
        assert word in error.detail
    assert SECRET not in str(error)


def test_lines_are_those_of_the_file_also_with_breaks_inside_quotes(people: People) -> None:
    error = refusal(people('a,1,,,"two\nlines",0\n\n"b\n\n",1,,,,0\nc,x,,,,0\n'))
    assert (error.code, "line 8" in error.detail) == ("CT-1430", True), error.detail


def test_a_wrong_value_far_down_is_found(people: People) -> None:
    rows = [f"p{i},{i % 90},{i}.5,true,city-{i % 7},0" for i in range(200_000)]
    rows[177_777] = f"p177777,{SECRET},1,true,x,0"
    error = refusal(people("\n".join(rows) + "\n"))
    assert error.code == "CT-1430"
    assert "line 177779" in error.detail


def test_a_header_repeated_among_texts_only(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("id,city\na,Bonn\nid,city\nb,Bonn\n")
    columns = (Column(name="id", type="text", role="id"), Column(name="city", type="text"))
    error = refusal(csv_spec(path, columns))
    assert (error.code, error.detail) == ("CT-1423", "line 3")


@pytest.mark.parametrize(
    ("header", "code", "words"),
    [
        ("id,income,owner,city,default", "CT-1420", ["'age'"]),
        ("id,AGE,income,owner,city,default", "CT-1420", ["'age'", "capitals"]),
        ("id;age;income;owner;city;default", "CT-1420", ["delimiter"]),
        ("id,age,age,owner,income,city,default", "CT-1421", ["'age'"]),
    ],
)
def test_headers_that_do_not_fit(tmp_path: Path, header: str, code: str, words: list[str]) -> None:
    path = tmp_path / "people.csv"
    path.write_text(f"{header}\na,1,2,3,4,5,6\n")
    error = refusal(csv_spec(path))
    assert error.code == code
    for word in words:
        assert word in error.detail


def test_a_first_line_that_is_data_is_not_told(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text(f"{SECRET},1,,,,0\n")
    error = refusal(csv_spec(path))
    assert error.code == "CT-1420"
    assert SECRET not in str(error)


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf", HEADER.encode().strip()])
def test_files_without_a_table(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes(content)
    assert refusal(csv_spec(path)).code in ("CT-1416", "CT-1413")


def test_utf16_is_named(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_bytes((HEADER + "a,1,,,,0\n").encode("utf-16"))
    error = refusal(csv_spec(path))
    assert (error.code, "UTF-16" in error.detail) == ("CT-1414", True)


def test_byte_order_mark_line_ends_delimiter_and_own_nulls(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    text = HEADER.replace(",", ";") + "a;1;-9;;NA;0\n"
    path.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    dataset = load(csv_spec(path, delimiter=";", nulls=["", "-9"]))
    assert dataset.table.to_pydict() == {
        "age": [1],
        "income": [None],
        "owner": [None],
        "city": ["NA"],
        "default": [0],
    }


def test_a_lone_quotation_mark_inside_a_cell_is_text(people: People) -> None:
    assert load(people('a,1,,,5" pipe,0\n'), ["city"]).table["city"].to_pylist() == ['5" pipe']


def test_paths(tmp_path: Path) -> None:
    assert refusal(csv_spec(tmp_path / "absent.csv")).code == "CT-1410"
    assert refusal(csv_spec(tmp_path / "absent" / "deeper.csv")).code == "CT-1410"
    os.mkfifo(tmp_path / "pipe")
    assert refusal(csv_spec(tmp_path / "pipe")).code == "CT-1411"
    os.mkfifo(tmp_path / "pipe.csv")
    assert refusal(csv_spec(tmp_path / "pipe.csv")).code == "CT-1411"
    (tmp_path / "loop.csv").symlink_to(tmp_path / "loop.csv")
    assert refusal(csv_spec(tmp_path / "loop.csv")).code == "CT-1412"


def test_a_file_without_read_permission(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text(HEADER)
    path.chmod(0)
    program = (
        "import os, sys\n"
        "from coterie.data import Column, CsvSource, DatasetSpec, load\n"
        "import pyarrow.compute, pyarrow.csv\n"
        "if os.getuid() == 0: os.setgid(65534); os.setuid(65534)\n"
        "source = CsvSource(path='people.csv')\n"
        "spec = DatasetSpec(name='p', source=source, columns=(Column(name='id', type='int', role='id'),))\n"
        "try: load(spec)\n"
        "except Exception as error: print(error.code)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], check=False, cwd=tmp_path, capture_output=True, text=True
    )
    assert done.stdout == "CT-1412\n", done.stderr


def test_gzip_whole_cut_and_altered(tmp_path: Path) -> None:
    rows = "".join(f"{i},{random.Random(i).random()}\n" for i in range(20_000))
    packed = gzip.compress(("id,x\n" + rows).encode())
    columns = (Column(name="id", type="int", role="id"), Column(name="x", type="float"))
    path = tmp_path / "people.csv.gz"
    spec = csv_spec(path, columns)
    path.write_bytes(packed)
    assert load(spec).rows == 20_000
    altered = bytearray(packed)
    altered[-6] ^= 1
    for damaged in (
        packed[:-1],
        packed[:-9],
        packed[: len(packed) // 2],
        packed[:5],
        bytes(altered),
        b"id,x\n1,2\n",
    ):
        path.write_bytes(damaged)
        assert refusal(spec).code == "CT-1413"


def test_150000_rows_of_12_columns_load_in_well_under_a_second(tmp_path: Path) -> None:
    names = [f"x{i}" for i in range(11)]
    values = np.random.default_rng(0).normal(size=(150_000, 11)).round(4)
    table = pd.DataFrame(values, columns=names)
    path = tmp_path / "people.csv"
    table.to_csv(path, index_label="id")
    columns = tuple(Column(name=name, type="float") for name in names)
    spec = csv_spec(path, (Column(name="id", type="int", role="id"), *columns))
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        dataset = load(spec)
        seconds.append(time.perf_counter() - start)
    np.testing.assert_array_equal(np.column_stack([dataset.table[name].to_numpy() for name in names]), values)
    assert min(seconds) < 0.8


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.integers(-(2**63), 2**63 - 1),
            st.floats(allow_nan=False, allow_infinity=False),
            st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_what_pandas_writes_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, float, str]]
) -> None:
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    frame = pd.DataFrame(rows, columns=["n", "x", "t"])
    frame.to_csv(path, index_label="id", quoting=2, encoding="utf-8", lineterminator="\n")
    columns = (
        Column(name="id", type="int", role="id"),
        Column(name="n", type="int"),
        Column(name="x", type="float"),
        Column(name="t", type="text", nullable=True),
    )
    table = load(csv_spec(path, columns, nulls=["\x01 no cell holds this"])).table
    assert table["n"].to_pylist() == [row[0] for row in rows]
    assert table["x"].to_pylist() == [row[1] for row in rows]
    assert table["t"].to_pylist() == [row[2] for row in rows]


def test_a_quotation_mark_left_open_does_not_swallow_rows(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text('id,city\na,Bonn\nb,"Bonn\nc,Bonn\n')
    columns = (Column(name="id", type="text", role="id"), Column(name="city", type="text"))
    for wanted in (("city",), ()):
        error = refusal(csv_spec(path, columns), wanted)
        assert (error.code, "line 3" in error.detail) == ("CT-1415", True)
