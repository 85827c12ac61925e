"""``evaluate``: how good the score is, told to those who may know."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import numpy as np
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
from coterie.learn.documents import pack, unpack
from coterie.learn.errors import FRAME_MISSING, NOT_CLASSIFIED, SCORES_NOT_HERE
from coterie.learn.joined import give_rows
from coterie.learn.scoring import last_model, score_plan, score_run, scoring_facts

from .baseline import baseline_scores
from .clear import curves, gain, measure
from .params import EvaluateParams
from .record import Evaluation, Record, number_count, packed_size
from .statement import statement

__all__ = ["Evaluate"]

TAG = "evaluation"


class Evaluate(Component[EvaluateParams]):
    """Scores a frame, measures the scores at the label holder, and gives metrics, scores and a report.

    In engine "mpc" the scores become known to the label holder alone. Other receivers of metrics or of the
    report get one record of a length that depends on the parameters only. In engine "tee" nobody learns
    scores but those to whom the agreement grants them, each by its own ids.

    Errors: CT-3001 without the frame, CT-3002 without a model, CT-3016 where only one label value occurs,
    CT-3030 where the agreement gives scores to somebody else and the engine is not "tee", CT-3031 for an
    unreadable record.
    """

    name: ClassVar[str] = "evaluate"
    summary: ClassVar[str] = "Measure the score (AUC, KS, lift, calibration) and write a report."
    Parameters: ClassVar = EvaluateParams
    engines: ClassVar[frozenset[Engine]] = frozenset({"clear", "mpc"})

    def plan(self, context: PlanContext, params: EvaluateParams) -> StepPlan:
        if params.frame not in context.frames:
            raise FRAME_MISSING(f"'{params.frame}'", step=context.step)
        holder, attested = context.label_holder, context.engine == "tee"
        elsewhere = [party for party in context.receivers.get("scores", ()) if party != holder]
        if elsewhere and not attested:
            raise SCORES_NOT_HERE(f"they would go to {', '.join(elsewhere)}", step=context.step)
        learning = context.receiving("scores") if attested else (holder,)
        model = last_model(context, params.model)
        scoring = score_plan(context, model, params.frame, learning)
        if not scoring_facts(context, model).classifies:
            raise NOT_CLASSIFIED(f"'{model}'", step=context.step)
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
        scores = score_run(
            context, last_model(planning, params.model), params.frame, (planning.label_holder,)
        )
        if context.deals_ahead:
            return
        if scores is not None and planning.label_holder in context.mine:
            context.progress(0, 2, "measuring")
            record = _measured(context, params, scores)
            for party, size in _record_sizes(planning, params).items():
                full = party in planning.receiving("report")
                context.mesh.to(party).send_bytes(TAG, pack(record if full else record.numbers_only(), size))
            give_rows(context, "scores", "scores.parquet", context.frames[params.frame], {"score": scores})
        elif context.me in (sizes := _record_sizes(planning, params)):
            received = context.mesh.to(planning.label_holder).recv_bytes(TAG, sizes[context.me])
            record = unpack(received, Record, planning.label_holder)
        else:
            return
        context.progress(1, 2, "writing the results")
        _give_record(context, record)


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
        to = context.receiving(kind)
        if context.engine != "tee":  # elsewhere its holder has labels and scores, and measures them itself
            to = tuple(party for party in to if party != context.label_holder)
        if to:
            count = number_count(params.bins, baseline=baseline, curves=kind == "report")
            reveals.append(Reveal(text, to, count, kind))
    return tuple(reveals)


def _measured(context: RunContext, params: EvaluateParams, scores: NDArray[np.float64]) -> Record:
    """The record of all numbers and curves, at the label holder."""
    labels = context.frames[params.frame].labels()
    model = last_model(context.planning, params.model)
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


def _give_record(context: RunContext, record: Record) -> None:
    def report() -> bytes:
        from .facts import report_facts
        from .report import render

        return render(record, report_facts(context, now()))

    content = record.evaluation.model_dump_json(indent=2).encode() + b"\n"
    context.give("metrics", "metrics.json", content)
    context.give("report", "report.html", report)
