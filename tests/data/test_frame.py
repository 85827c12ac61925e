"""Frames: matrices, labels, rows by number."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from coterie.data import VerticalFrame
from coterie.errors import CoterieError


def frame(**columns: Any) -> VerticalFrame:
    table = pa.table(columns)
    return VerticalFrame(
        rows=table.num_rows,
        columns={"lender": ("age", "income"), "payments": ("spend",)},
        label_holder="lender",
        label="default",
        parts={"lender": table},
        keys=np.arange(table.num_rows * 32, dtype=np.uint8).reshape(-1, 32),
    )


def code_of(action: Any) -> tuple[str, str]:
    with pytest.raises(CoterieError) as caught:
        action()
    return caught.value.code, caught.value.detail


def test_matrix() -> None:
    one = frame(age=[1, 2, None], income=[0.5, None, 2.0], owner=[True, False, None], city=["a", "b", "c"])
    matrix = one.matrix(["income", "age", "owner"])
    assert (matrix.dtype, matrix.flags["C_CONTIGUOUS"]) == (np.float64, True)
    np.testing.assert_array_equal(
        matrix, np.array([[0.5, 1, 1], [np.nan, 2, 0], [2.0, np.nan, np.nan]]), strict=True
    )
    assert one.matrix([]).shape == (3, 0)
    assert code_of(lambda: one.matrix(["city"]))[0] == "CT-1433"
    assert code_of(lambda: one.matrix(["spend"]))[0] == "CT-1422"


@pytest.mark.parametrize("values", [[0, 1, 1], [0.0, 1.0, 1.0], [False, True, True]])
def test_labels(values: list[Any]) -> None:
    labels = frame(default=values).labels()
    assert labels.dtype == np.int8
    assert labels.tolist() == [0, 1, 1]


@pytest.mark.parametrize(
    ("values", "code", "word"),
    [
        ([0, 1, 2], "CT-1502", "3 different"),
        ([1, 2, 2], "CT-1502", "2 different"),
        ([0.0, 0.5, 1.0], "CT-1502", "3 different"),
        (pa.array(["no", "yes", "no"], pa.large_string()), "CT-1502", "texts"),
        (list(range(20)), "CT-1502", "more than 10"),
        ([0, 1, None], "CT-1501", "default"),
    ],
)
def test_labels_that_are_not_binary(values: Any, code: str, word: str) -> None:
    got, detail = code_of(frame(default=values).labels)
    assert got == code
    assert word in detail


def test_labels_are_at_their_holder_only() -> None:
    got, detail = code_of(frame(age=[1]).labels)
    assert (got, "lender" in detail) == ("CT-1503", True)


def test_take_keeps_rows_together() -> None:
    one = frame(age=[10, 11, 12, 13], default=[0, 1, 0, 1])
    part = one.take(np.array([3, 1, 1]))
    assert part.rows == 3
    assert part.table.to_pydict() == {"age": [13, 11, 11], "default": [1, 1, 1]}
    np.testing.assert_array_equal(part.keys, one.keys[[3, 1, 1]])
    assert one.take(np.array([], np.int64)).rows == 0


def test_with_columns() -> None:
    one = frame(age=[1, None], income=[1.0, 2.0])
    two = one.with_columns({"age": np.array([5.0, np.nan])})
    assert two.table.to_pydict() == {"age": [5.0, None], "income": [1.0, 2.0]}
    assert one.table["age"].to_pylist() == [1, None]
    assert code_of(lambda: one.with_columns({"spend": np.zeros(2)}))[0] == "CT-1422"
    assert code_of(lambda: one.with_columns({"age": np.zeros(3)}))[0] == "CT-1504"


def test_parts_that_do_not_fit_together() -> None:
    table = pa.table({"age": [1, 2]})
    for rows, keys in ((3, np.zeros((3, 32), np.uint8)), (2, np.zeros((2, 16), np.uint8))):
        got, _ = code_of(
            lambda rows=rows, keys=keys: VerticalFrame(rows, {}, "lender", "default", {"lender": table}, keys)
        )
        assert got == "CT-1504"


def test_rows_of_whom_nothing_is_known_but_their_ids() -> None:
    """A table without a column still has rows: its owner takes part for what it receives."""
    bare = frame(age=[1, 2, 3], default=[0, 1, 0])
    bare = replace(bare, columns={"lender": (), "payments": ("spend",)})
    bare = replace(bare, parts={"lender": bare.table.select([])})
    taken = bare.take(np.array([2, 0]))
    assert (taken.rows, taken.table.num_rows) == (2, 2)
    assert taken.matrix([]).shape == (2, 0)
    # The label need not be among the columns that a step leaves, where it was not before.
    named = taken.reshaped(pa.table({"age": [1, 2]}), ["age"])
    assert named.columns["lender"] == ("age",)
    labelled = frame(age=[1], default=[0])
    assert code_of(lambda: labelled.reshaped(pa.table({"age": [1]}), ["age"]))[0] == "CT-1422"
