"""What the label holder measures: the records of its labels and scores, in full and guarded."""

from __future__ import annotations

import pyarrow as pa

from coterie.learn.chosen import place_of
from coterie.learn.component import PlanContext, RunContext
from coterie.learn.keys import rows_of
from coterie.learn.measures import Floats, gain, tellable
from coterie.learn.scoring import last_model, scoring_facts

from .baseline import baseline_scores, has_baseline
from .clear import measure
from .curves import curves
from .errors import SEGMENT_ELSEWHERE
from .params import EvaluateParams
from .record import Evaluation, Record, RegressionEvaluation, RegressionRecord, Segmentation
from .regression import measure_numbers, power_of
from .segments import segmented

__all__ = ["check_segments", "measured_numbers", "measured_record"]


def check_segments(context: PlanContext, params: EvaluateParams) -> None:
    """Raises CT-3167 for a segment that is no column of the label holder."""
    holder = context.label_holder
    known = {*context.columns.get(holder, ()), *context.frames[params.frame].columns.get(holder, ())}
    for place in params.segments:
        owner, name = place_of(place)
        if owner != holder or name not in known:
            raise SEGMENT_ELSEWHERE(f"'{place}'", step=context.step)


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
        segmented(place, _column(context, params.frame, place), frame.labels(), risk, least)
        for place in params.segments
    )


def _column(context: RunContext, frame: str, place: str) -> pa.ChunkedArray:
    """(rows,) as the dataset has it, whatever steps have made of it; what a step has made anew, as it is."""
    owner, name = place_of(place)
    rows, dataset = context.frames[frame], context.datasets[owner]
    if name not in dataset.table.column_names:
        return rows.column(owner, name)
    found = rows_of(rows.keys, dataset.keyed_ids(context.id_key))
    return dataset.table.column(name).take(pa.array(found))
