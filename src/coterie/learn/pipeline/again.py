"""A saved pipeline's steps, once more: what is public of them, and one owner's columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, TypeAlias

from pydantic import ValidationError

from coterie.data import VerticalFrame
from coterie.errors import CoterieError
from coterie.learn.component import Component, FrameShape, Params, PlanContext
from coterie.learn.pipeline.errors import (
    NOT_IN_TEE,
    PIPELINE_DIFFERS,
    PIPELINE_ELSEWHERE,
    PIPELINE_INVALID,
    PIPELINE_NEWER,
    PIPELINE_UNKNOWN,
    SCHEMA_DRIFT,
)
from coterie.learn.pipeline.file import PipelineFile
from coterie.learn.pipeline.record import Pipeline, PipelineStep
from coterie.learn.saving import Repeats, SavesModel

__all__ = [
    "Components",
    "check_fit",
    "of_context",
    "planned_again",
    "prepared",
    "scoring_models",
    "shape_after",
]

Components: TypeAlias = Mapping[str, Component[Any]]
"""By name: all that may have left something."""


def of_context(context: PlanContext, reference: str) -> Pipeline:
    """The pipeline that a step names. Errors: CT-3180, CT-3188."""
    found = context.pipelines.get(reference)
    if not isinstance(found, Pipeline):
        raise PIPELINE_UNKNOWN(f"'{reference}'", step=context.step)
    named = reference.partition("@")[0]
    if reference.startswith("sha256:") and found.identity != reference:
        raise PIPELINE_DIFFERS(f"{found.identity} instead of {reference}", step=context.step)
    if not reference.startswith("sha256:") and found.name != named:
        raise PIPELINE_DIFFERS(f"it is named '{found.name}', not '{named}'", step=context.step)
    return found


def check_fit(context: PlanContext, pipeline: Pipeline) -> None:
    """Whether the job's data is what the pipeline was trained on. Errors: CT-3183, CT-3184, CT-3186."""
    if context.engine == "tee":
        raise NOT_IN_TEE("", step=context.step)
    if context.engine != pipeline.engine and not _alone(context, pipeline):
        raise PIPELINE_ELSEWHERE(f"it is of engine {pipeline.engine}", step=context.step)
    if set(context.owners) != set(pipeline.parties):
        raise PIPELINE_ELSEWHERE(f"it is of {', '.join(pipeline.parties)}", step=context.step)
    if context.label_holder != pipeline.label_holder:
        raise PIPELINE_ELSEWHERE(f"its label is at {pipeline.label_holder}", step=context.step)
    for own in pipeline.columns:
        types = context.types.get(own.party, {})
        for column in own.columns:
            where = f"'{column.name}' of {own.party}"
            if column.name not in types:
                problem = "is missing"
            elif types[column.name] != column.type:
                problem = f"is of type {types[column.name]}, and was {column.type} in training"
            elif column.name not in context.columns.get(own.party, ()):
                problem = "is no feature of this job, and was one in training"
            else:
                continue
            raise SCHEMA_DRIFT(f"{where} {problem}", party=own.party, step=context.step)


def _alone(context: PlanContext, pipeline: Pipeline) -> bool:
    """Whether one party scores its own rows by what it has learnt with others: it has the whole model."""
    return context.horizontal and (context.engine, pipeline.engine) == ("clear", "fl")


def planned_again(context: PlanContext, pipeline: Pipeline, components: Components) -> PlanContext:
    """The context with the frames as they are after the pipeline's steps, and with its models: the one that
    scores under the name of the present step.

    Errors: CT-3001, CT-3181, CT-3182, CT-3184, and what components say of columns.
    """
    check_fit(context, pipeline)
    for earlier in context.earlier:
        if earlier.component == "predict" or isinstance(components.get(earlier.component), Repeats):
            raise SCHEMA_DRIFT(f"step '{earlier.step}' has changed the columns already", step=context.step)
    frames = {
        name: _shape_again(
            replace(pipeline.shape(shape.rows), label=context.label, horizontal=shape.horizontal),
            pipeline,
            components,
            context.step,
        )
        for name, shape in context.frames.items()
    }
    models = dict(context.models)
    for one in scoring_models(pipeline):
        name = context.step if one.step == pipeline.model else one.step
        if name in models and name != context.step:
            raise PIPELINE_ELSEWHERE(f"the job has a step '{name}', and the pipeline too", step=context.step)
        models[name] = _facts(one, components, context.step)
    return replace(context, frames=frames, models=models)


def scoring_models(pipeline: Pipeline) -> list[PipelineStep]:
    """The steps whose models score."""
    return [one for one in pipeline.steps if one.facts is not None]


def _known(one: PipelineStep, components: Components, step: str | None) -> tuple[Component[Any], Params]:
    """Component and parameters of a saved step. Errors: CT-3181, CT-3182."""
    component = components.get(one.component)
    if component is None:
        raise PIPELINE_NEWER(f"there is no component '{one.component}' here", step=step)
    if component.version != one.version:
        problem = f"'{one.component}' of version {one.version}, and this node has version {component.version}"
        raise PIPELINE_NEWER(problem, step=step)
    try:
        params: Params = component.Parameters.model_validate(one.params)
    except ValidationError as error:
        raise PIPELINE_INVALID(f"parameters of step '{one.step}'", step=step) from error
    return component, params


def _shape_again(shape: FrameShape, pipeline: Pipeline, components: Components, step: str) -> FrameShape:
    for one in pipeline.steps:
        if one.facts is not None:
            continue
        component, params = _known(one, components, step)
        shape = shape_after(shape, one, component, params)
    return shape


def shape_after(
    shape: FrameShape, one: PipelineStep, component: Component[Any], params: Params
) -> FrameShape:
    """Of a frame after a saved step. Errors: CT-3181 where the step cannot leave those columns."""
    if isinstance(component, Repeats):
        shape = component.shape_again(shape, params)
    left = {own.party: tuple(own.columns) for own in one.left}
    for party, names in left.items():
        if any(name not in shape.columns.get(party, ()) for name in names):
            raise PIPELINE_INVALID(f"step '{one.step}' does not leave the columns that it should")
    return replace(shape, columns={party: left.get(party, ()) for party in shape.columns})


def _facts(one: PipelineStep, components: Components, step: str) -> Any:
    component, params = _known(one, components, step)
    if not isinstance(component, SavesModel):
        raise PIPELINE_NEWER(f"models of '{one.component}' do not score new rows here", step=step)
    try:
        return component.facts_again(params, one.facts or {})
    except (ValueError, KeyError, TypeError) as error:
        raise PIPELINE_INVALID(f"what is said of the model of step '{one.step}'", step=step) from error


def prepared(frame: VerticalFrame, kept: PipelineFile, components: Components) -> VerticalFrame:
    """One owner's columns as they are after the pipeline's steps.

    :param frame: with that owner's columns alone.

    Errors: CT-3181, CT-3182, and those of the components.
    """
    pipeline = kept.pipeline
    shape = pipeline.shape(frame.rows)
    frame = frame.with_columns_of(shape.columns)
    for one in pipeline.steps:
        if one.facts is not None:
            continue
        component, params = _known(one, components, None)
        if isinstance(component, Repeats):
            try:
                frame = component.again(frame, params, kept.part(one.step, "state"))
            except CoterieError:
                raise
            except ValueError as error:
                raise PIPELINE_INVALID(f"what is stored of step '{one.step}'", party=kept.party) from error
        shape = shape_after(shape, one, component, params)
        frame = frame.with_columns_of(shape.columns)
    return frame
