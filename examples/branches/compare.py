"""The joint models beside those of each branch alone, and of all rows in one place, which an example has.

All are measured on the same test rows: each branch's own. Scores of the joint models come from the job; the
others are scikit-learn's and XGBoost's own, on the training rows of that branch, or of all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.csv as pc_csv
import pyarrow.parquet as pq
import xgboost
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from coterie.learn.measures import gain
from examples.branches.tables import FEATURES, ID, LABEL
from examples.credit_scorecard.world import document

Floats = NDArray[np.float64]
MODELS = {"logistic": "logistic regression", "trees": "boosted trees"}
L2, CLIP = 0.001, 5.0
"""The defaults of ``logistic`` and ``standardize``."""
NEAR = {"logistic": 1e-5, "trees": 1e-2}
"""By how much a joint AUC may differ from the pooled one: trees are cut elsewhere where values are many."""
COUNTED = 1e-4
"""By how much an AUC of scores counted in bins may differ from that of the scores."""
ADDS_UP = 1e-4
"""By which part of the gain the sum of contributions may be off."""


@dataclass(frozen=True)
class Rows:
    ids: NDArray[np.int64]
    labels: NDArray[np.int64]
    features: Floats

    @classmethod
    def read(cls, path: Path) -> Rows:
        """A branch's table, in the order of the ids."""
        table = pc_csv.read_csv(path).sort_by(ID)
        columns = [table.column(name).to_numpy() for name in FEATURES]
        return cls(
            table.column(ID).to_numpy(),
            table.column(LABEL).to_numpy(),
            np.stack(columns, axis=1).astype(float),
        )

    def at(self, chosen: NDArray[Any]) -> Rows:
        return Rows(self.ids[chosen], self.labels[chosen], self.features[chosen])


def scored(folder: Path, model: str) -> tuple[NDArray[np.int64], Floats]:
    """A branch's test rows and their scores, in the order of the ids."""
    table = pq.read_table(folder / f"{model}_test" / "scores.parquet")
    ids = pc.cast(table.column(ID), "int64").to_numpy()
    order = np.argsort(ids)
    return ids[order], table.column("score").to_numpy()[order]


def plain(model: str, train: Rows, test: Rows) -> Floats:
    """What plain libraries make of the training rows, with the job's parameters."""
    if model == "logistic":
        scaler = StandardScaler().fit(train.features)
        ready, asked = (np.clip(scaler.transform(rows.features), -CLIP, CLIP) for rows in (train, test))
        learner = LogisticRegression(C=1 / (len(train.ids) * L2), solver="newton-cholesky", tol=1e-10)
        learner.fit(ready, train.labels)
        return np.asarray(learner.predict_proba(asked)[:, 1])
    trees = xgboost.XGBClassifier(
        n_estimators=100, max_depth=3, learning_rate=0.1, max_bin=64, tree_method="hist", n_jobs=2
    )
    trees.fit(train.features, train.labels)
    return np.asarray(trees.predict_proba(test.features)[:, 1], dtype=np.float64)


def quality(files: Mapping[str, Path], results: Path) -> dict[str, Any]:
    """AUCs by model and branch, and of all test rows together.

    :param results: of the job, in a folder for each branch.
    """
    data = {branch: Rows.read(path) for branch, path in files.items()}
    masks = {branch: np.isin(rows.ids, scored(results / branch, "trees")[0]) for branch, rows in data.items()}
    trains = {branch: rows.at(~masks[branch]) for branch, rows in data.items()}
    tests = {branch: rows.at(masks[branch]) for branch, rows in data.items()}
    train, test = together(trains.values()), together(tests.values())
    ends = np.cumsum([len(rows.ids) for rows in tests.values()])[:-1]
    found: dict[str, Any] = {}
    for model in MODELS:
        given = {
            "own": np.concatenate([plain(model, trains[branch], tests[branch]) for branch in data]),
            "joint": np.concatenate([scored(results / branch, model)[1] for branch in data]),
            "pooled": plain(model, train, test),
        }
        apart = {kind: np.split(one, ends) for kind, one in given.items()}
        found[model] = {
            branch: _line(trains[branch], rows, {kind: one[number] for kind, one in apart.items()})
            for number, (branch, rows) in enumerate(tests.items())
        }
        found[model]["all"] = {**_line(train, test, given), "evaluated": _evaluated(results, model)}
    return found


