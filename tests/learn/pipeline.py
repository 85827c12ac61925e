"""A job's pipeline inside one process: every participant in a thread of its own, with its own data only.

It does what a job does and checks what a job checks: equal plans, budgets, bytes and rounds as planned, equal
facts at the end of a stage, results to their receivers only.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from coterie.data import Column, CsvSource, Dataset, DatasetSpec
from coterie.errors import CoterieError
from coterie.learn import read_pipeline
from coterie.learn.component import (
    MIN_GROUP,
    Component,
    Earlier,
    Engine,
    Finding,
    JobFacts,
    PlanContext,
    RunContext,
    StepPlan,
    synced,
)
from coterie.wire import Mesh, local_meshes

ID_KEY = bytes(range(32))
Steps = Sequence[tuple[str, Component[Any], Mapping[str, Any]]]


@dataclass
class Outcome:
    """What is left at one participant."""

    contexts: dict[str, RunContext] = field(default_factory=dict)
    plans: dict[str, StepPlan] = field(default_factory=dict)
    published: dict[str, bytes] = field(default_factory=dict)
    """By kind/name."""

    @property
    def last(self) -> RunContext:
        return list(self.contexts.values())[-1]

    @property
    def frames(self) -> Mapping[str, Any]:
        return self.last.frames


def dataset(ids: Sequence[str], columns: Mapping[str, Any], label: str | None = None) -> Dataset:
    """A loaded dataset of these columns."""
    table = pa.table({name: pa.array(values, from_pandas=True) for name, values in columns.items()})
    if not columns:
        table = pa.table({"rows": pa.nulls(len(ids))}).select([])
    kinds = {pa.int64(): "int", pa.float64(): "float", pa.bool_(): "bool"}
    spec = DatasetSpec(
        name="table",
        source=CsvSource(path="table.csv"),
        columns=(
            Column(name="id", type="text", role="id"),
            *(
                Column(
                    name=one.name,
                    type=kinds.get(one.type, "text"),
                    role="label" if one.name == label else "feature",
                    nullable=True,
                )
                for one in table.schema
            ),
        ),
    )
    return Dataset(spec, table, pa.array(ids, pa.large_string()))


def run(
    datasets: Mapping[str, Dataset],
    steps: Steps,
    *,
    label: str,
    label_holder: str,
    engine: Engine = "mpc",
    dealer: str | None = None,
    receivers: Mapping[str, tuple[str, ...]] | None = None,
    min_group: int = MIN_GROUP,
    min_rows: int = 0,
    guests: tuple[str, ...] = (),
    pipelines: Mapping[str, Mapping[str, Path]] | None = None,
) -> dict[str, Outcome]:
    """Plan and run the steps at all participants; the first failure is raised after all have ended.

    :param guests: receivers without data; the dealer may be one of them.
    :param pipelines: saved ones: under which name, and where each party has its file.
    """
    saved = {
        name: read_pipeline(next(iter(files.values()))).pipeline for name, files in (pipelines or {}).items()
    }
    names = list(dict.fromkeys([*datasets, *([dealer] if dealer else []), *guests]))
    facts: dict[tuple[int, str], dict[str, int]] = {}
    plans: dict[tuple[int, str], StepPlan] = {}
    barrier = threading.Barrier(len(names))

    def start(name: str) -> PlanContext:
        return PlanContext(
            engine=engine,
            step="",
            parties=tuple(datasets),
            dealer=dealer,
            receivers=receivers or {},
            dataset_rows={party: len(one.ids) for party, one in datasets.items()},
            repeated_ids=tuple(party for party, one in datasets.items() if one.groups is not None),
            all_rows={party: one.rows for party, one in datasets.items()},
            columns={
                party: tuple(c for c in one.table.column_names if c != label)
                for party, one in datasets.items()
            },
            label_holder=label_holder,
            label=label,
            frames={},
            models={},
            min_group=min_group,
            min_rows=min_rows,
            guests=guests,
            types={party: {c.name: c.type for c in one.spec.columns} for party, one in datasets.items()},
            job="ab" * 16,
            agreement="sha256:" + "cd" * 32,
            labelled=label in datasets[label_holder].table.column_names,
            pipelines=saved,
        )

    def work(name: str, mesh: Mesh, outcome: Outcome) -> None:
        planning = start(name)
        frames: dict[str, Any] = {}
        models: dict[str, Any] = {}
        findings: dict[str, list[Finding]] = {}
        scores: dict[tuple[str, str], Any] = {}
        for number, (step, component, given) in enumerate(steps):
            planning.step = step
            before = replace(planning, frames=dict(planning.frames), models=dict(planning.models))
            params = component.Parameters.model_validate(given)
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
                dealer=dealer,
                receivers=receivers or {},
                mesh=mesh,
                plan=plan,
                planning=before,
                id_key=ID_KEY if name in datasets else bytes(32),
                datasets={name: datasets[name]} if name in datasets else {},
                frames=frames,
                models=models,
                progress=lambda done, total, what, **_: None,
                publish=_publisher(name, plan, outcome),
                findings=findings,
                scores=scores,
                pipelines={one: files[name] for one, files in (pipelines or {}).items() if name in files},
                job=JobFacts("ab" * 16, "a <job>", "an agreement", tuple(outcome.plans.values())),
            )
            frames.update(synced(frames, before.frames))
            with mesh.step(step, plan.sent.get(name, {})):
                component.run(context, params)
                depth = mesh.depth
            traffic = mesh.egress().get(step, {})
            sent = {peer: one.sent for peer, one in traffic.items() if one.sent}
            planned = {peer: n for peer, n in plan.sent.get(name, {}).items() if n}
            if plan.at_most:
                assert all(count <= planned[peer] for peer, count in sent.items())
                assert depth <= plan.rounds.get(name, 0)
            else:
                assert sent == planned
                assert depth == plan.rounds.get(name, 0)
            outcome.contexts[step], outcome.plans[step] = context, plan
            if component.ends_stage:
                if name in datasets:
                    facts[number, name] = component.facts(context)
                barrier.wait()
                told = [facts[number, party] for party in datasets]
                assert all(one == told[0] for one in told)
                component.apply_facts(planning, told[0])

    return _together(names, work, barrier)


def _publisher(
    name: str, plan: StepPlan, outcome: Outcome
) -> Callable[[str, str, bytes, tuple[str, ...]], None]:
    def publish(kind: str, file: str, content: bytes, to: tuple[str, ...]) -> None:
        assert to == (name,)
        assert name in plan.results.get(kind, ())
        outcome.published[f"{kind}/{file}"] = content

    return publish


def _together(
    names: Sequence[str], work: Callable[[str, Mesh, Outcome], None], barrier: threading.Barrier
) -> dict[str, Outcome]:
    meshes = local_meshes(names)
    outcomes = {name: Outcome() for name in names}
    failures: list[BaseException] = []

    def guarded(name: str) -> None:
        try:
            work(name, meshes[name], outcomes[name])
        except CoterieError as error:
            failures.append(error)
            meshes[name].fail(error)
            barrier.abort()
        except BaseException as error:  # noqa: BLE001 - raised in the test's own thread
            if not isinstance(error, threading.BrokenBarrierError):
                failures.insert(0, error)
            barrier.abort()
            meshes[name].close()

    threads = [threading.Thread(target=guarded, args=(name,), daemon=True) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    if failures:
        raise failures[0]
    assert not any(thread.is_alive() for thread in threads)
    return outcomes


def people(count: int, seed: int = 0) -> tuple[list[str], np.random.Generator]:
    """Different ids in no order."""
    random = np.random.default_rng(seed)
    return [f"p{number:06}" for number in random.permutation(count)], random
