"""Canonical JSON, strict parsing, times."""

from __future__ import annotations

import hashlib
import json
import math
from datetime import UTC, datetime, timedelta, timezone
from enum import IntEnum, StrEnum
from typing import Any

import numpy as np
import pytest
import rfc8785
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from coterie.crypto import canonical, digest, now, parse_json, parse_timestamp, timestamp
from coterie.errors import CoterieError

SAFE = st.integers(-(2**53) + 1, 2**53 - 1)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | SAFE | st.floats(allow_nan=False, allow_infinity=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


def test_the_example_of_rfc_8785() -> None:
    """Section 3.2.2 to 3.2.4."""
    value = {
        "numbers": [333333333.33333329, 1e30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": "€$\u000f\u000aA'\u0042\u0022\u005c\\\"/",
        "literals": [None, True, False],
    }
    expected = (
        '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],'
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}'
    )
    assert canonical(value) == expected.encode()


def test_names_are_sorted_by_utf_16() -> None:
    """RFC 8785, section 3.2.3: the order of its example."""
    names = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]
    ordered = list(json.loads(canonical(dict.fromkeys(names, 0))))
    assert ordered == ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]


class Word(StrEnum):
    A = "\u00e4\n"


class Number(IntEnum):
    ONE = 1


@settings(deadline=None)
@given(VALUES | st.tuples(VALUES, st.sampled_from([Word.A, Number.ONE, np.float64(1e21)])))
def test_it_is_what_the_library_writes(value: Any) -> None:
    """Whose authors have tested it with the vectors of RFC 8785."""
    assert canonical(value) == rfc8785.dumps(value)
    assert canonical({Word.A: value}) == rfc8785.dumps({Word.A: value})


@settings(deadline=None)
@given(VALUES)
def test_canonical_json_is_read_back(value: Any) -> None:
    data = canonical(value)
    assert parse_json(data, limit=len(data)) == value
    assert canonical(parse_json(data, limit=len(data))) == data


def test_models_have_the_canonical_form_of_their_values() -> None:
    class Model(BaseModel):
        b: int
        a: str

    assert canonical(Model(b=1, a="x")) == b'{"a":"x","b":1}'


@pytest.mark.parametrize(
    "value", [math.nan, math.inf, 2**53, object(), {1: 2}, {None: {}}, "\ud800", {"\ud800": 1}, b"bytes"]
)
def test_what_has_no_canonical_form_is_a_coded_error(value: Any) -> None:
    with pytest.raises(CoterieError, match="CT-1111"):
        canonical(value)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"nul",
        b'{"a":1,"a":2}',
        b'{"a":{"b":1,"b":1}}',
        b'{"a":1,"\\u0061":2}',
        b"NaN",
        b"[Infinity]",
        b"[-Infinity]",
        b"1e999",
        b"9007199254740993",
        b"-9007199254740993",
        b"10000000000000000001",
        b"1000000000000000000000",
        b"1" * 5000,
        b'"\xff"',
        b'"\\ud800"',
        b'{"\\ud800":1}',
        b"\xef\xbb\xbf{}",
        "{}".encode("utf-16"),
        b"[" * 33 + b"]" * 33,
        b"[" * 32 + b'["a"]' + b"]" * 32,
        b"[" * 100_000,
        b'{"a":' * 40 + b"1" + b"}" * 40,
        b"{} {}",
        b"{'a':1}",
        b"[1,]",
        b"// x\n1",
    ],
)
def test_unsafe_documents_are_refused(data: bytes) -> None:
    with pytest.raises(CoterieError) as caught:
        parse_json(data, limit=1 << 20)
    assert caught.value.code == "CT-1110"


def test_limits_are_exact() -> None:
    assert parse_json(b"[1,2]", limit=5) == [1, 2]
    with pytest.raises(CoterieError, match="CT-1110"):
        parse_json(b"[1,2]", limit=4)
    assert parse_json(b"[" * 32 + b"]" * 32, limit=100)
    with pytest.raises(CoterieError, match="CT-1110"):
        parse_json(b"[[1]]", limit=100, depth=1)
    assert parse_json(b"9007199254740991", limit=100) == 2**53 - 1


@settings(deadline=None)
@given(st.binary(max_size=100))
def test_arbitrary_bytes_never_crash(data: bytes) -> None:
    try:
        parse_json(data, limit=100)
    except CoterieError as error:
        code = error.code
        assert code == "CT-1110"


def test_digests_name_their_hash() -> None:
    assert digest(b"abc") == "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert digest(b"").removeprefix("sha256:") == hashlib.sha256().hexdigest()


def test_times() -> None:
    moment = datetime(2026, 11, 22, 20, 0, 0, 999999, tzinfo=UTC)
    assert timestamp(moment) == "2026-11-22T20:00:00Z"
    assert (
        timestamp(datetime(2026, 11, 22, 22, 0, tzinfo=timezone(timedelta(hours=2))))
        == "2026-11-22T20:00:00Z"
    )
    assert parse_timestamp("2026-11-22T20:00:00Z") == moment.replace(microsecond=0)
    assert parse_timestamp(timestamp(now())) == now()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-22",
        "2026-11-22T20:00:00",
        "2026-11-22T20:00:00+00:00",
        "2026-13-01T00:00:00Z",
        "2026-02-30T00:00:00Z",
        "2026-11-22t20:00:00z",
        "2026-11-22T20:00:00.5Z",
        "２026-11-22T20:00:00Z",
        "2026-11-22T20:00:00Z\n",
    ],
)
def test_other_forms_of_time_are_refused(text: str) -> None:
    with pytest.raises(CoterieError, match="CT-1112"):
        parse_timestamp(text)


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(CoterieError, match="CT-1112"):
        timestamp(datetime(2026, 11, 22))  # noqa: DTZ001
