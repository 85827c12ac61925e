"""One participant of Coterie's side: a process of its own, with TLS links to the others.

It runs the component ``logistic`` as a job's worker does, on features that are aligned and scaled already.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from bench import machine, profile
from bench.participants import DEALER, meet, mesh
from bench.step import context_of
from coterie.data import VerticalFrame
from coterie.learn import FrameShape, PlanContext, StepPlan
from coterie.learn.logistic import Logistic, LogisticParams
from coterie.wire import LinkMesh

STEP = "logistic"
PARTIES = ("left", "right")


def params(step: float, rows: int, passes: int) -> LogisticParams:
    """Plain gradient descent with an intercept, as the other sides do it."""
    return LogisticParams(optimizer="gradient_descent", learning_rate=step * rows, l2=0.0, passes=passes)


def planning(rows: int, widths: dict[str, int], bound: float) -> PlanContext:
    """The public facts of the work, equal at every participant."""
    columns = {party: tuple(f"{party}{index}" for index in range(widths[party])) for party in PARTIES}
    return PlanContext(
        engine="mpc",
        step=STEP,
        parties=PARTIES,
        dealer=DEALER,
        receivers={"coefficients": ("left",)},
        dataset_rows=dict.fromkeys(PARTIES, rows),
        columns=columns,
        label_holder="left",
        label="label",
        frames={"all": FrameShape(rows, columns, "left", "label", bound)},
        models={},
    )


def frame(name: str, facts: PlanContext, folder: Path) -> VerticalFrame:
    """A party's own columns, and the label at its holder."""
    features: NDArray[np.float32] = np.load(folder / f"{name}.npy", mmap_mode="r")
    values = {
        column: np.ascontiguousarray(features[:, index], dtype=np.float64)
        for index, column in enumerate(facts.columns[name])
    }
    if name == facts.label_holder:
        values[facts.label] = np.load(folder / "label.npy").astype(np.int64)
    return VerticalFrame(
        rows=len(features),
        columns=facts.columns,
        label_holder=facts.label_holder,
        label=facts.label,
        parts={name: pa.table(values)},
        keys=np.zeros((len(features), 32), np.uint8),
    )


def train(spec: dict[str, Any], name: str, links: LinkMesh) -> dict[str, Any]:
    """Plan, load, train; what was measured."""
    component = Logistic()
    given = params(spec["step"], spec["rows"], spec["passes"])
    facts = planning(spec["rows"], spec["widths"], spec["bound"])
    plan: StepPlan = component.plan(facts, given)
    meet(links, "meet")
    idle = machine.resident()
    frames = {} if name == DEALER else {"all": frame(name, facts, Path(spec["folder"]))}
    loaded = machine.resident()
    marks: dict[str, float] = {}
    """When each section of the program began."""

    clocks = profile.install() if spec.get("profile") else None
    spent: dict[str, Any] = {}

    def mark(section: str) -> None:
        if section in marks:
            return
        if clocks and section == f"pass 2 of {spec['passes']}":
            clocks.begin()
        if clocks and section == "coefficients":
            spent.update(clocks.end())
        marks[section] = time.perf_counter()

    context, published = context_of(
        plan, planning(spec["rows"], spec["widths"], spec["bound"]), name, links, frames, mark
    )
    meet(links, "begin")
    began = time.perf_counter()
    with links.step(STEP, plan.sent.get(name, {})):
        component.run(context, given)
        depth = links.depth
    ended = time.perf_counter()
    traffic = links.egress()[STEP]
    return {
        "began": began,
        "marks": marks,
        "ended": ended,
        "loaded": loaded - idle,
        "memory": machine.peak() - idle,
        "planned": dict(plan.sent.get(name, {})),
        "sent": {peer: count.sent for peer, count in traffic.items() if count.sent},
        "rounds": [plan.rounds.get(name, 0), depth],
        "spent": spent,
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
