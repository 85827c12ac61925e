"""What judging shares: cells, the test of DeLong on published data, how long documents get."""

from __future__ import annotations

import types
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from coterie.crypto import canonical
from coterie.learn.compare.record import Comparison
from coterie.learn.decide.record import Decided
from coterie.learn.documents import Document
from coterie.learn.evaluate.record import Record, RegressionRecord
from coterie.learn.measures import (
    auc_interval,
    coarse,
    gain,
    most_bytes,
    most_numbers,
    range_of,
    tally,
    tellable,
    two_sided,
)
from coterie.learn.measures.sizes import _longest
from coterie.learn.stability.record import Part

from .test_metrics import Sample, samples


def ovarian() -> dict[str, np.ndarray]:
    """Whether surgery helped 43 patients, and three scores of it: DeLong, DeLong, Clarke-Pearson (1988), as
    in the documentation of SAS/STAT, "Comparing Receiver Operating Characteristic Curves"."""
    helped = "0110100111111110100110111111110011110101111"
    albumin = (
        "30 32 39 28 32 09 25 16 38 37 32 38 41 36 43 36 23 42 40 35 38 30 45 37 31 41 43 43 32 26 "
        "33 17 37 33 42 35 29 21 28 40 33 37 36"
    )
    protein = (
        "58 63 68 48 58 40 57 56 57 67 54 66 66 57 70 67 44 76 66 58 68 47 74 74 66 82 70 65 51 47 "
        "68 40 61 63 77 62 57 48 62 70 57 69 66"
    )
    obstruction = "10 5 3 6 3 5 8 5 5 6 4 6 5 5 4 4 6 4 6 6 7 8 5 5 6 6 5 4 5 6 6 7 5 7 6 5 9 7 8 7 6 5 5"
    return {
        "helped": np.array([int(one) for one in helped], np.int8),
        "albumin": np.array(albumin.split(), float),
        "protein": np.array(protein.split(), float),
        "k-g": 10 - np.array(obstruction.split(), float),
    }


@pytest.mark.parametrize(
    ("score", "area", "error"),
    [("albumin", 0.7366, 0.0927), ("k-g", 0.7258, 0.1028), ("protein", 0.6478, 0.1000)],
)
def test_the_area_and_its_error_are_the_published_ones(score: str, area: float, error: float) -> None:
    data = ovarian()
    found, low, high = auc_interval(data["helped"], data[score])
    assert found == pytest.approx(area, abs=5e-5)
    assert (found - low) / 1.959964 == pytest.approx(error, abs=5e-5)
    assert high == pytest.approx(min(1.0, found + (found - low)))


@pytest.mark.parametrize(
    ("score", "difference", "error", "p_value"),
    [("albumin", 0.0108, 0.0953, 0.9102), ("protein", -0.0780, 0.1046, 0.4561)],
)
def test_the_paired_test_is_the_published_one(
    score: str, difference: float, error: float, p_value: float
) -> None:
    data = ovarian()
    found = gain(data["helped"], data[score], data["k-g"])
    assert found.auc == pytest.approx(difference, abs=5e-5)
    assert (found.high - found.low) / 2 / 1.959964 == pytest.approx(error, abs=5e-5)
    assert found.p_value == pytest.approx(p_value, abs=5e-5)
    assert found.z == pytest.approx(found.auc / ((found.high - found.low) / 2 / 1.959964), rel=1e-6)


def test_the_same_score_is_no_better_than_itself() -> None:
    data = ovarian()
    same = gain(data["helped"], data["k-g"], 3 * data["k-g"] - 1)
    assert (same.auc, same.low, same.high, same.z, same.p_value) == (0, 0, 0, None, 1)


def test_without_an_error_there_is_no_test() -> None:
    assert two_sided(0.1, np.inf) == (None, 1.0)
    assert two_sided(0.1, 0.0) == (None, 0.0)
    assert two_sided(0.0, 0.0) == (None, 1.0)


