"""``evaluate`` on horizontal frames: what joining has gained a party, on its own rows. Nothing is sent."""

from __future__ import annotations

from functools import partial
from math import sqrt
from typing import Any

from coterie.learn.component import RunContext
from coterie.learn.measures import Z95, Floats, gain
from coterie.learn.scoring import scoring_facts

from .alone import may_train_alone, own_rows_scores
from .clear import measure
from .own_record import ClassMeasures, NumberMeasures, OwnRowsEvaluation
from .params import EvaluateParams
from .record import Metrics, RegressionMetrics
from .regression import measure_numbers, power_of

__all__ = ["give_own_rows"]

LEAST = 2
"""Rows with which anything can be measured."""


def give_own_rows(
    context: RunContext,
    params: EvaluateParams,
    model: str,
    scores: Floats,
    everywhere: Metrics | RegressionMetrics,
) -> None:
    """Train on the party's own rows alone, hold the joint model against that, and tell the party.

    :param scores: (rows,) of the party's own rows by the joint model: what is expected of the label.
    :param everywhere: the joint model on all parties' rows.
    """
    planning = context.planning
    if not params.baseline or not may_train_alone(planning, model) or not context.receiving("metrics"):
        return
    context.progress(1, 2, "training on own rows alone")
    frame, train = context.frames[params.frame], "train" if "train" in context.frames else "all"
    facts: dict[str, Any] = {
        "model": model,
        "frame": params.frame,
        "party": context.me,
        "training_rows": context.frames[train].rows,
        "rows": frame.rows,
        "all_rows": everywhere.rows,
    }
    if scoring_facts(planning, model).classifies:
        assert isinstance(everywhere, Metrics)
        facts |= _classes(context, params, model, scores) | {"everywhere": ClassMeasures.of(everywhere)}
    else:
        assert isinstance(everywhere, RegressionMetrics)
        facts |= _numbers(context, params, model, scores) | {"everywhere": NumberMeasures.of(everywhere)}
    told = OwnRowsEvaluation(**facts)
    context.tell("metrics", partial(told.model_dump, mode="json"), (context.me,), "own.json")


def _classes(context: RunContext, params: EvaluateParams, model: str, scores: Floats) -> dict[str, Any]:
    labels = context.frames[params.frame].labels()
    positives = int(labels.sum())
    found: dict[str, Any] = {"positives": positives}
    if len(labels) < LEAST or positives in (0, len(labels)):
        return {**found, "unmeasured": "few" if len(labels) < LEAST else "one"}
    found["joint"] = ClassMeasures.of(measure(labels, scores, params.bins, params.threshold))
    alone, reason = own_rows_scores(context, model, params.frame)
    if alone is None:
        return {**found, "untrained": "one" if reason == "CT-3016" else reason}
    better = gain(labels, scores, alone)
    return {
        **found,
        "own": ClassMeasures.of(measure(labels, alone, params.bins, params.threshold)),
        "auc_gain": better.auc,
        "auc_gain_low": better.low,
        "auc_gain_high": better.high,
        "auc_gain_p": better.p_value,
    }


def _numbers(context: RunContext, params: EvaluateParams, model: str, scores: Floats) -> dict[str, Any]:
    labels = context.frames[params.frame].target()
    if len(labels) < LEAST:
        return {"unmeasured": "few"}
    power = power_of(scoring_facts(context.planning, model).training)

    def measured(one: Floats) -> NumberMeasures:
        return NumberMeasures.of(measure_numbers(labels, one, params.bins, power))

    found: dict[str, Any] = {"joint": measured(scores)}
    alone, reason = own_rows_scores(context, model, params.frame)
    if alone is None:
        return {**found, "untrained": reason}
    less = (alone - labels) ** 2 - (scores - labels) ** 2
    mean, half = float(less.mean()), Z95 * float(less.std(ddof=1)) / sqrt(len(less))
    return {
        **found,
        "own": measured(alone),
        "error_gain": mean,
        "error_gain_low": mean - half,
        "error_gain_high": mean + half,
    }
