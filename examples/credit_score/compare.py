"""What only a demo can do: put both tables together in the clear, and hold the joint scores against that.

It takes the rows of the runs themselves (the test rows are those that the lender got scores for), prepares
them with the same reference code, and trains scikit-learn's logistic regression and plain XGBoost for the
quality, and the float64 twin of the optimiser for the coefficients. Of the run by secure computation the
coefficients exist as shares only; the demo, which has both parties' folders, adds them up.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import data
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pc_csv
import pyarrow.parquet as pq
import xgboost
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score, roc_curve

from coterie.learn import boosting
from coterie.learn.fill import FillParams
from coterie.learn.fill.clear import fit as fit_filler
from coterie.learn.logistic import ClearModel, SharedModel, load_model, train_in_clear
from coterie.learn.standardize import StandardizeParams
from coterie.learn.standardize.clear import fit as fit_standardizer

Floats = NDArray[np.float64]
PREPARATION = StandardizeParams(method="quantile")


@dataclass(frozen=True)
class Outcome:
    """By model: how good it is, and how far from its twin in plaintext."""

    auc: dict[str, float]
    ks: dict[str, float]
    differences: dict[str, float]


@dataclass(frozen=True)
class Pooled:
    """Both tables in one place, cut into training and test rows as the runs have cut them."""

    train: pa.Table
    test: pa.Table

    @classmethod
    def of(cls, tables: data.Tables, scores: Path) -> Pooled:
        """:param scores: of the test rows, with the lender's ids."""
        sides = ((tables.lender, "customer"), (tables.payments, "user"))
        lender, payments = (_table(path, key) for path, key in sides)
        both = lender.join(payments, "key", join_type="inner").sort_by("key")
        tested = _normal(pq.read_table(scores).column("customer"))
        is_test = pc.is_in(both.column("key"), tested.combine_chunks())
        return cls(both.filter(pc.invert(is_test)), both.filter(is_test))

    def labels(self) -> tuple[NDArray[np.int8], NDArray[np.int8]]:
        """Of training and of test rows."""
        train, test = (_numbers(part, data.LABEL).astype(np.int8) for part in (self.train, self.test))
        return train, test

    def raw(self, names: tuple[str, ...]) -> tuple[Floats, Floats]:
        """Columns as they are, NaN where a value is missing."""
        train, test = (
            np.stack([_numbers(part, name) for name in names], axis=1) for part in (self.train, self.test)
        )
        return train, test

    def prepared(self, names: tuple[str, ...]) -> tuple[Floats, Floats]:
        """Columns filled and standardised as the jobs do it, from the training rows."""
        filler = fit_filler(self.train, names, FillParams(method="median"))
        train, test = filler.apply(self.train), filler.apply(self.test)
        scale = fit_standardizer({name: _numbers(train, name) for name in names}, PREPARATION)
        made = [
            np.stack([scale.apply(name, _numbers(part, name)) for name in names], axis=1)
            for part in (train, test)
        ]
        return made[0], made[1]

    def in_order(self, scores: Path) -> Floats:
        """Received scores of the test rows, in the order of these rows."""
        table = pq.read_table(scores)
        found = pc.index_in(self.test.column("key").combine_chunks(), _normal(table.column("customer")))
        assert found.null_count == 0, "the runs have cut the rows in different ways"
        return np.asarray(table.column("score").to_numpy())[found.to_numpy()]


