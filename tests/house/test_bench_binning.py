"""The benchmark of bins: both sides give the same information values, and a record says what was sent."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from bench import binning
from bench.binning import pooled
from bench.binning.ours_party import frame, planning
from bench.binning.work import Work, generate
from bench.records import faults
from coterie.learn.binning.clear import counted, final
from coterie.learn.binning.groups import grouped


def test_both_sides_find_the_same_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binning, "RESULTS", tmp_path)
    work = Work("small", rows=12_000, columns=3, method="optimal")
    record = binning.record(work, binning.measure(work, 1, frozenset()))
    assert faults([asdict(record)]) == []
    assert record.error is not None
    assert record.error < 1e-9
    assert record.ours_bytes
    assert record.rounds
    assert record.peer == pooled.name_of(work)


def test_quantile_bins_are_those_of_the_peer(tmp_path: Path) -> None:
    work = Work("small", rows=12_000, columns=2, method="quantile")
    features, labels, folder = generate(work, tmp_path)
    _, truth = pooled.measure(work, features, labels)
    facts = planning(work.rows, work.columns)
    table = frame("shop", facts, folder)
    for name, value in truth.items():
        groups = grouped(name, table.column("shop", name), work.params, (), 20)
        assert final(groups, counted(groups, labels.astype(np.int8), 20), work.params).iv == pytest.approx(
            value
        )


def test_the_works_are_the_agreed_ones() -> None:
    assert [(work.rows, work.columns) for work in binning.WORKS] == [
        (500_000, 200),
        (500_000, 200),
        (150_000, 10),
    ]