def _evaluated(results: Path, model: str) -> float:
    """The AUC over all branches' test rows as every branch was told it."""
    told = {document(folder, f"{model}_test/metrics.json")["joint"]["auc"] for folder in results.iterdir()}
    if len(told) != 1:
        raise ValueError(f"the branches were told different AUCs: {told}")
    return float(told.pop())


def together(parts: Iterable[Rows]) -> Rows:
    """All rows in one place."""
    ids, labels, features = zip(*((one.ids, one.labels, one.features) for one in parts), strict=True)
    return Rows(np.concatenate(ids), np.concatenate(labels), np.concatenate(features))


def _line(train: Rows, test: Rows, given: Mapping[str, Floats]) -> dict[str, Any]:
    """AUC of each, and what the joint model gains over the own, with its 95 % interval [DeLong et al.]."""
    won = gain(test.labels.astype(np.int8), given["joint"], given["own"])
    return {
        "training_rows": len(train.ids),
        "test_rows": len(test.ids),
        **{kind: float(roc_auc_score(test.labels, one)) for kind, one in given.items()},
        "gain": won.auc,
        "gain_low": won.low,
        "gain_high": won.high,
    }


def checks(found: Mapping[str, Any], told: Mapping[str, Any]) -> dict[str, bool]:
    """What the example claims of all test rows together, and whether it is so.

    :param told: contributions.
    """
    held = {}
    for model, text in MODELS.items():
        line = found[model]["all"]
        held[f"{text}: the joint AUC is within {NEAR[model]:g} of the pooled one"] = (
            abs(line["joint"] - line["pooled"]) <= NEAR[model]
        )
        held[f"{text}: `evaluate` has it within {COUNTED:g}, by counts of all branches"] = (
            abs(line["evaluated"] - line["joint"]) <= COUNTED
        )
        one = told[model]
        held[f"{text}: the branches' contributions add up to the gain, to {ADDS_UP:g} of it"] = (
            abs(one["accounted"] - one["gain"]) <= ADDS_UP * one["gain"]
        )
    line = found["trees"]["all"]
    held["boosted trees: the joint AUC is above that of the branches' own models"] = line["gain"] > 0
    return held


def contributions(results: Path) -> dict[str, Any]:
    """What each branch did for the models, as all branches were told it."""
    found = {}
    for model in MODELS:
        told = [document(folder, f"{model}_parts/contribution.json") for folder in results.iterdir()]
        if any(one != told[0] for one in told):
            raise ValueError(f"the branches were told different contributions to {model}")
        found[model] = told[0]
    return found


def parts(found: Mapping[str, Any]) -> str:
    """Contributions as Markdown."""
    lines = ["", "## Contributions", ""]
    heads = ("model", "branch", "share of the training rows", "share of the gain", "log-loss saved")
    lines += [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for model, told in found.items():
        rows, gain = sum(one["rows"] for one in told["parties"]), told["gain"]
        for one in told["parties"]:
            parts_of = one["rows"] / rows, one["contribution"] / gain
            cells = [MODELS[model], one["party"], *(f"{100 * part:.1f} %" for part in parts_of)]
            lines.append(f"| {' | '.join(cells)} | {one['contribution']:.4f} |")
    return "\n".join([*lines, ""])


def page(found: Mapping[str, Any]) -> str:
    """The comparison as Markdown."""
    lines = []
    for model, text in MODELS.items():
        lines += [f"## {text.capitalize()}", ""]
        heads = (
            "test rows of",
            "training rows",
            "test rows",
            "own model",
            "joint model",
            "pooled",
            "gain, 95 %",
        )
        lines += [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
        for branch, line in found[model].items():
            cells = [f"{line[kind]:.4f}" for kind in ("own", "joint", "pooled")]
            won = f"{line['gain']:+.4f} ({line['gain_low']:+.4f} to {line['gain_high']:+.4f})"
            counts = [f"{line[name]:,}" for name in ("training_rows", "test_rows")]
            lines.append(f"| {' | '.join([branch, *counts, *cells, won])} |")
        lines.append("")
    return "\n".join(lines)
