"""One participant of a generalised linear model over sums: a process with TLS links to the others.

It runs the component ``glm`` as a job's worker does, on rows that are stacked already; the helper adds up.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

from bench import machine
from bench.fl.horizontal import PARTIES, frame, planning, running
from bench.fl.rows import part
from bench.participants import meet, mesh
from coterie.learn import serve, summing
from coterie.learn.glm import Glm, GlmParams
from coterie.wire import Mesh

STEP, HELPER = "glm", "helper"
PARAMS = GlmParams(family="logistic", statistics=True, iterations=25)
RECEIVERS = {"coefficients": PARTIES[:1], "statistics": PARTIES[:1]}


def train(spec: dict[str, Any], name: str, links: Mesh) -> dict[str, Any]:
    """Plan, load, train; what was measured."""
    component = Glm()
    plan = component.plan(planning(STEP, spec["rows"], spec["columns"], RECEIVERS, HELPER), PARAMS)
    facts = planning(STEP, spec["rows"], spec["columns"], RECEIVERS, HELPER)
    has_data = name in PARTIES
    frames = {}
    if has_data:
        rows = part(spec["rows"], spec["columns"], PARTIES.index(name))
        frames = {"all": frame(facts, rows.features, rows.labels)}
    published: dict[str, bytes] = {}
    looks = 0

    def progress(done: int, total: int, what: str, *, unit: str | None = None) -> None:
        del total, what, unit
        nonlocal looks
        looks = max(looks, done)

    context = running(
        links,
        name,
        facts,
        plan,
        frames,
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
