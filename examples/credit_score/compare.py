"""What only a demo can do: put both tables together in the clear, and hold the joint score against that.

It takes the rows of the run itself (the test rows are those that the lender got scores for), prepares them
with the same reference code, and trains scikit-learn's logistic regression for the quality and the float64
twin of the secret optimiser for the coefficients. The coefficients of the run exist as shares only; the demo,
which has both parties' folders, adds them up.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import data
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pc_csv
import pyarrow.parquet as pq
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score, roc_curve

from coterie.learn.fill import FillParams
from coterie.learn.fill.clear import fit as fit_filler
from coterie.learn.logistic import SharedModel, load_model, train_in_clear
from coterie.learn.standardize import StandardizeParams
from coterie.learn.standardize.clear import fit as fit_standardizer

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Outcome:
    auc: dict[str, float]
    ks: dict[str, float]
    coefficient_difference: float


def against_plaintext(tables: data.Tables, results: Path) -> Outcome:
    """Compare the run's results with pooled plaintext.

    :param results: a folder for each party, as downloaded.
    """
    evaluation = json.loads((results / "lender" / "evaluate" / "metrics.json").read_text(encoding="utf-8"))
    shares = [_shares(results / party / "logistic" / "logistic.model") for party in ("lender", "payments")]
    tested = pq.read_table(results / "lender" / "evaluate" / "scores.parquet").column("customer")
    train, test = _pooled(tables, tested)
    method = StandardizeParams(method="quantile")
    prepared = [_prepare(train, test, columns, method) for columns in (data.LENDER, data.PAYMENTS)]
    labels, test_labels = (_numbers(part, data.LABEL).astype(np.int8) for part in (train, test))

    params = shares[0].facts.params
    joint = np.hstack([block for block, _ in prepared])
    held_out = np.hstack([block for _, block in prepared])
    reference = LogisticRegression(C=1 / (params.l2 * len(labels)), max_iter=1000).fit(joint, labels)
    scores = reference.predict_proba(held_out)[:, 1]
    low, high, _ = roc_curve(test_labels, scores)

    blocks = dict(zip(("lender", "payments"), (block for block, _ in prepared), strict=True))
    twin, intercept = train_in_clear(blocks, labels, params, method.clip)
    total = shares[0].shares + shares[1].shares  # modulo 2^64
    secret = total.astype(np.int64) / 2.0 ** shares[0].facts.frac
    return Outcome(
        auc={
            "lender_alone": evaluation["baseline"]["auc"],
            "joint_mpc": evaluation["joint"]["auc"],
            "pooled_plaintext": float(roc_auc_score(test_labels, scores)),
        },
        ks={
            "lender_alone": evaluation["baseline"]["ks"],
            "joint_mpc": evaluation["joint"]["ks"],
            "pooled_plaintext": float(np.max(high - low)),
        },
        coefficient_difference=float(np.abs(secret - np.append(twin, intercept)).max()),
    )


def _shares(path: Path) -> SharedModel:
    model = load_model(path.read_bytes())
    assert isinstance(model, SharedModel)
    return model


def _pooled(tables: data.Tables, tested: pa.ChunkedArray) -> tuple[pa.Table, pa.Table]:
    """The common customers with all columns: training rows and test rows."""
    lender, payments = (
        _table(path, key) for path, key in ((tables.lender, "customer"), (tables.payments, "user"))
    )
    both = lender.join(payments, "key", join_type="inner")
    is_test = pc.is_in(both.column("key"), pc.utf8_lower(pc.utf8_trim_whitespace(tested.combine_chunks())))
    return both.filter(pc.invert(is_test)), both.filter(is_test)


def _table(path: Path, key: str) -> pa.Table:
    options = pc_csv.ConvertOptions(null_values=["", "NA"], strings_can_be_null=False)
    table = pc_csv.read_csv(path, convert_options=options)
    ids = pc.utf8_lower(pc.utf8_trim_whitespace(table.column(key)))
    return table.drop_columns([key]).append_column("key", ids)


def _numbers(table: pa.Table, column: str) -> Floats:
    return np.asarray(table.column(column).to_numpy(), dtype=np.float64)


def _prepare(
    train: pa.Table, test: pa.Table, columns: tuple[str, ...], method: StandardizeParams
) -> tuple[Floats, Floats]:
    """One party's columns, filled and standardised as the job does it."""
    filler = fit_filler(train, columns, FillParams(method="median"))
    train, test = filler.apply(train), filler.apply(test)
    scale = fit_standardizer({name: _numbers(train, name) for name in columns}, method)
    return (
        np.stack([scale.apply(name, _numbers(train, name)) for name in columns], axis=1),
        np.stack([scale.apply(name, _numbers(test, name)) for name in columns], axis=1),
    )
