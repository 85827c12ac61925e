"""The peer: plain XGBoost on the joined table, as its own users do it, in a process of its own.

Both owners' Parquet files lie open on the disk; no key, no check, no seal. The clock starts when all is
imported.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import xgboost

from bench import machine
from bench.tee.data import ID

PANDAS, ARROW = "xgboost, joined by pandas", "xgboost, joined by pyarrow"


def joined(side: str, left: str, right: str, label: str) -> tuple[Any, Any]:
    """Features and label of the customers that both have."""
    if side == PANDAS:
        table = pd.read_parquet(left).merge(pd.read_parquet(right), on=ID)
        labels = table.pop(label)
        return table.drop(columns=[ID]), labels
    both = pq.read_table(left).join(pq.read_table(right), ID, join_type="inner")
    return both.drop([ID, label]), both[label].to_numpy()


def train(spec: dict[str, Any], target: Path) -> None:
    """Read, join, train, save."""
    features, labels = joined(spec["side"], spec["left"], spec["right"], spec["label"])
    params = dict(spec["params"])
    rounds, threads = params.pop("rounds"), params.pop("threads")
    params |= {"objective": "binary:logistic", "tree_method": "hist", "nthread": threads}
    rows = xgboost.DMatrix(features, labels, nthread=threads)
    xgboost.train(params, rows, rounds).save_model(target)


def main(spec_path: str, result_path: str) -> None:
    """Train once."""
    spec = json.loads(Path(spec_path).read_text(encoding="utf-8"))
    target = Path(spec["model"])
    began = time.perf_counter()
    train(spec, target)
    seconds = time.perf_counter() - began
    content = {"seconds": seconds, "memory": machine.peak(), "model": target.stat().st_size}
    Path(result_path).write_text(json.dumps(content), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
