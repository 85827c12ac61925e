"""Expressions: what pandas computes of the same columns, and nothing of hostile text."""

from __future__ import annotations

import math
import time

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coterie.errors import CoterieError
from coterie.learn.expression import evaluated, parsed
from coterie.learn.expression.parse import DEEPEST, FUNCTIONS, MOST_NODES
from coterie.learn.expression.tokens import LONGEST

RNG = np.random.default_rng(3)
ROWS = 400
FRAME = pd.DataFrame(
    {
        "a": RNG.integers(-5, 6, ROWS),
        "b": RNG.normal(0, 3, ROWS),
        "c": RNG.exponential(2, ROWS),
        "ok": RNG.random(ROWS) < 0.5,
        "job": RNG.choice(["clerk", "miner", "nurse"], ROWS),
        "年龄": RNG.integers(18, 80, ROWS),
        "Number Of-30": RNG.integers(0, 9, ROWS),
    }
)
TABLE = pa.Table.from_pandas(FRAME, preserve_index=False)
GAPS = FRAME.mask(RNG.random(FRAME.shape) < 0.2).astype(
    {"a": "Int64", "ok": "boolean", "b": "Float64", "c": "Float64", "年龄": "Int64", "Number Of-30": "Int64"}
)
GAPPED = pa.Table.from_pandas(GAPS, preserve_index=False)


def of(text: str, table: pa.Table = TABLE) -> pa.ChunkedArray:
    return evaluated(parsed(text, "x"), table)[0]


def refused(text: str, table: pa.Table = TABLE) -> CoterieError:
    with pytest.raises(CoterieError) as caught:
        of(text, table)
    return caught.value


