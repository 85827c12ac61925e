"""The benchmark of rows beyond memory: both sides compute the same, from the same files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from bench import large
from bench.large.plain import train
from bench.large.work import WORKS, Work, block, column, generate, label


def test_the_works_are_the_agreed_ones() -> None:
    assert [(work.name, work.rows, work.columns) for work in WORKS] == [
        ("lr_5000000x50", 5_000_000, 50),
        ("lr_5000000x50_at_one", 5_000_000, 50),
    ]


def test_the_reference_descends_to_the_optimum(tmp_path: Path) -> None:
    work = Work("small", 200_000, {"left": 2, "right": 1}, passes=120)  # two blocks
    folder = generate(work, tmp_path)
    features, labels = block(work, folder, 0, work.rows), label(work, folder)
    np.testing.assert_array_equal(features[:, 2], column(work, folder, "right", 0).astype(np.float64))
    coefficients, _ = train(work, folder)
    best = LogisticRegression(C=np.inf, tol=1e-8).fit(features, labels)
    np.testing.assert_allclose(coefficients, [*best.intercept_, *best.coef_[0]], atol=1e-3)


@pytest.mark.parametrize("widths", [{"left": 5, "right": 0}])
def test_our_side_trains_from_the_disk_what_the_reference_trains(
    tmp_path: Path, widths: dict[str, int]
) -> None:
    work = Work("small", 140_000, widths)  # a table that goes to the disk
    folder = generate(work, tmp_path)
    large.reference(work, folder)
    run = large.measure(work, folder, memory=0)
    assert run.error is not None
    assert run.error < 2e-3
    assert np.abs(json.loads((folder / large.TRUTH).read_text())).max() > 0.05
    assert set(run.peaks) == {"left", "right", "dealer"}
    assert min(run.peaks.values()) > 2**25
    assert run.planned_disk == 0  # the plan is for the usual budget
