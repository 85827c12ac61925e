"""One party of boosted trees over sums, with TLS links to the others; and XGBoost on the pooled table.

A party runs the component ``boosting`` as a job's worker does, on rows that are stacked already; the first of
them adds up.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench import machine
from bench.fl.horizontal import PARTIES, frame, planning, running
from bench.participants import meet, mesh
from coterie.learn import EACH, summing
from coterie.learn.boosting import BoostedTrees, Boosting, BoostingParams
from coterie.wire import LinkMesh, Mesh

STEP, SEED = "boosting", 20261123
RECEIVERS = {"model": PARTIES}
TEST = len(PARTIES)
"""Number of the rows that nobody trains on."""


@dataclass(frozen=True)
class Rows:
    """Features (rows, columns) and labels (rows,), 0 or 1."""

    features: NDArray[np.float64]
    labels: NDArray[np.float64]


def part(rows: int, columns: int, party: int) -> Rows:
    """What a party has: of three columns one with any values, one with a 20th of them missing, one of 20
    values; a score of products, steps and waves.
    """
    random = np.random.default_rng((SEED, party))
    values = random.standard_normal((rows, columns)) + 0.1 * party
    few = np.arange(columns) % 3 == 2
    values[:, few] = np.clip(np.floor(4 * values[:, few]), -10, 9)
    score = (
        values[:, 0] * values[:, 1] + 0.15 * values[:, 2] + np.sin(2 * values[:, 3]) + (values[:, 4] > 0.5)
    )
    labels = (score + random.standard_normal(rows) > 0.8).astype(np.float64)
    gaps = np.arange(columns) % 3 == 1
    values[:, gaps] = np.where(random.random((rows, int(gaps.sum()))) < 0.05, np.nan, values[:, gaps])
    return Rows(values, labels)


def auc(scores: NDArray[np.float64], labels: NDArray[np.float64]) -> float:
    """Of rows that nobody trained on."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(labels, scores))


def train(spec: dict[str, Any], name: str, links: Mesh) -> dict[str, Any]:
    """Plan, train; what was measured."""
    component, params = Boosting(), BoostingParams(**spec["params"])
    rows, width = spec["rows"], spec["columns"]
    facts = planning(STEP, rows, width, RECEIVERS, PARTIES[0])
    plan = component.plan(planning(STEP, rows, width, RECEIVERS, PARTIES[0]), params)
    models: dict[str, Any] = {}
    own = part(rows, width, PARTIES.index(name))
    frames = {"all": frame(facts, own.features, own.labels)}
    context = running(links, name, facts, plan, frames, models=models)
    import xgboost  # noqa: F401  as the peer's, its import is not counted

    meet(links, "begin")
    started, processor = time.perf_counter(), time.process_time()
    with links.step(STEP, plan.sent.get(name, {})), summing(context):
        component.run(context, params)
    seconds = time.perf_counter() - started
    processor = time.process_time() - processor
    model = models[STEP]
    assert isinstance(model, BoostedTrees)
    traffic = links.egress().get(STEP, {})
    test = part(spec["test"], width, TEST)
    return {
        "seconds": seconds,
        "processor_s": processor,
        "auc": auc(model.scores(frame(facts, test.features, test.labels)), test.labels),
        "sent": sum(count.sent for count in traffic.values()),
        "memory": machine.peak(),
    }


def pooled(spec: dict[str, Any]) -> dict[str, Any]:
    """Plain XGBoost on all parties' rows, on all cores."""
    import xgboost

    parts = [part(spec["rows"], spec["columns"], party) for party in range(len(PARTIES))]
    features = np.vstack([one.features for one in parts])
    labels = np.concatenate([one.labels for one in parts])
    params = BoostingParams(**spec["params"])
    places = tuple((EACH, f"x{index}") for index in range(spec["columns"]))
    library = params.library(places, spec["threads"])
    started, processor = time.perf_counter(), time.process_time()
    booster = xgboost.train(
        library, xgboost.DMatrix(features, labels, nthread=spec["threads"]), params.rounds
    )
    seconds, processor = time.perf_counter() - started, time.process_time() - processor
    test = part(spec["test"], spec["columns"], TEST)
    scores = booster.predict(xgboost.DMatrix(test.features)).astype(np.float64)
    return {
        "seconds": seconds,
        "processor_s": processor,
        "auc": auc(scores, test.labels),
        "memory": machine.peak(),
    }


def main(spec_path: str, *names: str) -> None:
    """Take part in one training, or train on the pooled table where no party is named."""
    *party, result_path = names
    spec = json.loads(Path(spec_path).read_text(encoding="utf-8"))
    result = _linked(spec, party[0]) if party else pooled(spec)
    Path(result_path).write_text(json.dumps(result), encoding="utf-8")


def _linked(spec: dict[str, Any], name: str) -> dict[str, Any]:
    links: LinkMesh
    links, listener = mesh(spec, name)
    result = train(spec, name, links)
    links.close()
    listener.close()
    return result


if __name__ == "__main__":
    main(*sys.argv[1:])
