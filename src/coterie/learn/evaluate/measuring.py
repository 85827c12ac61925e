"""What the label holder measures: the records of its labels and scores, in full and guarded."""

from __future__ import annotations

from coterie.learn.component import RunContext
from coterie.learn.measures import Floats, gain, tellable
from coterie.learn.scoring import last_model, scoring_facts

from .baseline import baseline_scores, has_baseline
from .clear import measure
from .curves import curves
from .own import own_column
from .params import EvaluateParams
from .record import Evaluation, Record, RegressionEvaluation, RegressionRecord, Segmentation
from .regression import measure_numbers, power_of
from .segments import segmented

__all__ = ["measured_numbers", "measured_record"]


def measured_record(
    context: RunContext, params: EvaluateParams, scores: Floats | None, guarded: bool
) -> Record:
    """All numbers and curves of a label that is 0 or 1."""
    assert scores is not None  # it is measured where they are
    planning, model = context.planning, last_model(context.planning, params.model)
    facts, labels = scoring_facts(planning, model), context.frames[params.frame].labels()
    risk, least = facts.probabilities(scores), planning.min_group if guarded else 0
    joint = measure(labels, risk, params.bins, params.threshold, least)
    if guarded:
        tellable(joint.positives, joint.negatives, least, context.step)
    told = Evaluation(
        model=model,
        frame=params.frame,
        guarded=guarded,
        joint=joint,
        segments=_segments(context, params, risk) if not guarded or params.tell_segments else (),
    )
    if not has_baseline(planning, model, wanted=params.baseline):
        return Record(evaluation=told, curves=curves(labels, risk, least))
    alone = baseline_scores(context, model, params.frame)
    other, better = measure(labels, alone, params.bins, params.threshold, least), gain(labels, risk, alone)
    compared = {
        "baseline": other,
        "auc_gain": better.auc,
        "auc_gain_low": better.low,
        "auc_gain_high": better.high,
        "auc_gain_p": better.p_value,
        "ks_gain": joint.ks - other.ks,
    }
    return Record(
        evaluation=told.model_copy(update=compared),
        curves=curves(labels, risk, least),
        baseline_curves=curves(labels, alone, least),
    )


def measured_numbers(
    context: RunContext, params: EvaluateParams, scores: Floats | None, guarded: bool
) -> RegressionRecord:
    """All numbers of a label that is a number."""
    assert scores is not None  # it is measured where they are
    planning, model = context.planning, last_model(context.planning, params.model)
    labels, least = context.frames[params.frame].target(), planning.min_group if guarded else 0
    if guarded:
        tellable(len(labels), len(labels), least, context.step)
    power = power_of(scoring_facts(planning, model).training)
    joint = measure_numbers(labels, scores, params.bins, power, least)
    told = RegressionEvaluation(model=model, frame=params.frame, guarded=guarded, joint=joint)
    if has_baseline(planning, model, wanted=params.baseline):
        alone = baseline_scores(context, model, params.frame)
        other = measure_numbers(labels, alone, params.bins, power, least)
        told = told.model_copy(update={"baseline": other, "rmse_gain": other.rmse - joint.rmse})
    return RegressionRecord(evaluation=told)


def _segments(context: RunContext, params: EvaluateParams, risk: Floats) -> tuple[Segmentation, ...]:
    frame, least = context.frames[params.frame], context.planning.min_group
    return tuple(
        segmented(place, own_column(context, params.frame, place), frame.labels(), risk, least)
        for place in params.segments
    )
