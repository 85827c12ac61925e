"""Benchmarks write what they should, and the sides that they compare compute the same."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from bench import participants
from bench.logistic import ours
from bench.logistic.work import Work, generate, train
from bench.records import KINDS, Record, compare, faults, write
from coterie.node.worker import DEALER_WINDOW

GOOD = asdict(compare("work", ours_s=0.5, peer="peer", peer_s=2.0, ours_bytes=10, rounds=4, error=1e-6))
SMALL = Work("small", rows=1500, columns=7, passes=3, own_passes=6)


def test_a_record_has_the_agreed_fields_and_its_ratio() -> None:
    fields = [
        "work",
        "ours_s",
        "peer",
        "peer_s",
        "ratio",
        "ours_bytes",
        "peer_bytes",
        "rounds",
        "error",
        "note",
    ]
    assert list(GOOD) == fields
    assert list(KINDS) == fields
    assert GOOD["ratio"] == 4.0
    assert faults([GOOD]) == []
    assert faults([asdict(Record("alone"))]) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"work": None},
        {"ours_s": "0.5"},
        {"ours_s": float("nan")},
        {"peer_s": -1.0},
        {"ratio": 3.0},
        {"ratio": None},
        {"rounds": 4.0},
        {"ours_bytes": True},
        {"note": 3},
        {"seconds": 1.0},
    ],
)
def test_a_wrong_record_is_found(wrong: dict[str, Any]) -> None:
    assert faults([GOOD | wrong])


def test_no_records_are_no_result() -> None:
    assert faults([])
    assert faults({"work": "w"})


def test_a_results_file_is_what_was_written(tmp_path: Path) -> None:
    record = compare("work", ours_s=0.5, peer="peer", peer_s=2.0)
    path = write("name", [record], tmp_path)
    assert path == tmp_path / "name.json"
    assert json.loads(path.read_text()) == [asdict(record)]
    with pytest.raises(ValueError, match="ratio"):
        write("name", [replace(record, ratio=9.0)], tmp_path)


def test_the_works_are_the_agreed_ones() -> None:
    from bench.logistic.work import WORKS

    assert [(work.name, work.rows, work.columns) for work in WORKS] == [
        ("lr_100000x100", 100_000, 100),
        ("lr_30000x23", 30_000, 23),
    ]


def test_the_reference_descends_to_the_optimum(tmp_path: Path) -> None:
    data, _ = generate(SMALL, tmp_path)
    coefficients, _ = train(SMALL, data, 2000)
    best = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000).fit(data.features, data.labels)
    assert np.allclose(coefficients, [*best.intercept_, *best.coef_[0]], atol=1e-4)


def test_our_side_has_the_links_of_a_nodes_worker() -> None:
    assert participants.DEALER_WINDOW == DEALER_WINDOW


def test_our_side_trains_over_real_links_what_the_reference_trains(tmp_path: Path) -> None:
    data, folder = generate(SMALL, tmp_path)
    truth, _ = train(SMALL, data, SMALL.own_passes)
    run = ours.measure(SMALL, data, folder, truth)
    assert run.error is not None
    assert run.error < 2e-3
    assert np.abs(truth).max() > 0.2
    assert run.rounds == 5  # however few the rows: a plan for the most rows bounds that for fewer
    # Each pass opens weights and errors, truncates gradients, and looks up the sigmoid.
    assert run.pass_bytes is not None
    assert run.pass_bytes > 2 * 8 * SMALL.rows
    assert run.input_bytes is not None
    assert run.input_bytes > SMALL.encoded_bytes