@given(samples(), st.integers(1, 12))
def test_cells_have_enough_rows_of_either_label(sample: Sample, least: int) -> None:
    labels, scores = sample
    counts, cells = tally(labels, scores), coarse(tally(labels, scores), least)
    assert cells.totals == counts.totals
    assert cells.sums.sum() == pytest.approx(counts.sums.sum())
    if min(counts.totals) >= least:
        assert min(cells.positives.min(), cells.negatives.min()) >= least
    else:
        assert len(cells.scores) == 1
    for index in range(len(cells.scores)):
        inside = (scores >= cells.scores[index]) & (scores <= cells.tops[index])
        assert (labels[inside] == 1).sum() == cells.positives[index]
        assert (labels[inside] == 0).sum() == cells.negatives[index]
    assert (cells.scores[:-1] > cells.tops[1:]).all()


@given(samples(), st.integers(2, 20))
def test_bins_of_equal_range_are_those_of_numpy(sample: Sample, bins: int) -> None:
    labels, scores = sample
    counts = tally(labels, scores)
    if counts.tops[0] - counts.scores[-1] < 1e-9:
        assert range_of(counts, bins).max() in (0, bins - 1)
        return
    found = np.bincount(bins - 1 - range_of(counts, bins), counts.sizes, minlength=bins)
    edges = np.linspace(counts.scores[-1], counts.tops[0], bins + 1)
    # A score on an edge may be on either side of it.
    if np.abs(scores[:, None] - edges[None, 1:-1]).min(initial=1.0) > 1e-9:
        assert found.tolist() == np.histogram(scores, edges)[0].tolist()
    assert found.sum() == len(scores)


def longest(kind: Any, lengths: Mapping[str, int], metadata: Any = (), name: str = "") -> Any:
    """A value of that type that is as long as it can be."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return longest(parts[0], lengths, (*metadata, *parts[1:]), name)
    items = lengths.get(name, _longest(list(metadata)))
    if origin in (Union, types.UnionType):
        inner = next(part for part in parts if part is not type(None))
        return None if lengths.get(name) == 0 else longest(inner, lengths, metadata)
    if origin is Literal:
        return max(parts, key=lambda part: len(str(part)))
    if origin is tuple and parts[-1] is Ellipsis:
        return tuple(longest(parts[0], lengths) for _ in range(items or 0))
    if kind is str:
        return "\x1f" * (items or 0)
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        fields = {
            field: longest(info.annotation, lengths, tuple(info.metadata), f"{kind.__name__}.{field}")
            for field, info in kind.model_fields.items()
        }
        return kind.model_construct(**fields)
    return {float: -2.2250738585072014e-308, int: 2**53 - 1, bool: False}[kind]


def numbers(value: Any) -> int:
    if isinstance(value, BaseModel):
        fields = [name for name in type(value).model_fields if name != "version"]
        return sum(numbers(getattr(value, name)) for name in fields)
    if isinstance(value, tuple):
        return sum(map(numbers, value))
    return int(isinstance(value, int | float) and not isinstance(value, bool))


LENGTHS: dict[str, int] = {
    "Metrics.lift": 3,
    "Metrics.calibration": 3,
    "Evaluation.segments": 2,
    "Part.psi": 5,
    "Part.bins": 5,
}


@pytest.mark.parametrize("kind", [Record, RegressionRecord, Comparison, Decided, Part])
@pytest.mark.parametrize("lengths", [LENGTHS, {**LENGTHS, "Evaluation.baseline": 0, "Record.curves": 0}])
def test_no_document_is_longer_than_its_type_allows(kind: type[Document], lengths: dict[str, int]) -> None:
    document = longest(kind, lengths)
    length = len(canonical(document.model_dump(mode="json", warnings=False)))
    assert length <= most_bytes(kind, lengths)
    assert most_bytes(kind, lengths) < 1.1 * length + 100  # and not much is sent in vain
    assert numbers(document) <= most_numbers(kind, lengths)


class Unbounded(Document):
    names: tuple[str, ...]


def test_a_document_without_a_bound_has_no_planned_length() -> None:
    with pytest.raises(TypeError, match="no most length"):
        most_bytes(Unbounded)
    with pytest.raises(TypeError, match="no most length"):
        most_bytes(Unbounded, {"Unbounded.names": 3})


@pytest.mark.parametrize(("positives", "negatives"), [(19, 500), (500, 19), (0, 0)])
def test_too_few_rows_are_not_told_of(positives: int, negatives: int) -> None:
    with pytest.raises(Exception, match="CT-3166"):
        tellable(positives, negatives, 20, "evaluate")
    tellable(20, 20, 20, "evaluate")
