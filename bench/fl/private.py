"""What differential privacy costs in accuracy: ``python -m bench.fl.private FOLDER``.

FOLDER has FATE's three horizontal tables of default_credit, ``default_credit_homo_guest.csv.gz`` and so on:
8,000 rows each, 23 columns as z-scores. Every fourth row of each party is for the test. Three parties train
``logistic`` in engine fl, in threads of one process, with the noise that epsilon asks for: sums are taken in
the same formats and with the same shares of noise as over links, and nothing is masked. Noise is drawn anew
each time: each line is of five trainings.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from bench.fl.horizontal import PARTIES, frame, planning, running
from coterie.fl import LocalSums
from coterie.learn import summing
from coterie.learn.logistic import Logistic, LogisticParams

FILES = ("guest", "host_1", "host_2")
EPSILONS = (0.1, 0.3, 1.0, 3.0, 10.0)
TIMES = 5
PASSES = 60
WIDEST = 5.0
"""Standard deviations that values are moved within: public, and no part of the privacy."""

Floats = NDArray[np.float64]


def tables(folder: Path) -> list[tuple[Floats, Floats]]:
    """Features and labels of each party."""
    found = []
    for name in FILES:
        values = np.loadtxt(folder / f"default_credit_homo_{name}.csv.gz", delimiter=",", skiprows=1)
        found.append((np.clip(values[:, 2:], -WIDEST, WIDEST), values[:, 1]))
    return found


def trained(parts: list[tuple[Floats, Floats]], params: LogisticParams) -> Any:
    """The model of three parties, which each of them has."""
    sums, component = LocalSums.group(*PARTIES), Logistic()
    rows = {name: len(part[1]) for name, part in zip(PARTIES, parts, strict=True)}

    def at(name: str) -> Any:
        facts = planning("fit", rows, parts[0][0].shape[1], {}, PARTIES[0])
        before = planning("fit", rows, parts[0][0].shape[1], {}, PARTIES[0])
        plan = component.plan(facts, params)
        own = frame(facts, *parts[PARTIES.index(name)])
        no_links: Any = None
        context = running(no_links, name, before, plan, {"all": own})
        with summing(context, sums[name]):
            component.run(context, params)
        return context.models["fit"]

    with ThreadPoolExecutor(len(PARTIES)) as pool:
        return next(iter(list(pool.map(at, PARTIES))))


def main(folder: Path) -> None:
    """Print the table."""
    whole = tables(folder)
    test = [np.arange(len(labels)) % 4 == 3 for _, labels in whole]
    parts = [(values[~held], labels[~held]) for (values, labels), held in zip(whole, test, strict=True)]
    features = np.vstack([values[held] for (values, _), held in zip(whole, test, strict=True)])
    labels = np.concatenate([own[held] for (_, own), held in zip(whole, test, strict=True)])

    def auc(**given: Any) -> float:
        model = trained(parts, LogisticParams.model_validate(given))
        return float(roc_auc_score(labels, model.logits(features)))

    print(f"{sum(len(one) for _, one in parts)} training rows, {len(labels)} test rows, delta 1e-6")
    print(f"without noise: AUC {auc():.4f}")
    for epsilon in EPSILONS:
        found = [auc(passes=PASSES, privacy={"epsilon": epsilon}) for _ in range(TIMES)]
        print(f"epsilon {epsilon:g}: AUC {np.mean(found):.4f}, from {min(found):.4f} to {max(found):.4f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