# The left side is ours, the right side what pandas computes.
SAME = [
    ("a + b * c - 2", lambda f: f.a + f.b * f.c - 2),
    ("a * a - a", lambda f: f.a * f.a - f.a),
    ("-a ** 2", lambda f: -(f.a**2)),
    ("c ** -1.5", lambda f: f.c**-1.5),
    ("b // c", lambda f: f.b // f.c),
    ("b % c", lambda f: f.b % f.c),
    ("a // 3", lambda f: f.a // 3),
    ("a % 3", lambda f: f.a % 3),
    ("a / 4", lambda f: f.a / 4),
    (
        "log(c) + log1p(c) + exp(-c) + sqrt(c)",
        lambda f: np.log(f.c) + np.log1p(f.c) + np.exp(-f.c) + f.c**0.5,
    ),
    ("abs(b) + abs(a)", lambda f: f.b.abs() + f.a.abs()),
    ("round(b, 1)", lambda f: f.b.round(1)),
    (
        "min(a, b, 1.5)",
        lambda f: pd.concat([f.a, f.b, f.b * 0 + 1.5], axis=1).astype(float).min(axis=1, skipna=False),
    ),
    (
        "max(a, b, 1.5)",
        lambda f: pd.concat([f.a, f.b, f.b * 0 + 1.5], axis=1).astype(float).max(axis=1, skipna=False),
    ),
    ("`Number Of-30` + 年龄", lambda f: f["Number Of-30"] + f["年龄"]),
    ("a > 0 and b < 1 or ok", lambda f: (f.a > 0) & (f.b < 1) | f.ok),
    ("not (a > 0)", lambda f: ~(f.a > 0)),
    ("-1 < a <= 3", lambda f: (f.a > -1) & (f.a <= 3)),
    ("ok == (a > 0)", lambda f: f.ok == (f.a > 0)),
    ("a - b - c", lambda f: f.a - f.b - f.c),
    ("a - (b - c)", lambda f: f.a - (f.b - f.c)),
    ("ok + a", lambda f: f.ok.astype("Int64") + f.a),
]


@pytest.mark.parametrize(("text", "wanted"), SAME)
@pytest.mark.parametrize("gaps", [False, True])
def test_expressions_are_pandas(text: str, wanted, gaps: bool) -> None:  # type: ignore[no-untyped-def]
    found = of(text, GAPPED if gaps else TABLE).to_pandas().astype("Float64")
    expected = pd.Series(wanted(GAPS if gaps else FRAME)).astype("Float64")
    assert found.isna().tolist() == expected.isna().tolist()
    assert np.allclose(found.dropna().astype(float), expected.dropna().astype(float), rtol=1e-14)


def test_choices_texts_and_what_is_missing() -> None:
    assert of("'young' if 年龄 < 30 else 'old'").to_pylist() == [
        "young" if age < 30 else "old" for age in FRAME["年龄"]
    ]
    assert (
        of("where(job == 'miner', a, b)").to_pylist()
        == np.where(FRAME.job == "miner", FRAME.a, FRAME.b).tolist()
    )
    assert of('job in ["miner", "nurse"]').to_pylist() == FRAME.job.isin(["miner", "nurse"]).tolist()
    assert of("a not in [1, 2]").to_pylist() == (~FRAME.a.isin([1, 2])).tolist()
    assert of("isnull(a)", GAPPED).to_pylist() == GAPS.a.isna().tolist()
    assert of("coalesce(a, b, 0)", GAPPED).to_pylist() == pytest.approx(
        GAPS.a.astype("Float64").fillna(GAPS.b).fillna(0).astype(float).tolist()
    )
    known = [value in ("miner",) if value is not None and value == value else None for value in GAPS.job]
    assert of("job in ['miner']", GAPPED).to_pylist() == known


def test_types_stay_as_small_as_they_can() -> None:
    kinds = {"a + 1": pa.int64(), "a / 1": pa.float64(), "a + 1.0": pa.float64(), "a ** 2": pa.int64()}
    kinds |= {"round(b)": pa.int64(), "floor(b)": pa.int64(), "a > 1": pa.bool_(), "job": pa.large_string()}
    kinds |= {"abs(a)": pa.int64(), "where(ok, 1, a)": pa.int64(), "where(ok, 1, b)": pa.float64()}
    assert {text: of(text).type for text in kinds} == kinds


def test_floor_ceil_and_round_are_pythons() -> None:
    assert of("floor(b)").to_pylist() == [math.floor(value) for value in FRAME.b]
    assert of("ceil(b)").to_pylist() == [math.ceil(value) for value in FRAME.b]
    assert of("round(b)").to_pylist() == [round(value) for value in FRAME.b]


def test_results_that_are_missing_alone_are_counted() -> None:
    table = pa.table({"a": [0, 1, None, 4], "b": [1.0, 1.0, 1.0, None]})
    assert [
        evaluated(parsed(text, "x"), table)[1]
        for text in ("b / a", "log(a)", "a + b", "b / a if a > 0 else 0")
    ] == [
        1,
        1,
        0,
        0,
    ]
    assert of("b / a", table).to_pylist() == [None, 1.0, None, None]


def test_numbers_at_the_edges() -> None:
    least, large = -(2**63), 2**62
    table = pa.table({"a": [1, large, None, least], "b": [1e300, None, 2.0, 0.0]})
    wanted = {
        "a // 3": [0, large // 3, None, least // 3],
        "a % 3": [1, large % 3, None, least % 3],
        "a // -1": [-1, -large, None, None],
        "a * 1.5": [1.5, large * 1.5, None, least * 1.5],
        "a < b": [True, None, None, True],
        "b * b": [None, None, 4.0, 0.0],
        "a == 1 or isnull(b)": [True, True, None, False],
        "5 % 0 + b": [None] * 4,
        "7 // 2 + b": [1e300, None, 5.0, 3.0],
        "where(true, 1, 2) + a * 0": [1, 1, None, 1],
    }
    assert {text: of(text, table).to_pylist() for text in wanted} == wanted
    for text in ("-a", "abs(a)", "a + a", "a ** 2", "round(b, 15)"):
        assert refused(text, table).code == "CT-3117"


@pytest.mark.parametrize(
    ("text", "character"),
    [
        ("", 1),
        ("1 + 2", None),
        ("a +", 4),
        ("a b", 3),
        ("(a", 3),
        ("a in []", 7),
        ("a in b", 6),
        ("a not b", 7),
        ("a if b", 7),
        ("a.b", 2),
        ("a[0]", 2),
        ("a; b", 2),
        ("a = 1", 3),
        ("a := 1", 3),
        ("lambda: a", 7),
        ("f'{a}'", 2),
        ("'\\x41' == job and", None),
        ("job == 'open", 8),
        ("`a", 1),
        ("a ** b", 6),
        ("a ** 9", 3),
        ("a ** 2 ** 2", 8),
        ("a ** 'x'", 3),
        ("round(a, 99)", 10),
        ("round(a, b)", 10),
        ("min(a)", 1),
        ("where(a > 1, 2)", 1),
        ("eval('a')", 1),
        ("__import__('os').system('x')", 17),
        ("a + 1e999", 5),
        ("a + 9999999999999999999", 5),
        ("12ab + a", 1),
        ("a and in b", 7),
        ("a + `\n`", 5),
        ("where(a > 1, '" + "x" * 257 + "', job)", 14),  # which would stand in every row
    ],
)
def test_what_cannot_be_read_is_refused_at_its_place(text: str, character: int | None) -> None:
    error = refused(text)
    assert error.code == "CT-3116"
    assert character is None or f"character {character}:" in str(error)


@pytest.mark.parametrize(
    "text",
    [
        *("job + 1", "a and ok", "not a", "where(a, b, c)", "job < 1", "coalesce(job, 1)", "a in ['x']"),
        *("log(job)", "a * 999999999999999999 * 999999999999999999", "round(b * 1e30)", "(a * 0 - 999) ** 8"),
    ],
)
def test_what_does_not_fit_the_columns_is_refused(text: str) -> None:
    error = refused(text)
    assert error.code == "CT-3117"
    assert "character" in str(error)


def test_length_depth_and_size_are_bounded() -> None:
    for text in (
        "a" * (LONGEST + 1),
        "(" * 900 + "a" + ")" * 900,
        "-" * 1900 + "a",
        "not " * 400 + "ok",
        "abs(" * 400 + "a" + ")" * 400,
        "a if ok else " * 100 + "a",
        "+".join("a" * (MOST_NODES + 1)),
    ):
        assert refused(text).code == "CT-3116"
    wide = "+".join(["a"] * (MOST_NODES - 1))
    assert of(wide).to_pylist() == (FRAME.a * (MOST_NODES - 1)).tolist()
    deep = "(" * (DEEPEST - 1) + "a" + ")" * (DEEPEST - 1)
    assert of(deep).to_pylist() == FRAME.a.tolist()


WORDS = st.sampled_from(
    [
        *FUNCTIONS,
        *"+-*/%<>()[],",
        *("**", "//", "<=", "==", "!=", "and", "or", "not", "in", "if", "else"),
        *("a", "b", "ok", "job", "`c`", "'miner'", "1", "2.5", "true", "0", "1e9"),
    ]
)


@given(st.one_of(st.lists(WORDS, max_size=40).map(" ".join), st.text(max_size=200)))
@settings(max_examples=400, deadline=None)
def test_any_text_is_a_column_or_refused(text: str) -> None:
    began = time.monotonic()
    code, found = None, TABLE["a"]
    try:
        expression = parsed(text, "x")
        if expression.names <= set(TABLE.column_names):
            found = evaluated(expression, TABLE)[0]
    except CoterieError as error:
        code = error.code
    assert code in (None, "CT-3116", "CT-3117")
    assert len(found) == ROWS
    assert found.type in (pa.int64(), pa.float64(), pa.bool_(), pa.large_string())
    assert time.monotonic() - began < 5


@st.composite
def trees(draw: st.DrawFn, depth: int = 4) -> str:
    """Arithmetic that Python reads the same way."""
    if depth == 0 or draw(st.booleans()):
        return draw(st.sampled_from(["a", "b", "c", "2", "0.5", "7"]))
    left, right = draw(trees(depth - 1)), draw(trees(depth - 1))
    sign = draw(st.sampled_from(["+", "-", "*", "<", "=="]))
    if sign in ("<", "=="):
        return f"(1.0 if {left} {sign} {right} else 2.5)"
    return draw(st.sampled_from(["({0} {2} {1})", "{0} {2} ({1})", "-({0} {2} {1})"])).format(
        left, right, sign
    )


@given(trees())
@settings(max_examples=150, deadline=None)
def test_arithmetic_is_pythons(text: str) -> None:
    rows = [
        dict(zip("abc", row, strict=True)) for row in FRAME[["a", "b", "c"]].head(5).itertuples(index=False)
    ]
    wanted = [float(eval(text, {"__builtins__": {}}, row)) for row in rows]
    found = evaluated(parsed(f"{text} + a * 0", "x"), TABLE.slice(0, 5))[0].to_pylist()
    assert found == pytest.approx(wanted, rel=1e-12, abs=1e-12)
