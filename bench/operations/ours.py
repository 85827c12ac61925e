"""Coterie's side: two parties and a dealer, each a process of its own, over TLS links."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from bench.line import LOOPBACK, Shape
from bench.operations.ours_party import PARTIES
from bench.operations.side import Run
from bench.operations.work import Data, Floats, Work, difference
from bench.participants import DEALER, specification
from bench.processes import calling, run_together
from bench.shaper import shaped
from coterie.mpc import Network

SIDE = "coterie mpc"
NAMES = (*PARTIES, DEALER)
FRAC = 18
LOCAL = (1e-4, 1.25e9)
"""Latency and bandwidth of loopback, as a node would measure it: seconds, bytes a second."""
SECONDS = 900


def measure(work: Work, data: Data, shape: Shape = LOOPBACK) -> Run:
    """Run a work in fresh processes; the last of its repeats.

    The time is from the first party's beginning to the last one's end: masks, openings, dealing, all of it.
    It leaves out agreeing on seeds before and the inputs' sharing. Bytes and rounds are the plan's, after a
    check that each process has sent exactly those.

    :param shape: of the lines between all three.
    :raises RuntimeError: where a process fails, or plan and fact differ.
    """
    results = participants(work, data, shape)
    repeats = [{name: results[name]["runs"][index] for name in NAMES} for index in range(_count(results))]
    for one in repeats:
        _check(one)
    last = repeats[-1]
    sent = {name: sum(last[name]["sent"].values()) for name in NAMES}
    return Run(
        side=SIDE,
        seconds=_seconds(last),
        sent=sum(sent.values()),
        error=difference(work, _result(data.folder, last[PARTIES[0]]["frac"]), data.truth),
        rounds=max(last[name]["rounds"][1] for name in PARTIES),
        dealt=sent[DEALER],
        first_s=_seconds(repeats[0]),
        memory=max(results[name]["memory"] for name in PARTIES),
    )


def participants(work: Work, data: Data, shape: Shape = LOOPBACK, **more: Any) -> dict[str, dict[str, Any]]:
    """What every participant tells of all repeats, by name.

    :param more: for the specification: ``profile`` to tell what time was spent on.
    """
    _share(data)
    with tempfile.TemporaryDirectory(prefix="coterie-bench-") as homes, shaped(shape) as shaper:
        spec = specification(NAMES, Path(homes), shaper)
        spec |= {"work": asdict(work), "folder": str(data.folder), "network": _network(shape)} | more
        path = data.folder / "ours.json"
        path.write_text(json.dumps(spec), encoding="utf-8")
        commands = {name: calling("bench.operations.ours_party", path, name) for name in NAMES}
        return {name: done.result for name, done in run_together(commands, data.folder, SECONDS).items()}


def _network(shape: Shape) -> dict[str, float]:
    """What the plan is made for: choices between protocols depend on it."""
    measured = (shape.one_way or LOCAL[0], shape.bytes_per_second or LOCAL[1])
    return Network.of(*measured).to_dict()


def _count(results: Mapping[str, Any]) -> int:
    return len(results[DEALER]["runs"])


def _seconds(participants: Mapping[str, Any]) -> float:
    ended = max(participants[name]["ended"] for name in PARTIES)
    return float(ended - min(participants[name]["began"] for name in NAMES))


def _check(participants: Mapping[str, Any]) -> None:
    """Plan and fact are the same."""
    for name, one in participants.items():
        if one["planned"] != one["sent"]:
            raise RuntimeError(f"{name} sent {one['sent']} and had planned {one['planned']}")
        if one["rounds"][0] != one["rounds"][1]:
            raise RuntimeError(f"{name} used {one['rounds'][1]} rounds and had planned {one['rounds'][0]}")


def _share(data: Data) -> None:
    """Random shares of the inputs, as an earlier run would have left them."""
    generator = np.random.default_rng()
    for index, values in enumerate(data.inputs):
        words = np.rint(values * 2.0**FRAC).astype(np.int64).view(np.uint64)
        mask = generator.integers(0, 2**64, words.shape, dtype=np.uint64)
        for name, share in zip(PARTIES, (mask, words - mask), strict=True):
            np.save(data.folder / f"x{index}.{name}.npy", share)


def _result(folder: Path, frac: int | None) -> Floats:
    """The value that the parties' shares stand for: words that add up, or truth values."""
    left, right = (np.load(folder / f"result.{name}.npy") for name in PARTIES)
    if left.dtype == np.uint8:
        return np.asarray((left ^ right).astype(np.float64))
    return np.asarray((left + right).view(np.int64) / 2.0 ** (frac or 0))
