"""Training, scores and explanations by XGBoost, on plain arrays.

Trees grow by histograms ("hist") [Chen, Guestrin, XGBoost: A Scalable Tree Boosting System, KDD 2016]. A row
with a missing value goes the way that lowered the loss more in training. Shares of features in scores are
SHAP values by TreeSHAP [Lundberg, Erion, Lee, arXiv:1802.03888], as XGBoost computes them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from coterie.learn.boosting.columns import Matrix
from coterie.learn.boosting.params import BoostingParams
from coterie.learn.errors import NOT_FINITE, ONE_CLASS
from coterie.learn.joined import LABEL_UNFIT, need_library
from coterie.learn.linear import Floats

__all__ = [
    "Fitted",
    "HeldBack",
    "check_label",
    "check_own_label",
    "cores",
    "fit",
    "importance",
    "loaded",
    "need_xgboost",
    "predicted",
    "shares",
]

PAGED = 1 << 27
"""Values up to which XGBoost gets a copy of all of them, 8 bytes each, and finds bins when it begins: a tenth
faster than finding them beforehand, which needs no copy. The trees are the same."""
TRAINING, HELD = "training", "validation"
MEASURES = {"gain": "gain", "cover": "cover", "weight": "splits"}
"""XGBoost's names of what a feature did, and ours where they say more."""


@dataclass(frozen=True)
class HeldBack:
    """Rows by which training knows when to stop."""

    features: Matrix
    label: Floats


@dataclass(frozen=True)
class Fitted:
    """What a training leaves."""

    booster: Any
    """``xgboost.Booster`` of the best round and those before it."""
    rounds: int
    """Trees that it has."""
    history: dict[str, list[float]]
    """Loss after each round, by "training" and "validation"; empty where nobody looked."""


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def need_xgboost(step: str | None = None) -> None:
    """Raises CT-3080 where XGBoost is not installed."""
    need_library("xgboost", step)


def check_label(label: Floats, params: BoostingParams, name: str) -> None:
    """Raises CT-3083 for labels that the objective cannot have, CT-3016 for one class, CT-3028 beyond
    float32.

    :param label: (rows,) numbers. :param name: of the column or the rows, for the message.
    """
    check_own_label(label, params, name)
    if params.objective == "binary" and label.min() == label.max():
        raise ONE_CLASS(f"in {name}")
    if params.objective in ("poisson", "tweedie") and not label.any():
        raise LABEL_UNFIT(f"{name} for '{params.objective}': not negative, and not all 0")


def check_own_label(label: Floats, params: BoostingParams, name: str) -> None:
    """Raises CT-3083 and CT-3028 as :func:`check_label`, for what no other rows can make right."""
    if not len(label):
        return
    if np.abs(label).max() > np.finfo(np.float32).max:
        raise NOT_FINITE(f"{name} is beyond the range of float32")
    if params.objective in ("poisson", "tweedie") and label.min() < 0:
        raise LABEL_UNFIT(f"{name} for '{params.objective}': not negative, and not all 0")
    if params.objective == "gamma" and label.min() <= 0:
        raise LABEL_UNFIT(f"{name} for 'gamma': positive")


def fit(
    features: Matrix,
    label: Floats,
    kinds: Sequence[str],
    library: dict[str, Any],
    params: BoostingParams,
    held: HeldBack | None = None,
    *,
    look: bool = False,
    progress: Callable[[int, int, str], None] | None = None,
) -> Fitted:
    """Train.

    :param features: (rows, width), categories as codes, NaN where missing.
    :param label: (rows,) that :func:`check_label` has passed.
    :param kinds: "q" or "c" of each feature.
    :param library: as :meth:`BoostingParams.library` gives them.
    :param held: for ``early_stopping``.
    :param look: whether the loss of the training rows is measured after each round.
    :param progress: called after each round; what it raises ends the training.
    """
    import xgboost
    from xgboost.callback import EarlyStopping, TrainingCallback

    class Told(TrainingCallback):
        def after_iteration(self, model: Any, epoch: int, evals_log: Any) -> bool:  # noqa: ARG002
            if progress is not None:
                progress(epoch + 1, params.rounds, "trees")
            return False

    threads, given = library["nthread"], {"feature_types": list(kinds), "enable_categorical": True}
    if features.size <= PAGED:
        rows = xgboost.DMatrix(features, label, nthread=threads, **given)
    else:
        rows = xgboost.QuantileDMatrix(features, label, max_bin=params.max_bins, nthread=threads, **given)
    watched: list[tuple[xgboost.DMatrix, str]] = [(rows, TRAINING)] if look else []
    callbacks: list[Any] = [Told()]
    if held is not None:
        watched.append((xgboost.DMatrix(held.features, held.label, nthread=threads, **given), HELD))
        callbacks.append(EarlyStopping(rounds=params.early_stopping or params.rounds, save_best=True))
    history: dict[str, dict[str, list[float]]] = {}
    booster = xgboost.train(
        library,
        rows,
        params.rounds,
        evals=watched,
        evals_result=history,
        verbose_eval=False,
        callbacks=callbacks,
    )
    booster.set_attr(best_iteration=None, best_score=None)  # a model says what it is, not how it came about
    return Fitted(
        booster,
        booster.num_boosted_rounds(),
        {name: next(iter(measured.values())) for name, measured in history.items()},
    )


def loaded(body: bytes) -> Any:
    """``xgboost.Booster`` of a stored model that :mod:`coterie.learn.boosting.trees` has passed.

    Raises ValueError (XGBoost's own errors are such).
    """
    import xgboost

    booster = xgboost.Booster()
    booster.load_model(bytearray(body))
    return booster


def predicted(booster: Any, features: Matrix) -> Floats:
    """(rows,) what is expected of the label; the probability of 1 for "binary"."""
    scores = booster.inplace_predict(features, validate_features=False)
    return np.asarray(scores, dtype=np.float64)


def shares(booster: Any, features: Matrix, kinds: Sequence[str]) -> Matrix:
    """(rows, width + 1) SHAP values on the scale before the link (log-odds for "binary", logarithms for a log
    link), and last what is expected of any row. A row's sum is its score on that scale."""
    import xgboost

    given = {"feature_types": list(kinds), "enable_categorical": True}
    contributions = booster.predict(xgboost.DMatrix(features, **given), pred_contribs=True)
    return np.asarray(contributions, dtype=np.float32)


def importance(booster: Any, width: int) -> list[dict[str, float]]:
    """For each feature: "gain" and "cover", means over its splits, and the number of its "splits"."""
    found = {ours: booster.get_score(importance_type=theirs) for theirs, ours in MEASURES.items()}
    return [
        {measure: float(values.get(f"f{place}", 0.0)) for measure, values in found.items()}
        for place in range(width)
    ]
