"""``evaluate``: how good the score is, told to those who may know."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from coterie.crypto import now
from coterie.learn.component import (
    Component,
    Engine,
    PlanContext,
    ResultKind,
    Reveal,
    RunContext,
    StepPlan,
)
from coterie.learn.errors import FRAME_MISSING, MODEL_MISSING, NOT_CLASSIFIED, SCORES_NOT_HERE
from coterie.learn.keys import rows_of

from .baseline import baseline_scores
from .clear import curves, gain, measure
from .params import EvaluateParams
from .record import Evaluation, Record, number_count, pack, packed_size, unpack
from .scoring import score_plan, score_run
from .statement import statement

__all__ = ["Evaluate"]

TAG = "evaluation"


class Evaluate(Component[EvaluateParams]):
    """Scores a frame, measures the scores at the label holder, and gives metrics, scores and a report.

    The scores become known to the label holder alone. Other receivers of metrics or of the report get one
    record of a length that depends on the parameters only.

    Errors: CT-3001 without the frame, CT-3002 without a model, CT-3016 where only one label value occurs,
    CT-3030 where the agreement gives scores to somebody else, CT-3031 for an unreadable record.
    """

    name: ClassVar[str] = "evaluate"
    summary: ClassVar[str] = "Measure the score (AUC, KS, lift, calibration) and write a report."
    Parameters: ClassVar = EvaluateParams
    engines: ClassVar[frozenset[Engine]] = frozenset({"clear", "mpc"})

    def plan(self, context: PlanContext, params: EvaluateParams) -> StepPlan:
        if params.frame not in context.frames:
            raise FRAME_MISSING(f"'{params.frame}'", step=context.step)
        holder = context.label_holder
        elsewhere = [party for party in context.receivers.get("scores", ()) if party != holder]
        if elsewhere:
            raise SCORES_NOT_HERE(f"they would go to {', '.join(elsewhere)}", step=context.step)
        scoring = score_plan(context, _model(context, params), params.frame, (holder,))
        if not context.models[_model(context, params)].params.classifies:
            raise NOT_CLASSIFIED(f"'{_model(context, params)}'", step=context.step)
        kinds: tuple[ResultKind, ...] = ("metrics", "report", "scores")
        results = {kind: context.receiving(kind) for kind in kinds}
        sent = {source: dict(targets) for source, targets in scoring.sent.items()}
        rounds = dict(scoring.rounds)
        for party, size in _record_sizes(context, params).items():
            to = sent.setdefault(holder, {})
            to[party] = to.get(party, 0) + size
            rounds[party] = max(rounds.get(party, 0), rounds.get(holder, 0) + 1)
        return replace(
            scoring,
            step=context.step,
            component=self.name,
            params=params.model_dump(mode="json"),
            sent=sent,
            rounds=rounds,
            reveals=(*scoring.reveals, *_reveals(context, params)),
            results={kind: to for kind, to in results.items() if to},
            statement=statement(scoring.statement),
        )

    def run(self, context: RunContext, params: EvaluateParams) -> None:
        planning = context.planning
        scores = score_run(context, _model(planning, params), params.frame, (planning.label_holder,))
        if context.deals_ahead:
            return
        if scores is not None and context.me == planning.label_holder:
            context.progress(0, 2, "measuring")
            record = _measured(context, params, scores)
            for party, size in _record_sizes(planning, params).items():
                full = party in planning.receiving("report")
                context.mesh.to(party).send_bytes(TAG, pack(record if full else record.numbers_only(), size))
            _publish_scores(context, params, scores)
        elif context.me in (sizes := _record_sizes(planning, params)):
            received = context.mesh.to(planning.label_holder).recv_bytes(TAG, sizes[context.me])
            record = unpack(received, planning.label_holder)
        else:
            return
        context.progress(1, 2, "writing the results")
        _publish_record(context, record)


def _model(context: PlanContext, params: EvaluateParams) -> str:
    """Name of the step whose model is measured."""
    if params.model is None and context.models:
        return list(context.models)[-1]
    if params.model is None or params.model not in context.models:
        raise MODEL_MISSING(params.model or "", step=context.step)
    return params.model


def _has_baseline(context: PlanContext, params: EvaluateParams) -> bool:
    """A baseline needs own columns, and somebody else's to compare with."""
    return params.baseline and len(context.parties) > 1 and bool(context.columns.get(context.label_holder))


def _record_sizes(context: PlanContext, params: EvaluateParams) -> dict[str, int]:
    """Bytes of the record to each party that gets one."""
    report, baseline = context.receiving("report"), _has_baseline(context, params)
    told = (*report, *context.receiving("metrics"))
    return {
        party: packed_size(params.bins, baseline=baseline, curves=party in report)
        for party in context.everybody
        if party != context.label_holder and party in told
    }


def _reveals(context: PlanContext, params: EvaluateParams) -> tuple[Reveal, ...]:
    baseline = _has_baseline(context, params)
    of_whom = "the model and of the label holder's own model" if baseline else "the model"
    texts: dict[ResultKind, str] = {
        "metrics": f"measures of {of_whom}, with lift and calibration by band",
        "report": f"report: measures of {of_whom}, ROC curves and counts of rows by score",
    }
    reveals = []
    for kind, text in texts.items():
        to = tuple(party for party in context.receiving(kind) if party != context.label_holder)
        if to:
            count = number_count(params.bins, baseline=baseline, curves=kind == "report")
            reveals.append(Reveal(text, to, count, kind))
    return tuple(reveals)


def _measured(context: RunContext, params: EvaluateParams, scores: NDArray[np.float64]) -> Record:
    """The record of all numbers and curves, at the label holder."""
    labels = context.frames[params.frame].labels()
    model = _model(context.planning, params)
    joint = measure(labels, scores, params.bins)
    base = Evaluation(model=model, frame=params.frame, joint=joint)
    if not _has_baseline(context.planning, params):
        return Record(evaluation=base, curves=curves(labels, scores))
    alone = baseline_scores(context, context.planning.models[model].params, params.frame)
    other = measure(labels, alone, params.bins)
    better = gain(labels, scores, alone)
    compared = base.model_copy(
        update={
            "baseline": other,
            "auc_gain": better.auc,
            "auc_gain_low": better.low,
            "auc_gain_high": better.high,
            "ks_gain": joint.ks - other.ks,
        }
    )
    return Record(evaluation=compared, curves=curves(labels, scores), baseline_curves=curves(labels, alone))


def _publish_scores(context: RunContext, params: EvaluateParams, scores: NDArray[np.float64]) -> None:
    if context.me not in context.plan.results.get("scores", ()) or context.dataset is None:
        return
    rows = rows_of(context.frames[params.frame].keys, context.dataset.keyed_ids(context.id_key))
    table = pa.table(
        {context.dataset.spec.id.name: context.dataset.ids.take(pa.array(rows)), "score": scores}
    )
    content = io.BytesIO()
    pq.write_table(table, content)
    context.publish("scores", "scores.parquet", content.getvalue())


def _publish_record(context: RunContext, record: Record) -> None:
    results: Mapping[str, tuple[str, ...]] = context.plan.results
    if context.me in results.get("metrics", ()):
        content = record.evaluation.model_dump_json(indent=2).encode() + b"\n"
        context.publish("metrics", "metrics.json", content)
    if context.me in results.get("report", ()):
        from .facts import report_facts
        from .report import render

        context.publish("report", "report.html", render(record, report_facts(context, now())))
