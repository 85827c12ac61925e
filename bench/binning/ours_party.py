"""One participant of Coterie's side: a process of its own, with TLS links to the others.

It runs the component ``bin`` as a job's worker does, on rows that are aligned already.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from bench import machine
from bench.participants import DEALER, meet, mesh
from bench.step import context_of
from coterie.data import VerticalFrame
from coterie.learn import FrameShape, PlanContext
from coterie.learn.binning import Bin, BinParams
from coterie.wire import LinkMesh

STEP = "bin"
PARTIES = ("lender", "shop")


def planning(rows: int, columns: int) -> PlanContext:
    """The public facts of the work, equal at every participant."""
    named = {"lender": (), "shop": tuple(f"x{index}" for index in range(columns))}
    return PlanContext(
        engine="mpc",
        step=STEP,
        parties=PARTIES,
        dealer=DEALER,
        receivers={"bins": ("shop",), "iv": PARTIES},
        dataset_rows=dict.fromkeys(PARTIES, rows),
        columns=named,
        label_holder="lender",
        label="label",
        frames={"all": FrameShape(rows, named, "lender", "label")},
        models={},
    )


def frame(name: str, facts: PlanContext, folder: Path) -> VerticalFrame:
    """A party's own columns, or the label at its holder."""
    values: dict[str, NDArray[Any]] = {}
    if name == facts.label_holder:
        values[facts.label] = np.load(folder / "labels.npy")
    else:
        features = np.load(folder / "features.npy", mmap_mode="r")
        for index, column in enumerate(facts.columns[name]):
            values[column] = features[:, index].astype(np.float64)
    rows = facts.frames["all"].rows
    return VerticalFrame(
        rows=rows,
        columns=facts.columns,
        label_holder=facts.label_holder,
        label=facts.label,
        parts={name: pa.table(values)},
        keys=np.zeros((rows, 32), np.uint8),
    )


def measured(spec: dict[str, Any], name: str, links: LinkMesh) -> dict[str, Any]:
    """Plan, load, bin; what was measured."""
    component, params = Bin(), BinParams.model_validate(spec["params"])
    plan = component.plan(planning(spec["rows"], spec["columns"]), params)
    facts = planning(spec["rows"], spec["columns"])
    idle = machine.resident()
    frames = {} if name == DEALER else {"all": frame(name, facts, Path(spec["folder"]))}
    context, published = context_of(plan, facts, name, links, frames)
    meet(links, "begin")
    began = time.perf_counter()
    with links.step(STEP, plan.sent.get(name, {})):
        component.run(context, params)
        depth = links.depth
    ended = time.perf_counter()
    traffic = links.egress()[STEP]
    return {
        "seconds": ended - began,
        "memory": machine.peak() - idle,
        "planned": {peer: count for peer, count in plan.sent.get(name, {}).items() if count},
        "sent": {peer: count.sent for peer, count in traffic.items() if count.sent},
        "rounds": [plan.rounds.get(name, 0), depth],
        "bins": json.loads(published["bins"]) if "bins" in published else None,
    }


def main(spec_path: str, name: str, result_path: str) -> None:
    """Take part once."""
    spec = json.loads(Path(spec_path).read_text(encoding="utf-8"))
    links, listener = mesh(spec, name)
    result = measured(spec, name, links)
    links.close()
    listener.close()
    Path(result_path).write_text(json.dumps(result), encoding="utf-8")