def against_plaintext(tables: data.Tables, mpc: Path, tee: Path | None) -> Outcome:
    """Compare the runs' results with pooled plaintext.

    :param mpc: results of the run by secure computation: a folder for each party, as downloaded.
    :param tee: of the attested run; None where there was none.
    """
    pooled = Pooled.of(tables, mpc / "lender" / "evaluate" / "scores.parquet")
    found = Outcome({}, {}, {})
    _take(found, mpc, "evaluate", "joint_mpc", "lender_alone")
    shares = [_model(mpc / party) for party in ("lender", "payments")]
    assert isinstance(shares[0], SharedModel)
    params, train_labels, test_labels = shares[0].facts.params, *pooled.labels()

    blocks = {"lender": pooled.prepared(data.LENDER), "payments": pooled.prepared(data.PAYMENTS)}
    joint, held_out = (np.hstack([block[part] for block in blocks.values()]) for part in (0, 1))
    plain = LogisticRegression(C=1 / (params.l2 * len(train_labels)), max_iter=1000).fit(joint, train_labels)
    _add(found, "pooled_plaintext", test_labels, plain.predict_proba(held_out)[:, 1])

    training = {party: block[0] for party, block in blocks.items()}
    twin = np.append(*train_in_clear(training, train_labels, params, PREPARATION.clip))
    found.differences["mpc_coefficients"] = float(np.abs(_added_up(shares) - twin).max())
    if tee is None:
        return found
    _take(found, tee, "evaluate", "joint_tee", None)
    _take(found, tee, "evaluate-boosting", "joint_tee_boosting", "lender_alone_boosting")
    model = _model(tee / "lender")
    assert isinstance(model, ClearModel)
    found.differences["tee_coefficients"] = float(
        np.abs(np.append(model.weights, model.intercept) - twin).max()
    )
    _add(found, "twin_plaintext", test_labels, held_out @ twin[:-1] + twin[-1])
    _add(found, "pooled_xgboost", test_labels, _plain_trees(pooled, tee, train_labels))
    received = pooled.in_order(tee / "lender" / "evaluate-boosting" / "scores.parquet")
    assert abs(roc_auc_score(test_labels, received) - found.auc["joint_tee_boosting"]) < 1e-12
    return found


def _take(found: Outcome, results: Path, step: str, joint: str, alone: str | None) -> None:
    """What a run has measured of its models."""
    told: dict[str, Any] = json.loads((results / "lender" / step / "metrics.json").read_text("utf-8"))
    for name, measured in ((joint, told["joint"]), (alone, told["baseline"])):
        if name is not None:
            found.auc[name], found.ks[name] = measured["auc"], measured["ks"]


def _add(found: Outcome, name: str, labels: NDArray[np.int8], scores: Floats) -> None:
    """What scikit-learn measures of scores."""
    low, high, _ = roc_curve(labels, scores)
    found.auc[name] = float(roc_auc_score(labels, scores))
    found.ks[name] = float(np.max(high - low))


def _plain_trees(pooled: Pooled, results: Path, labels: NDArray[np.int8]) -> Floats:
    """Scores of the test rows by XGBoost as anybody would call it on the pooled table."""
    model = boosting.load_model((results / "lender" / "boosting" / "boosting.model").read_bytes())
    library = model.facts.params.library(model.facts.places, model.made.threads)
    train, test = pooled.raw((*data.LENDER, *data.PAYMENTS))
    rows = xgboost.QuantileDMatrix(train, labels, max_bin=library["max_bin"])
    trees = xgboost.train(library, rows, model.facts.params.rounds)
    return np.asarray(trees.predict(xgboost.DMatrix(test)), dtype=np.float64)


def _model(results: Path) -> ClearModel | SharedModel:
    return load_model((results / "logistic" / "logistic.model").read_bytes())


def _added_up(models: list[ClearModel | SharedModel]) -> Floats:
    """The coefficients and the intercept of which both parties have shares."""
    first, second = models
    assert isinstance(first, SharedModel)
    assert isinstance(second, SharedModel)
    total = first.shares + second.shares  # modulo 2^64
    return total.astype(np.int64) / 2.0**first.facts.frac


def _table(path: Path, key: str) -> pa.Table:
    options = pc_csv.ConvertOptions(null_values=["", "NA"], strings_can_be_null=False)
    table = pc_csv.read_csv(path, convert_options=options)
    return table.drop_columns([key]).append_column("key", _normal(table.column(key)))


def _normal(ids: pa.ChunkedArray) -> pa.ChunkedArray:
    """Ids by the rule of both datasets."""
    return pc.utf8_lower(pc.utf8_trim_whitespace(ids))


def _numbers(table: pa.Table, column: str) -> Floats:
    return np.asarray(table.column(column).to_numpy(), dtype=np.float64)
