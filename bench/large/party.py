"""One participant of Coterie's side: a process of its own, with TLS links to the others.

    python -m bench.large.party SPEC.json NAME RESULT.json

It runs the component ``logistic`` as a job's worker does, on a table that lies on disk as a job's does.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from bench import machine
from bench.large.work import Work, column, label
from bench.logistic.ours_party import STEP, params, planning
from bench.participants import DEALER, meet, mesh
from bench.step import context_of
from coterie.data import Scratch, VerticalFrame
from coterie.learn import PlanContext
from coterie.learn.logistic import Logistic
from coterie.wire import LinkMesh


def frame(work: Work, name: str, facts: PlanContext, folder: Path, scratch: Scratch) -> VerticalFrame:
    """A party's own columns, and the label at its holder, put on disk one after another."""

    def columns() -> Iterator[tuple[str, pa.ChunkedArray]]:
        for index, one in enumerate(facts.columns[name]):
            yield one, pa.chunked_array([column(work, folder, name, index).astype(np.float64)])
        if name == facts.label_holder:
            yield facts.label, pa.chunked_array([label(work, folder).astype(np.int64)])

    table = scratch.table(columns(), work.rows)
    if not table.num_columns:
        table = pa.table({"rows": pa.nulls(work.rows)}).select([])
    return VerticalFrame(
        rows=work.rows,
        columns=facts.columns,
        label_holder=facts.label_holder,
        label=facts.label,
        parts={name: table},
        keys=np.zeros((work.rows, 32), np.uint8),
        scratch=scratch,
    )


def train(spec: dict[str, Any], name: str, links: LinkMesh) -> dict[str, Any]:
    """Plan, load, train; what was measured."""
    work, folder = Work(**spec["work"]), Path(spec["folder"])
    component, given = Logistic(), params(work.step, work.rows, work.passes)
    plan = component.plan(planning(work.rows, work.widths, work.bound), given)
    facts = planning(work.rows, work.widths, work.bound)
    meet(links, "meet")
    scratch = Scratch(Path(spec["scratch"]) / name)
    frames = {} if name == DEALER else {"all": frame(work, name, facts, folder, scratch)}
    loaded = machine.peak()
    marks: dict[str, float] = {}
    """When each section of the program began."""
    context, published = context_of(
        plan,
        facts,
        name,
        links,
        frames,
        lambda what: marks.setdefault(what, time.perf_counter()),
        scratch=scratch,
        memory=spec["memory"],
    )
    meet(links, "begin")
    began, read = time.perf_counter(), machine.disk_read()
    with links.step(STEP, plan.sent.get(name, {})):
        component.run(context, given)
        depth = links.depth
    traffic = links.egress()[STEP]
    return {
        "began": began,
        "marks": marks,
        "seconds": time.perf_counter() - began,
        "loaded": loaded,
        "peak": machine.peak(),
        "read": machine.disk_read() - read,
        "planned_memory": plan.memory,
        "planned_disk": plan.disk,
        "planned": dict(plan.sent.get(name, {})),
        "sent": {peer: count.sent for peer, count in traffic.items() if count.sent},
        "rounds": [plan.rounds.get(name, 0), depth],
        "coefficients": published["coefficients"].decode() if "coefficients" in published else None,
    }


def main(spec_path: str, name: str, result_path: str) -> None:
    """Take part in one training."""
    spec = json.loads(Path(spec_path).read_text(encoding="utf-8"))
    links, listener = mesh(spec, name)
    result = train(spec, name, links)
    links.close()
    listener.close()
    Path(result_path).write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
