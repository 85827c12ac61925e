"""``save``: keep a model with all that was done to its columns, for jobs that score new rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from coterie.data import ColumnType
from coterie.learn.component import (
    Component,
    Earlier,
    Engine,
    FrameShape,
    PlanContext,
    RunContext,
    StepPlan,
)
from coterie.learn.errors import MODEL_MISSING
from coterie.learn.pipeline.again import Components, shape_after
from coterie.learn.pipeline.errors import NOBODY_RECEIVES, NOT_IN_TEE, NOT_SAVEABLE
from coterie.learn.pipeline.file import Kind, PipelineFile
from coterie.learn.pipeline.params import SaveParams
from coterie.learn.pipeline.ranges import ranges_of
from coterie.learn.pipeline.record import Left, OwnColumns, Pipeline, PipelineColumn, PipelineStep
from coterie.learn.pipeline.statement import SAVE
from coterie.learn.saving import Repeats, SavesModel
from coterie.learn.scoring import last_model
from coterie.learn.transform import training_of

__all__ = ["Save"]


class Save(Component[SaveParams]):
    """Every party with data keeps a file of its own: what is public of the pipeline, which is the same in all
    of them, and its own part, which nobody else ever has: what its transforms learnt, its share of the model.

    Nothing is sent, and nothing is revealed. In engine fl every party knows the whole model, and keeps it, so
    that it scores alone.

    Errors: CT-3002 without a model, CT-3185 where new rows could not be prepared as the training rows were,
    CT-3186 in engine tee, CT-3187 where the agreement does not grant `pipeline` to every party with data.
    """

    name: ClassVar[str] = "save"
    summary: ClassVar[str] = "Keep the model and its preparation, each party its own part, to score new rows."
    Parameters: ClassVar = SaveParams
    engines: ClassVar[frozenset[Engine]] = frozenset({"clear", "mpc", "fl"})
    reads_datasets: ClassVar[bool] = True

    def __init__(self, components: Components) -> None:
        """:param components: all that may have left something, by name."""
        self._components = components

    def plan(self, context: PlanContext, params: SaveParams) -> StepPlan:
        if context.engine == "tee":
            raise NOT_IN_TEE("", step=context.step)
        if absent := [party for party in context.parties if party not in context.receiving("pipeline")]:
            raise NOBODY_RECEIVES(f"kind 'pipeline' is not for {absent[0]}", step=context.step)
        self._pipeline(context, params)
        return StepPlan(
            step=context.step,
            component=self.name,
            params=params.model_dump(mode="json"),
            results={"pipeline": context.parties},
            statement=SAVE,
        )

    def run(self, context: RunContext, params: SaveParams) -> None:
        if not context.computes:
            return
        pipeline = self._pipeline(context.planning, params)
        (owner,) = context.mine
        parts: dict[tuple[str, Kind], bytes] = {}
        for one in pipeline.steps:
            component = self._components[one.component]
            if one.facts is not None:
                assert isinstance(component, SavesModel)
                parts[one.step, "model"] = component.kept_model(_left(context, one.step))
            elif isinstance(component, Repeats):
                parts[one.step, "state"] = component.kept_state(_left(context, one.step), owner)
        training = training_of(context.frames).part(owner)
        parts[pipeline.model, "ranges"] = ranges_of(training, context, pipeline.features[owner])
        kept = PipelineFile(pipeline, owner, parts)
        context.give("pipeline", f"{params.name}.pipeline", kept.to_bytes)

    def _pipeline(self, context: PlanContext, params: SaveParams) -> Pipeline:
        """The public part. Errors: CT-3002, CT-3185."""
        model = last_model(context, params.model)
        named = {one.step: one for one in context.earlier}
        if model not in named:
            raise MODEL_MISSING(f"'{model}'", step=context.step)
        shape = FrameShape(1, context.columns, context.label_holder, context.label)
        return Pipeline(
            name=params.name,
            engine=context.engine,
            job=context.job,
            agreement=context.agreement,
            columns=tuple(
                OwnColumns(
                    party=party, columns=_typed(context.columns.get(party, ()), context.types.get(party, {}))
                )
                for party in context.owners
            ),
            label_holder=context.label_holder,
            label=context.label,
            steps=(*self._changes(context, shape, model), *self._models(context, named, model)),
            model=model,
        )

    def _changes(self, context: PlanContext, shape: FrameShape, model: str) -> list[PipelineStep]:
        """The steps before the model that change columns."""
        found = []
        for earlier, after in _with_shape_after(context, model):
            component = self._components.get(earlier.component)
            repeats = isinstance(component, Repeats)
            if after is None:
                continue
            same = dict(after.columns) == dict(shape.columns) and after.bound == shape.bound
            if same and not repeats:
                continue
            left = tuple(Left(party=party, columns=names) for party, names in after.columns.items())
            one = _step(earlier, component, left=left)
            if component is not None:
                shape = shape_after(shape, one, component, earlier.params)
            if shape.columns != dict(after.columns) or shape.bound != after.bound:
                raise NOT_SAVEABLE(f"'{earlier.step}'", step=context.step)
            found.append(one)
        return found

    def _models(self, context: PlanContext, named: Mapping[str, Earlier], model: str) -> list[PipelineStep]:
        """The step whose model scores, after those whose models it needs."""
        earlier = named[model]
        component = self._components.get(earlier.component)
        if not isinstance(component, SavesModel):
            raise NOT_SAVEABLE(f"the model of '{model}'", step=context.step)
        facts = context.models[model]
        found: list[PipelineStep] = []
        for other in component.scored_with(facts):
            found += [one for one in self._models(context, named, other) if one not in found]
        return [*found, _step(earlier, component, facts=dict(component.public_facts(facts)))]


def _step(earlier: Earlier, component: Any, **more: Any) -> PipelineStep:
    return PipelineStep(
        step=earlier.step,
        component=earlier.component,
        version=component.version if component is not None else 1,
        params=earlier.params.model_dump(mode="json"),
        **more,
    )


def _with_shape_after(context: PlanContext, model: str) -> list[tuple[Earlier, FrameShape | None]]:
    """Each step before the model, with the public facts of the training rows after it; None where there are
    none yet."""
    steps = context.earlier
    shapes = [training_of(one.before) for one in steps[1:]] + [training_of(context.frames)]
    pairs = list(zip(steps, shapes, strict=True))
    place = next(number for number, one in enumerate(steps) if one.step == model)
    return pairs[:place]


def _typed(names: tuple[str, ...], types: Mapping[str, ColumnType]) -> tuple[PipelineColumn, ...]:
    return tuple(PipelineColumn(name=name, type=types[name]) for name in names)


def _left(context: RunContext, step: str) -> Any:
    if step not in context.models:
        raise MODEL_MISSING(f"'{step}'", step=context.step, party=context.me)
    return context.models[step]
