"""How far AUCs of trees over sums are from XGBoost's, beside how far XGBoost's own move with one bin less.

Where a column has no more values than there are bins, both cut it alike and grow the same trees. Else bins
are quantiles, which nobody defines alike, and no bin of ours has fewer rows than the smallest group.
"""

from __future__ import annotations

import csv
import io
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.fl.horizontal import PARTIES, frame, planning, running
from bench.records import Record
from coterie.fl import LocalSums
from coterie.learn import EACH, summing
from coterie.learn.boosting import Boosting, BoostingParams
from coterie.wire import local_meshes
from examples.branches import tables

NAME, STEP = "trees_auc", "boosting"
SHARES = (0.6, 0.3, 0.1)
"""Of the rows, at each party."""
SETTINGS = (
    (3, 60, 0.1),
    (3, 100, 0.1),
    (4, 100, 0.1),
    (6, 50, 0.1),
    (6, 100, 0.1),
    (8, 100, 0.05),
    (6, 100, 0.3),
)
"""Depth, rounds, learning rate."""
FEWER = (255, 250)
"""Bins of the peer beside itself, with 256."""
SEED, TEST = 20261123, 0.3

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Run:
    """AUCs of one setting on rows that nobody trained on."""

    depth: int
    rounds: int
    learning_rate: float
    ours: float
    peer: float
    fewer: dict[int, float]


def benchmark(_turns: int, _without: frozenset[str]) -> tuple[list[Record], list[dict[str, Any]]]:
    """All settings once: nothing is timed, and there is nothing to leave out."""
    with tempfile.TemporaryDirectory(prefix="coterie-bench-") as folder:
        table = read(tables.fetch(Path(folder)))
    runs = [measured(*table, *setting) for setting in SETTINGS]
    return records_of(runs), [{"work": NAME} | asdict(run) for run in runs]


def read(table: bytes) -> tuple[Floats, Floats]:
    """Features (rows, columns) and labels (rows,) of the branches' example."""
    rows = list(csv.DictReader(io.StringIO(table.decode("ascii"))))
    columns = [tables.COLUMNS[name] for name in (*tables.FEATURES, tables.LABEL)]
    values = np.array([[float(row[name]) for name in columns] for row in rows])
    return values[:, :-1], values[:, -1]


def measured(features: Floats, labels: Floats, depth: int, rounds: int, rate: float) -> Run:
    """Ours over three parties' sums, the peer's on all their rows."""
    import xgboost
    from sklearn.metrics import roc_auc_score

    random = np.random.default_rng(SEED)
    party = random.choice(len(PARTIES), len(labels), p=SHARES)
    test = random.random(len(labels)) < TEST
    params = BoostingParams(max_depth=depth, rounds=rounds, learning_rate=rate)
    held = xgboost.DMatrix(features[test])

    def auc(booster: Any) -> float:
        return float(roc_auc_score(labels[test], booster.predict(held)))

    def peer(bins: int) -> float:
        places = tuple((EACH, name) for name in tables.FEATURES)
        library = params.library(places, 1) | {"max_bin": bins}
        rows = xgboost.DMatrix(features[~test], labels[~test])
        return auc(xgboost.train(library, rows, rounds))

    parts = [(features[~test & (party == at)], labels[~test & (party == at)]) for at in range(len(PARTIES))]
    ours = auc(by_sums(parts, params))
    return Run(depth, rounds, rate, ours, peer(params.max_bins), {bins: peer(bins) for bins in FEWER})


def by_sums(parts: Sequence[tuple[Floats, Floats]], params: BoostingParams) -> Any:
    """The booster that the parties grow, each in a thread. Sums are local ones, to the bit as secure ones."""
    rows = {name: len(labels) for name, (_, labels) in zip(PARTIES, parts, strict=True)}
    facts = planning(STEP, rows, len(tables.FEATURES), {"model": PARTIES}, PARTIES[0])
    plan = Boosting().plan(planning(STEP, rows, len(tables.FEATURES), {"model": PARTIES}, PARTIES[0]), params)
    sums, meshes = LocalSums.group(*PARTIES), local_meshes(PARTIES)

    def party(name: str, features: Floats, labels: Floats) -> Any:
        models: dict[str, Any] = {}
        frames = {"all": frame(facts, features, labels)}
        context = running(meshes[name], name, facts, plan, frames, models=models)
        with summing(context, sums[name]):
            Boosting().run(context, params)
        return models[STEP].booster

    with ThreadPoolExecutor(len(PARTIES)) as pool:
        return next(pool.map(party, PARTIES, *zip(*parts, strict=True)))


def records_of(runs: list[Run]) -> list[Record]:
    """The largest differences, ours and the peer's own."""
    ours = [run.ours - run.peer for run in runs]
    records = [Record(NAME, peer="xgboost, pooled", error=max(map(abs, ours)), note=_told(runs, ours))]
    for bins in FEWER:
        own = [run.fewer[bins] - run.peer for run in runs]
        peer = f"xgboost, {bins} bins"
        records.append(
            Record(f"{NAME}/{bins} bins", peer=peer, error=max(map(abs, own)), note=_told(runs, own))
        )
    return records


def _told(runs: list[Run], differences: list[float]) -> str:
    each = (
        f"{run.depth}/{run.rounds}/{run.learning_rate:g} {one:+.4f}"
        for run, one in zip(runs, differences, strict=True)
    )
    return f"{np.mean(differences):+.5f} in the mean; depth/rounds/rate: {', '.join(each)}"
