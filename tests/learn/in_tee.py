"""A pipeline in engine tee: one process has the columns of all owners, and nobody sends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from coterie.data import Dataset, VerticalFrame
from coterie.learn.align import Align
from coterie.learn.component import Finding, PlanContext, RunContext, synced
from coterie.wire import local_meshes

from .pipeline import ID_KEY, Steps

Given = dict[str, dict[str, dict[str, bytes]]]
"""Files by kind, then receiver."""


def run_in_tee(
    data: Mapping[str, Dataset],
    steps: Steps,
    receivers: Mapping[str, tuple[str, ...]],
    *,
    label: str = "bad",
    holder: str = "lender",
    min_group: int = 20,
) -> tuple[RunContext, Given]:
    """The context of the last step, and what was given."""
    readers = {party for to in receivers.values() for party in to}
    planning = PlanContext(
        engine="tee",
        step="",
        parties=tuple(data),
        dealer=None,
        receivers=receivers,
        dataset_rows={party: len(one.ids) for party, one in data.items()},
        repeated_ids=tuple(party for party, one in data.items() if one.groups is not None),
        all_rows={party: one.rows for party, one in data.items()},
        columns={
            party: tuple(c for c in one.table.column_names if c != label) for party, one in data.items()
        },
        label_holder=holder,
        label=label,
        frames={},
        models={},
        guests=tuple(sorted(readers - set(data))),
        min_group=min_group,
    )
    given: Given = {}

    def publish(kind: str, file: str, content: bytes, to: tuple[str, ...]) -> None:
        for party in to:
            assert party in plan.results[kind]
            given.setdefault(kind, {}).setdefault(party, {})[file] = content

    (mesh,) = local_meshes(["runner"]).values()
    frames: dict[str, Any] = {}
    models: dict[str, Any] = {}
    findings: dict[str, list[Finding]] = {}
    context: RunContext | None = None
    for step, component, written in steps:
        planning.step = step
        before = replace(planning, frames=dict(planning.frames), models=dict(planning.models))
        params = component.Parameters.model_validate(written)
        plan = component.plan(planning, params)
        assert not plan.sent
        frames.update(synced(frames, before.frames))
        context = RunContext(
            engine="tee",
            step=step,
            me="runner",
            parties=tuple(data),
            dealer=None,
            receivers=receivers,
            mesh=mesh,
            plan=plan,
            planning=before,
            id_key=ID_KEY,
            datasets=data,
            frames=frames,
            models=models,
            progress=lambda done, total, what, **_: None,
            publish=publish,
            findings=findings,
        )
        with mesh.step(step, {}):
            component.run(context, params)
        if component.ends_stage:
            component.apply_facts(planning, component.facts(context))
    assert context is not None
    return context, given


def in_tee(
    data: Mapping[str, Dataset],
    steps: Steps,
    receivers: Mapping[str, tuple[str, ...]],
    *,
    label: str = "bad",
    holder: str = "lender",
    min_group: int = 20,
) -> tuple[dict[str, dict[str, bytes]], Mapping[str, VerticalFrame]]:
    """What was given, by receiver and file, and the frames in the end; rows are aligned before."""
    aligned = (("align", Align(), {}), *steps)
    context, given = run_in_tee(data, aligned, receivers, label=label, holder=holder, min_group=min_group)
    told: dict[str, dict[str, bytes]] = {}
    for by_party in given.values():
        for party, files in by_party.items():
            told.setdefault(party, {}).update(files)
    return told, context.frames
