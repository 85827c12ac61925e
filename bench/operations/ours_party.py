"""One participant of Coterie's side: a process of its own, with TLS links to the others.

It runs the work's program REPEATS times, each a run of its own with new seeds and masks.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from bench import machine, profile
from bench.operations.programs import AFTERWARDS, MEASURED, program
from bench.operations.work import Input, Work
from bench.participants import DEALER, meet, mesh
from bench.profile import Clocks
from coterie.mpc import FRAC, Interval, Kept, Network, deal, run, trace
from coterie.wire import LinkMesh

PARTIES = ("left", "right")
REPEATS = 2


def shares(work: Work, folder: Path, name: str) -> dict[str, Kept]:
    """This party's shares of the inputs."""
    return {
        f"x{index}": Kept(np.load(folder / f"x{index}.{name}.npy"), FRAC, Interval(one.low, one.high))
        for index, one in enumerate(work.inputs)
    }


def once(
    work: Work, folder: Path, name: str, links: LinkMesh, step: str, network: Network, clocks: Clocks | None
) -> dict[str, Any]:
    """One run: what it took, and the share of the result at a party."""
    tape = trace(program(work), PARTIES, DEALER, network=network)
    marks: dict[str, float] = {}
    spent: dict[str, Any] = {}

    def mark(_done: int, _total: int, section: str) -> None:
        if section in marks:
            return
        if clocks and section == MEASURED:
            clocks.begin()
        if clocks and section == AFTERWARDS:
            spent.update(clocks.end())
        marks[section] = time.perf_counter()

    given = {} if name == DEALER else shares(work, folder, name)
    meet(links, f"{step} begins")
    with links.step(step, dict(tape.sent.get(name, {}))):
        if name == DEALER:
            deal(tape, links, progress=mark)
            kept = None
        else:
            kept = run(program(work), tape, links, given, progress=mark).kept["result"]
        depth = links.depth
    marks.setdefault("end", time.perf_counter())
    traffic = links.egress()[step]
    return {
        "began": marks[MEASURED],
        "ended": marks.get(AFTERWARDS, marks["end"]),
        "planned": {peer: count for peer, count in tape.sent.get(name, {}).items() if count},
        "sent": {peer: count.sent for peer, count in traffic.items() if count.sent},
        "rounds": [tape.rounds.get(name, 0), depth],
        "spent": spent,
        "kept": kept,
    }


def main(spec_path: str, name: str, result_path: str) -> None:
    """Take part in all repeats of one work."""
    spec = json.loads(Path(spec_path).read_text(encoding="utf-8"))
    given = spec["work"]
    work = Work(**given | {"inputs": tuple(Input(**one) for one in given["inputs"])})
    folder, network = Path(spec["folder"]), Network(**spec["network"])
    links, listener = mesh(spec, name)
    meet(links, "meet")
    idle = machine.resident()
    clocks = profile.install() if spec.get("profile") else None
    runs = [once(work, folder, name, links, f"run {number}", network, clocks) for number in range(REPEATS)]
    memory = machine.peak() - idle
    for one in runs:
        kept = one.pop("kept")
        if kept is not None:
            np.save(folder / f"result.{name}.npy", kept.words)
            one["frac"] = getattr(kept, "frac", None)
    links.close()
    listener.close()
    Path(result_path).write_text(json.dumps({"runs": runs, "memory": memory}), encoding="utf-8")
