"""Descriptions: YAML in, drafts out, and what is refused."""

from __future__ import annotations

import contextlib
import gzip
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie.data import CsvSource, DatasetSpec, draft_spec, load, parse_spec, parse_yaml
from coterie.errors import BadInput, CoterieError

GOOD = """\
name: loans
source:
  kind: csv
  path: loans.csv
id_rule: [trim, upper]
columns:
  - {name: id, type: text, role: id}
  - name: no
    type: float
    nullable: true
  - {name: "2026-11-22", type: int, role: label}
"""


def code_of(text: str) -> tuple[str, str]:
    with pytest.raises(CoterieError) as caught:
        parse_spec(text, folder=Path("/data"))
    assert caught.value.__context__ is None
    return caught.value.code, caught.value.detail


def test_a_description_in_yaml() -> None:
    spec = parse_spec(GOOD, folder=Path("/data"))
    assert spec.source == CsvSource(path="/data/loans.csv")
    assert [(c.name, c.type, c.role, c.nullable) for c in spec.columns] == [
        ("id", "text", "id", False),
        ("no", "float", "feature", True),
        ("2026-11-22", "int", "label", False),
    ]
    assert spec.id_rule == ("trim", "upper")
    assert DatasetSpec.model_validate(spec.model_dump(mode="json")) == spec
    assert DatasetSpec.model_validate_json(spec.model_dump_json()) == spec


def test_an_absolute_path_stays() -> None:
    spec = parse_spec(GOOD.replace("loans.csv", "/elsewhere/loans.csv"), folder=Path("/data"))
    assert spec.source.path == "/elsewhere/loans.csv"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("name: loans", "name: Loans 1", ["line 1", "name"]),
        ("name: loans\n", "", ["name", "missing"]),
        ("kind: csv", "kind: excel", ["line 2", "source"]),
        ("path: loans.csv", "path: 7", ["line 4", "source.csv.path"]),
        ("path: loans.csv", "file: loans.csv", ["line 4", "file", "no such field"]),
        ("[trim, upper]", "[trim, rot13]", ["line 5", "id_rule.1"]),
        ("type: float", "type: double", ["line 9", "columns.1.type"]),
        ("nullable: true", "nullable: 1", ["line 10", "columns.1.nullable"]),
        ("role: id", "role: feature", ["1 to 8 columns", "id"]),
        ("type: text, role: id", "type: float, role: id", ["line 7", "'id'", "int or text"]),
        ("role: id", "role: id, nullable: true", ["line 7", "nullable"]),
        ("name: no", "name: id", ["'id'", "twice"]),
        ("nullable: true", "role: label", ["at most one"]),
        ("name: no", "name: ''", ["line 8", "columns.1.name"]),
    ],
)
def test_what_is_wrong_is_told_with_its_line(old: str, new: str, words: list[str]) -> None:
    assert old in GOOD
    code, detail = code_of(GOOD.replace(old, new))
    assert code == "CT-1401"
    for word in words:
        assert word in detail, detail


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: 1\nb: [", 2),
        ("a: 1\na: 2", 2),
        ("a: 1\nb: &x [1]", 2),
        ("a: *x", 1),
        ("a: !!python/object/apply:os.system [true]", 1),
        ("a: !mine 3", 1),
        ("a: 1\n---\nb: 1", 2),
        ("a: 1\n2: 3", 2),
        ("? [a]\n: 1", 1),
        ("a: " + "[" * 50, 1),
        ("a: 1e999", 1),
        ("a: 12345678901234567890", 1),
    ],
)
def test_yaml_that_is_refused(text: str, line: int) -> None:
    code, detail = code_of(text)
    assert code == "CT-1402"
    assert f"line {line}" in detail


@pytest.mark.parametrize(
    "text", ["", "- 1", "text", "a: \x00", "a: " + "x" * 2_000_000, "a: \ud800", "[" * 200_000]
)
def test_texts_that_are_no_mapping(text: str) -> None:
    assert code_of(text)[0] == "CT-1402"


def test_scalars_mean_what_is_written() -> None:
    text = "v: [no, on, y, 010, 0x10, 1_000, 1:20, 2026-11-22, .inf, 1e3, -7, true, ~, '1', =, <<]"
    assert parse_yaml(text).value["v"] == [
        *(
            "no",
            "on",
            "y",
            10,
            "0x10",
            "1_000",
            "1:20",
            "2026-11-22",
            ".inf",
            1000.0,
            -7,
            True,
            None,
            "1",
            "=",
            "<<",
        )
    ]


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(BadInput):
        assert isinstance(parse_yaml(text).value, dict)


