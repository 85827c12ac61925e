"""A pipeline on horizontal frames inside one process: every party in a thread of its own, with its own rows.

As :mod:`tests.learn.pipeline`, for engine fl. Without a coordinator sums are local ones, and nothing is sent;
with one they go over meshes, and bytes and rounds are checked against the plan.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from coterie.data import Dataset
from coterie.errors import UNEXPECTED, CoterieError
from coterie.fl import LocalSums
from coterie.learn import read_pipeline
from coterie.learn.component import (
    EACH,
    MIN_GROUP,
    Earlier,
    Engine,
    Finding,
    JobFacts,
    PlanContext,
    RunContext,
    StepPlan,
)
from coterie.learn.summed import serve, summing
from coterie.wire import Mesh
from tests.learn.pipeline import ID_KEY, Outcome, Steps, _publisher, _together

JOB = "ab" * 16


def planning_of(
    datasets: Mapping[str, Dataset],
    label: str,
    *,
    engine: Engine = "fl",
    coordinator: str | None = None,
    receivers: Mapping[str, tuple[str, ...]] | None = None,
    min_group: int = MIN_GROUP,
    pipelines: Mapping[str, Path] | None = None,
) -> PlanContext:
    """What plans start with. Results of every kind go to all, if nothing else is said."""
    first = next(iter(datasets.values()))
    everybody: Any = _ToAll(tuple(datasets))
    return PlanContext(
        engine=engine,
        step="",
        parties=tuple(datasets),
        dealer=None,
        receivers=everybody if receivers is None else receivers,
        dataset_rows={party: len(one.ids) for party, one in datasets.items()},
        repeated_ids=tuple(party for party, one in datasets.items() if one.groups is not None),
        all_rows={party: one.rows for party, one in datasets.items()},
        columns={EACH: tuple(name for name in first.table.column_names if name != label)},
        label_holder=EACH,
        label=label,
        frames={},
        models={},
        min_group=min_group,
        types={EACH: {column.name: column.type for column in first.spec.columns}},
        job=JOB,
        agreement="sha256:" + "cd" * 32,
        horizontal=True,
        coordinator=coordinator,
        labelled=label in first.table.column_names,
        pipelines={name: read_pipeline(path).pipeline for name, path in (pipelines or {}).items()},
    )


class _ToAll(dict[str, tuple[str, ...]]):
    def __init__(self, names: tuple[str, ...]) -> None:
        super().__init__()
        self._names = names

    def get(self, key: str, default: Any = None) -> Any:
        return self._names


def run(
    datasets: Mapping[str, Dataset],
    steps: Steps,
    *,
    label: str,
    engine: Engine = "fl",
    coordinator: str | None = None,
    receivers: Mapping[str, tuple[str, ...]] | None = None,
    min_group: int = MIN_GROUP,
    pipelines: Mapping[str, Path] | None = None,
    modules: Mapping[str, bytes] | None = None,
) -> dict[str, Outcome]:
    """Plan and run the steps, of which the first is ``stack``; the first failure is raised at the end.

    :param datasets: of every party, with the same columns; one party's for engine clear.
    :param modules: files of users' modules, by name.
    :param coordinator: a party with data, or another name; None for sums that are added up right here.
    :param pipelines: one party's file of each saved one; every party has the same.
    """
    names = list(dict.fromkeys([*datasets, *([coordinator] if coordinator else [])]))
    facts: dict[tuple[int, str], dict[str, int]] = {}
    plans: dict[tuple[int, str], StepPlan] = {}
    barrier = threading.Barrier(len(names))
    local = LocalSums.group(*datasets)

    def work(name: str, mesh: Mesh, outcome: Outcome) -> None:
        try:
            steps_of(name, mesh, outcome)
        except BaseException as error:
            failure = error if isinstance(error, CoterieError) else UNEXPECTED(repr(error))
            next(iter(local.values())).fail(failure)
            raise

    def steps_of(name: str, mesh: Mesh, outcome: Outcome) -> None:
        planning = planning_of(
            datasets,
            label,
            engine=engine,
            coordinator=coordinator,
            receivers=receivers,
            min_group=min_group,
            pipelines=pipelines,
        )
        frames: dict[str, Any] = {}
        models: dict[str, Any] = {}
        findings: dict[str, list[Finding]] = {}
        scores: dict[tuple[str, str], Any] = {}
        for number, (step, component, given) in enumerate(steps):
            planning.step = step
            planning.later = tuple(
                (one.name, one.Parameters.model_validate(of)) for _, one, of in steps[number + 1 :]
            )
            before = replace(planning, frames=dict(planning.frames), models=dict(planning.models))
            params = component.Parameters.model_validate(given)
            assert engine in component.engines
            plan = component.plan(planning, params)
            planning.earlier += (Earlier(step, component.name, params, before.frames),)
            plans[number, name] = plan
            barrier.wait()
            assert all(plans[number, other] == plan for other in names)
            context = RunContext(
                engine=engine,
                step=step,
                me=name,
                parties=tuple(datasets),
                dealer=None,
                receivers=planning.receivers,
                mesh=mesh,
                plan=plan,
                planning=before,
                id_key=ID_KEY if name in datasets else bytes(32),
                datasets={EACH: datasets[name]} if name in datasets else {},
                frames=frames,
                models=models,
                progress=lambda done, total, what, **_: None,
                publish=_publisher(name, plan, outcome),
                findings=findings,
                scores=scores,
                pipelines=pipelines or {},
                modules=modules or {},
                job=JobFacts(JOB, "a job", "an agreement", tuple(outcome.plans.values())),
            )
            with mesh.step(step, plan.sent.get(name, {})):
                if name in datasets:
                    with summing(context, local[name] if coordinator is None else None):
                        component.run(context, params)
                else:
                    serve(context)
                depth = mesh.depth
            _check_traffic(mesh, step, plan, depth)
            outcome.contexts[step], outcome.plans[step] = context, plan
            if component.ends_stage:
                if name in datasets:
                    facts[number, name] = component.facts(context)
                barrier.wait()
                told = {
                    f"{key}@{party}": value
                    for party in datasets
                    for key, value in facts[number, party].items()
                }
                component.apply_facts(planning, told)

    return _together(names, work, barrier)


def _check_traffic(mesh: Mesh, step: str, plan: StepPlan, depth: int) -> None:
    traffic = mesh.egress().get(step, {})
    sent = {peer: one.sent for peer, one in traffic.items() if one.sent}
    planned = {peer: count for peer, count in plan.sent.get(mesh.me, {}).items() if count}
    if plan.at_most:
        assert all(count <= planned[peer] for peer, count in sent.items())
        assert depth <= plan.rounds.get(mesh.me, 0)
    else:
        assert sent == planned
        assert depth == plan.rounds.get(mesh.me, 0)
