"""One participant of a generalised linear model over sums: a process with TLS links to the others.

It runs the component ``glm`` as a job's worker does, on rows that are stacked already; the helper adds up.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from bench import machine
from bench.fl.rows import part
from bench.participants import meet, mesh
from coterie.data import VerticalFrame
from coterie.learn import EACH, FrameShape, PlanContext, RunContext, StepPlan, serve, summing
from coterie.learn.glm import Glm, GlmParams
from coterie.wire import Mesh

STEP, LABEL, HELPER = "glm", "label", "helper"
PARTIES = ("east", "north", "west")
PARAMS = GlmParams(family="logistic", statistics=True, iterations=25)
RECEIVERS = {"coefficients": PARTIES[:1], "statistics": PARTIES[:1]}


def planning(rows: int, width: int) -> PlanContext:
    """The public facts, equal at every participant.

    :param rows: of each party.
    """
    columns = {EACH: tuple(f"x{index}" for index in range(width))}
    each = dict.fromkeys(PARTIES, rows)
    return PlanContext(
        engine="fl",
        step=STEP,
        parties=PARTIES,
        dealer=None,
        receivers=RECEIVERS,
        dataset_rows=each,
        all_rows=each,
        columns=columns,
        label_holder=EACH,
        label=LABEL,
        frames={"all": FrameShape(sum(each.values()), columns, EACH, LABEL, horizontal=each)},
        models={},
        job="ab" * 16,
        agreement="sha256:" + "cd" * 32,
        horizontal=True,
        coordinator=HELPER,
    )


def frame(facts: PlanContext, name: str) -> VerticalFrame:
    """A party's own rows."""
    rows = part(facts.all_rows[name], len(facts.columns[EACH]), PARTIES.index(name))
    values = dict(zip(facts.columns[EACH], np.ascontiguousarray(rows.features.T), strict=True))
    return VerticalFrame(
        rows=len(rows.labels),
        columns=facts.columns,
        label_holder=EACH,
        label=LABEL,
        parts={EACH: pa.table(values | {LABEL: rows.labels.astype(np.int64)})},
        keys=np.zeros((len(rows.labels), 32), np.uint8),
    )


def train(spec: dict[str, Any], name: str, links: Mesh) -> dict[str, Any]:
    """Plan, load, train; what was measured."""
    component, plans = Glm(), planning(spec["rows"], spec["columns"])
    facts = planning(spec["rows"], spec["columns"])
    plan: StepPlan = component.plan(plans, PARAMS)
    has_data = name in PARTIES
    frames = {"all": frame(facts, name)} if has_data else {}
    published: dict[str, bytes] = {}
    looks = 0

    def progress(done: int, total: int, what: str, *, unit: str | None = None) -> None:
        del total, what, unit
        nonlocal looks
        looks = max(looks, done)

    context = RunContext(
        engine="fl",
        step=STEP,
        me=name,
        parties=PARTIES,
        dealer=None,
        receivers=RECEIVERS,
        mesh=links,
        plan=plan,
        planning=facts,
        id_key=bytes(32),
        datasets={},
        frames=frames,
        models={},
        progress=progress,
        publish=lambda kind, _, content, __: published.__setitem__(kind, content),
    )
    meet(links, "begin")
    started, processor = time.perf_counter(), time.process_time()
    with links.step(STEP, plan.sent.get(name, {})):
        if has_data:
            with summing(context):
                component.run(context, PARAMS)
        else:
            serve(context)
        depth = links.depth
    seconds = time.perf_counter() - started
    traffic = links.egress().get(STEP, {})
    return {
        "seconds": seconds,
        "processor_s": time.process_time() - processor,
        "sent": sum(count.sent for count in traffic.values()),
        "planned": sum(plan.sent.get(name, {}).values()),
        "depth": depth,
        "looks": looks,
        "memory": machine.peak(),
        "published": {kind: json.loads(content) for kind, content in published.items()},
    }


def main(spec_path: str, name: str, result_path: str) -> None:
    """Take part in one training."""
    spec = json.loads(Path(spec_path).read_text(encoding="utf-8"))
    links, listener = mesh(spec, name)
    result = train(spec, name, links)
    links.close()
    listener.close()
    Path(result_path).write_text(json.dumps(result), encoding="utf-8")
