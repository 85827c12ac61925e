"""``predict``: score new rows by a saved pipeline."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from coterie.data import table_needs
from coterie.errors import CoterieError
from coterie.learn.component import Component, Engine, PlanContext, RunContext, StepPlan, synced
from coterie.learn.errors import FRAME_MISSING
from coterie.learn.joined import give_rows
from coterie.learn.pipeline.again import Components, of_context, planned_again, prepared, scoring_models
from coterie.learn.pipeline.errors import NOBODY_RECEIVES, PIPELINE_DIFFERS, PIPELINE_INVALID
from coterie.learn.pipeline.file import PipelineFile, read_pipeline
from coterie.learn.pipeline.params import PredictParams
from coterie.learn.pipeline.ranges import drift_of
from coterie.learn.pipeline.record import Pipeline
from coterie.learn.saving import SavesModel
from coterie.learn.scoring import ScoringFacts, score_plan, score_run

__all__ = ["Predict"]


class Predict(Component[PredictParams]):
    """Does to each owner's new columns what was done to the training rows, and scores them by the saved model
    as `evaluate` would: to the parties with data to whom the agreement grants scores, and to nobody else.

    The job's data need not have the label. Columns must be those of the training, by name, type and role.

    Errors: CT-3001 without aligned rows, CT-3180 to CT-3184, CT-3187, CT-3188; those of the steps that are
    done again, such as CT-3027 for missing values where nothing fills them.
    """

    name: ClassVar[str] = "predict"
    summary: ClassVar[str] = "Score new rows by a saved pipeline, to those who may have scores."
    Parameters: ClassVar = PredictParams
    engines: ClassVar[frozenset[Engine]] = frozenset({"clear", "mpc", "fl"})
    needs_label: ClassVar[bool] = False

    def __init__(self, components: Components) -> None:
        """:param components: all that pipelines may be made of, by name."""
        self._components = components

    def uses_pipelines(self, params: PredictParams) -> tuple[str, ...]:
        return (params.pipeline,)

    def plan(self, context: PlanContext, params: PredictParams) -> StepPlan:
        if "all" not in context.frames:
            raise FRAME_MISSING("'all'", step=context.step)
        pipeline = of_context(context, params.pipeline)
        planned = planned_again(context, pipeline, self._components)
        to = _receivers(planned)
        scoring = score_plan(planned, context.step, "all", to, classes=True)
        context.frames.update(planned.frames)
        context.models.update(planned.models)
        context.scored = planned.scored
        rows = context.frames["all"].rows
        memory, disk = table_needs(rows, context.widest * len(context.frames))
        told = context.receiving("profile")
        owners = tuple(party for party in told if party in context.parties)
        return replace(
            scoring,
            step=context.step,
            component=self.name,
            params={**params.model_dump(mode="json"), "identity": pipeline.identity},
            results={"scores": to, **({"profile": owners} if owners else {})},
            memory=scoring.memory + memory + 6 * 8 * rows,
            disk=scoring.disk + disk,
        )

    def run(self, context: RunContext, params: PredictParams) -> None:
        pipeline = of_context(context.planning, params.pipeline)
        planned = planned_again(context.planning, pipeline, self._components)
        if context.computes:
            self._prepare(context, planned, pipeline, params)
        to = _receivers(planned)
        scores = score_run(replace(context, planning=planned), context.step, "all", to)
        if scores is None or not context.computes:
            return
        facts = planned.models[context.step]
        give_rows(context, "scores", "scores.parquet", context.frames["all"], _columns(facts, scores))

    def _prepare(
        self, context: RunContext, planned: PlanContext, pipeline: Pipeline, params: PredictParams
    ) -> None:
        """The own part: columns as the model knows them, and the model or its share."""
        (owner,) = context.mine
        kept = _own_file(context, pipeline, params, owner)
        try:
            self._tell_drift(context, kept, owner)
            for name, frame in context.frames.items():
                changed = prepared(frame.part(owner), kept, self._components)
                context.frames[name] = frame.with_part(changed)
        except CoterieError as error:
            raise error.at(party=context.me, step=context.step) from None
        context.frames.update(synced(context.frames, planned.frames))
        for one in scoring_models(pipeline):
            name = context.step if one.step == pipeline.model else one.step
            component = self._components[one.component]
            assert isinstance(component, SavesModel)
            try:
                content = kept.part(one.step, "model")
                context.models[name] = component.model_again(content, planned.models[name])
            except CoterieError as error:
                raise error.at(party=context.me, step=context.step) from None
            except ValueError as error:
                problem = f"what is stored of the model of step '{one.step}'"
                raise PIPELINE_INVALID(problem, party=context.me, step=context.step) from error

    def _tell_drift(self, context: RunContext, kept: PipelineFile, owner: str) -> None:
        frame = context.frames["all"].part(owner)
        context.tell("profile", lambda: drift_of(frame, kept).model_dump(mode="json"), to=(owner,))


def _receivers(context: PlanContext) -> tuple[str, ...]:
    """Who learns the scores. Errors: CT-3187."""
    to = context.receiving("scores")
    facts: ScoringFacts = context.models[context.step]
    if not to:
        raise NOBODY_RECEIVES("nobody may have 'scores'", step=context.step)
    # The unit of a label that is no class is its holder's alone.
    if context.engine == "mpc" and facts.unit == "value" and to != (context.label_holder,):
        problem = f"scores that are no probabilities go to {context.label_holder} alone"
        raise NOBODY_RECEIVES(problem, step=context.step)
    return to


def _columns(facts: ScoringFacts, scores: NDArray[np.float64]) -> Mapping[str, Any]:
    """Of the file of scores: the probability of label 1, and points where the model gives them."""
    if facts.unit == "points":
        return {"score": facts.probabilities(scores), "points": scores}
    return {"score": scores}


def _own_file(context: RunContext, pipeline: Pipeline, params: PredictParams, owner: str) -> PipelineFile:
    """Errors: CT-3181, CT-3182, CT-3188."""
    path = context.pipelines.get(params.pipeline)
    if path is None:
        raise PIPELINE_DIFFERS(f"{context.me} was given no file of '{params.pipeline}'", step=context.step)
    kept = read_pipeline(path)
    if kept.pipeline.identity != pipeline.identity or kept.party != owner:
        problem = f"the file of '{params.pipeline}' is {kept.pipeline.identity} of {kept.party}"
        raise PIPELINE_DIFFERS(problem, party=context.me, step=context.step)
    return kept
