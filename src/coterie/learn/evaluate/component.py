"""``evaluate``: how good the score is, told to those who may know."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

from coterie.learn.component import (
    Component,
    Engine,
    PlanContext,
    ResultKind,
    Reveal,
    RunContext,
    StepPlan,
)
from coterie.learn.errors import FRAME_MISSING
from coterie.learn.joined import give_rows
from coterie.learn.measures import elsewhere, sent_from, share
from coterie.learn.scoring import last_model, learners, score_plan, score_run, scoring_facts

from .baseline import has_baseline, may_have_baseline
from .hidden_step import plan_hidden, run_hidden
from .measuring import measured_numbers, measured_record
from .own import check_own
from .params import EvaluateParams
from .pooled import plan_pooled, run_pooled
from .record import Evaluation, Record, RegressionEvaluation, RegressionRecord, number_count, packed_size
from .several import is_several, plan_several, run_several
from .statement import statement

__all__ = ["Evaluate"]

TAG = "evaluation"


class Evaluate(Component[EvaluateParams]):
    """Scores a frame, measures the scores at the label holder, and gives metrics, scores and a report.

    In engine "mpc" the scores become known to the label holder alone. Other receivers of metrics or of the
    report get one record of a length that depends on the parameters only; every group of rows in it has at
    least the agreed number of rows of either label. In engine "tee" nobody learns scores but those to whom
    the agreement grants them, each by its own ids.

    Of a label of several classes it is told how many rows of each are taken for each.

    Of horizontal frames each party scores its own rows, and all measure sums over the parties.

    On hidden rows nobody learns a score, in any place: scores are counted on shares, and receivers of metrics
    or of the report are told measures of the common rows.

    Errors: CT-3001 without the frame, CT-3002 without a model, CT-3016 where only one label value occurs,
    CT-3030 where the agreement gives scores to somebody else and the engine is not "tee", CT-3031 for an
    unreadable record, CT-3166 where there are too few rows to tell others of, CT-3167 for a segment that is
    no column of the label holder; of hidden rows CT-3136, CT-3226, and of the label CT-1501, CT-1502.
    """

    name: ClassVar[str] = "evaluate"
    summary: ClassVar[str] = "Measure the score: AUC, KS, lift, calibration, cuts, segments."
    Parameters: ClassVar = EvaluateParams
    engines: ClassVar[frozenset[Engine]] = frozenset({"clear", "mpc", "fl"})
    takes_hidden: ClassVar[bool] = True

    def reads(self, params: EvaluateParams) -> bool:
        return bool(params.segments)  # of values as they were before steps changed them

    def plan(self, context: PlanContext, params: EvaluateParams) -> StepPlan:
        if params.frame not in context.frames:
            raise FRAME_MISSING(f"'{params.frame}'", step=context.step)
        if is_several(context, params):
            return plan_several(context, params)
        if context.engine == "fl":
            return plan_pooled(context, params)
        if context.frames[params.frame].hidden is not None:
            given = params.model_dump(mode="json")
            return StepPlan(context.step, self.name, given, **plan_hidden(context, params))
        holder, attested = context.label_holder, context.engine == "tee"
        check_own(context, params.frame, params.segments)
        learning = context.receiving("scores") if attested else learners(context)
        scoring = score_plan(context, last_model(context, params.model), params.frame, learning)
        kinds: tuple[ResultKind, ...] = ("metrics", "report", "scores")
        results = {kind: context.receiving(kind) for kind in kinds}
        planned = sent_from(scoring, holder, _record_sizes(context, params))
        return replace(
            planned,
            step=context.step,
            component=self.name,
            params=params.model_dump(mode="json"),
            reveals=(*scoring.reveals, *_reveals(context, params)),
            results={kind: to for kind, to in results.items() if to},
            statement=statement(scoring.statement),
        )

    def run(self, context: RunContext, params: EvaluateParams) -> None:
        planning = context.planning
        if is_several(planning, params):
            run_several(context, params)
            return
        if context.engine == "fl":
            run_pooled(context, params)
            return
        if planning.frames[params.frame].hidden is not None:
            run_hidden(context, params)
            return
        model = last_model(planning, params.model)
        scores = score_run(context, model, params.frame, (planning.label_holder,))
        if context.deals_ahead:
            return
        facts, sizes = scoring_facts(planning, model), _record_sizes(planning, params)
        here = scores is not None and planning.label_holder in context.mine
        if here:
            context.progress(0, 2, "measuring")
        if facts.classifies:
            told = params.tell_segments, frozenset(planning.receiving("report"))
            measure = partial(measured_record, context, params, scores) if here else None
            give, for_one = partial(_give_record, context), partial(_for_one, *told)
            share(context, TAG, Record, sizes, measure, give, for_one)
        else:
            count = partial(measured_numbers, context, params, scores) if here else None
            share(context, TAG, RegressionRecord, sizes, count, partial(_give_numbers, context))
        if here and scores is not None:
            listed = {"score": scores}
            if facts.unit == "points":
                listed = {"score": facts.probabilities(scores), "points": scores}
            give_rows(context, "scores", "scores.parquet", context.frames[params.frame], listed)


def _for_one(segments: bool, drawing: frozenset[str], record: Record, party: str) -> Record:
    """Curves for whom they are; segments where the job says so."""
    kept = record if party in drawing else record.numbers_only()
    if segments:
        return kept
    return kept.model_copy(update={"evaluation": kept.evaluation.model_copy(update={"segments": ()})})


def _sizes_of(context: PlanContext, params: EvaluateParams) -> dict[str, Any]:
    """What the size of a record depends on."""
    model = last_model(context, params.model)
    return {
        "bins": params.bins,
        "baseline": has_baseline(context, model, wanted=params.baseline),
        "kind": Record if scoring_facts(context, model).classifies else RegressionRecord,
        "segments": len(params.segments) if params.tell_segments else 0,
    }


def _record_sizes(context: PlanContext, params: EvaluateParams) -> dict[str, int]:
    """Bytes of the record to each party that gets one."""
    given, report = _sizes_of(context, params), context.receiving("report")
    told = elsewhere(context, ("metrics", "report"))
    return {party: packed_size(**given, curves=party in report) for party in told}


def _reveals(context: PlanContext, params: EvaluateParams) -> tuple[Reveal, ...]:
    given = _sizes_of(context, params)
    # Of a plan that is approved before features are selected: the words are those of the plan that runs.
    beside = may_have_baseline(context, last_model(context, params.model), wanted=params.baseline)
    of_whom = "the model and of the label holder's own model" if beside else "the model"
    segments = f", apart by values of {', '.join(params.segments)}" if given["segments"] else ""
    texts: dict[ResultKind, str] = {
        "metrics": f"measures of {of_whom}, with tables by band{segments}",
        "report": f"report: measures of {of_whom}, ROC curves and counts of rows by score{segments}",
    }
    reveals = []
    for kind, text in texts.items():
        to = context.receiving(kind)
        if context.engine != "tee":  # elsewhere its holder has labels and scores, and measures them itself
            to = tuple(party for party in to if party != context.label_holder)
        if to:
            reveals.append(Reveal(text, to, number_count(**given, curves=kind == "report"), kind))
    return tuple(reveals)


def _give_record(context: RunContext, record: Record, to: frozenset[str] | None) -> None:
    context.progress(1, 2, "writing the results")
    _give(context, record.evaluation, to)
    if record.drawn is not None:
        context.note("report", partial(record.drawn.model_dump, mode="json"), to)


def _give_numbers(context: RunContext, record: RegressionRecord, to: frozenset[str] | None) -> None:
    _give(context, record.evaluation, to)


def _give(context: RunContext, told: Evaluation | RegressionEvaluation, to: frozenset[str] | None) -> None:
    """As a file to the receivers of metrics, and for the pages of those of the report."""
    context.tell("metrics", partial(told.model_dump, mode="json"), to, "metrics.json")
    context.note("report", partial(told.model_dump, mode="json"), to)