def test_a_draft_of_a_csv(tmp_path: Path) -> None:
    path = tmp_path / "people.csv.gz"
    rows = "".join(
        f"{i};C{i:03d};{i % 3};{i / 7:.3f};{'true' if i % 2 else 'false'};{'ab'[i % 2]};t{i}\n"
        for i in range(200)
    )
    header = 'row;Customer-ID;grade;income;owner;"to: wn";free\n'
    path.write_bytes(gzip.compress((header + rows + "200;C200;;NA;;;\n").encode()))
    spec = parse_spec(draft_spec(path, "people"), folder=Path("/nowhere"))
    assert spec.source == CsvSource(path=str(path), delimiter=";")
    assert [(c.name, c.type, c.role, c.nullable) for c in spec.columns] == [
        ("row", "int", "feature", False),
        ("Customer-ID", "text", "id", False),
        ("grade", "int", "feature", True),
        ("income", "float", "feature", True),
        ("owner", "bool", "feature", True),
        ("to: wn", "category", "feature", True),
        ("free", "text", "feature", True),
    ]
    assert load(spec).rows == 201


def test_a_draft_with_roles_given(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("id,user,bad\n1,a,0\n2,b,1\n")
    text = draft_spec(path, "people", id_columns=["user"], label="bad", id_rule=["trim", "lower"])
    spec = parse_spec(text, folder=tmp_path)
    assert {c.name: c.role for c in spec.columns} == {"id": "feature", "user": "id", "bad": "label"}
    assert spec.id_rule == ("trim", "lower")
    path.write_text("a,bad,b\n1,0,x\n,1,y\n")
    text = draft_spec(path, "people", id_columns=["b", "a"], id_rule=["phone:CN", "trim"])
    spec = parse_spec(text, folder=tmp_path)
    assert (spec.id_names, spec.id_rule) == (("b", "a"), ("phone:CN", "trim"))
    assert [c.name for c in spec.columns] == ["b", "bad", "a"]
    with pytest.raises(BadInput, match=r"CT-1420.*'worse'"):
        draft_spec(path, "people", label="worse")
    with pytest.raises(BadInput, match=r"CT-1401.*'phone:cn'"):
        draft_spec(path, "people", id_rule=["trim", "phone:cn"])


def test_types_come_from_all_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("id,x\n" + "".join(f"{i},{i}\n" for i in range(700_000)) + "700000,later a text\n")
    assert '"x", type: text' in draft_spec(path, "people")


def test_a_draft_without_an_id_says_so(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("a,b,b,\x01\n1,2,3,4\n")
    text = draft_spec(path, "people")
    assert "give one the role id" in text
    assert '"b"' not in text
    assert code_of(text)[0] == "CT-1401"


def test_a_draft_shows_names_as_they_are_read(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    path.write_text("手机,年龄,a\u200bb\n13800000001,3,1\n")
    text = draft_spec(path, "people", id_columns=["手机"])
    assert '"手机", type: int, role: id' in text
    assert '"a\\u200bb"' in text
    assert [c.name for c in parse_spec(text, folder=tmp_path).columns] == ["手机", "年龄", "a\u200bb"]


def test_a_draft_of_a_parquet_file(tmp_path: Path) -> None:
    path = tmp_path / "people.parquet"
    table = {"user_id": [1, 2], "x": [1.0, 2.0], "b": [True, False], "t": ["a", "b"], "raw": [b"1", b"2"]}
    pq.write_table(pa.table(table), path)
    text = draft_spec(path, "people")
    spec = parse_spec(text, folder=Path("/nowhere"))
    assert [(c.name, c.type, c.role) for c in spec.columns] == [
        ("user_id", "int", "id"),
        ("x", "float", "feature"),
        ("b", "bool", "feature"),
        ("t", "text", "feature"),
    ]
    assert '# "raw" has a type that cannot be used' in text
    assert load(spec).rows == 2


@pytest.mark.parametrize(("name", "code"), [("No Slug", "CT-1401"), ("people", "CT-1410")])
def test_drafts_that_are_refused(tmp_path: Path, name: str, code: str) -> None:
    with pytest.raises(CoterieError) as caught:
        draft_spec(tmp_path / "absent.csv", name)
    assert caught.value.code == code
