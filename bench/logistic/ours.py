"""Coterie's side: two parties and a dealer, each a process of its own, over TLS links on loopback."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.line import LOOPBACK, Shape
from bench.logistic import ours_party
from bench.logistic.side import Run
from bench.logistic.work import Data, Work
from bench.participants import DEALER, specification
from bench.processes import calling, run_together
from bench.shaper import shaped
from coterie.learn.logistic import Logistic

SIDE = "coterie mpc"
NAMES = (*ours_party.PARTIES, DEALER)
SECONDS = 900


def measure(work: Work, data: Data, folder: Path, truth: NDArray[np.float64], shape: Shape = LOOPBACK) -> Run:
    """Train once, in fresh processes.

    The time of a pass is taken from the second pass to the last: what goes before the second pass, less one
    pass, is the time of sharing the inputs. Bytes and rounds are the plan's, after a check that each process
    has sent exactly those.

    :param truth: coefficients, intercept first, of ``work.own_passes`` passes in float64.
    :param shape: of the lines between all three.
    :raises RuntimeError: where a process fails, or plan and fact differ.
    """
    results = participants(work, data, folder, shape)
    for name, result in results.items():
        if {p: n for p, n in result["planned"].items() if n} != result["sent"]:
            raise RuntimeError(f"{name} sent {result['sent']} and had planned {result['planned']}")
        if result["rounds"][0] != result["rounds"][1]:
            raise RuntimeError(
                f"{name} used {result['rounds'][1]} rounds and had planned {result['rounds'][0]}"
            )
    parties = [results[name] for name in ours_party.PARTIES]
    passes = work.own_passes
    pass_s = max(
        (one["marks"]["coefficients"] - one["marks"][f"pass 2 of {passes}"]) / (passes - 1) for one in parties
    )
    input_s = max(one["marks"][f"pass 2 of {passes}"] - one["began"] for one in parties) - pass_s
    pass_bytes, rounds = _marginal(_spec(work, data, folder))
    total = sum(sum(result["sent"].values()) for result in results.values())
    coefficients = _coefficients(results["left"]["coefficients"])
    return Run(
        side=SIDE,
        pass_s=pass_s,
        pass_bytes=pass_bytes,
        rounds=rounds,
        input_s=input_s,
        input_bytes=total - passes * pass_bytes,
        error=float(np.abs(coefficients - truth).max()),
        memory=max(one["memory"] for one in parties),
        loaded=max(one["loaded"] for one in parties),
        dealer_memory=results[DEALER]["memory"],
    )


def participants(
    work: Work, data: Data, folder: Path, shape: Shape = LOOPBACK, **more: Any
) -> dict[str, dict[str, Any]]:
    """What every participant tells of one training, by name.

    :param more: for the specification: ``profile`` to tell what time was spent on.
    """
    with tempfile.TemporaryDirectory(prefix="coterie-bench-") as homes, shaped(shape) as shaper:
        spec = specification(NAMES, Path(homes), shaper) | _spec(work, data, folder) | more
        path = folder / "ours.json"
        path.write_text(json.dumps(spec), encoding="utf-8")
        commands = {name: calling("bench.logistic.ours_party", path, name) for name in NAMES}
        return {name: done.result for name, done in run_together(commands, folder, SECONDS).items()}


def _spec(work: Work, data: Data, folder: Path) -> dict[str, Any]:
    return {
        "folder": str(folder),
        "rows": work.rows,
        "widths": {"left": work.left, "right": work.columns - work.left},
        "passes": work.own_passes,
        "step": work.step,
        "bound": float(np.ceil(np.abs(data.features).max())),
    }


def _marginal(spec: dict[str, Any]) -> tuple[int, int]:
    """Bytes that all processes send in a pass, and its rounds: the mean over as many passes again."""
    sent, rounds = [], []
    for passes in (spec["passes"], 2 * spec["passes"]):
        facts = ours_party.planning(spec["rows"], spec["widths"], spec["bound"])
        plan = Logistic().plan(facts, ours_party.params(spec["step"], spec["rows"], passes))
        sent.append(sum(sum(targets.values()) for targets in plan.sent.values()))
        rounds.append(max(plan.rounds.values()))
    return round((sent[1] - sent[0]) / spec["passes"]), round((rounds[1] - rounds[0]) / spec["passes"])


def _coefficients(published: str) -> NDArray[np.float64]:
    """Intercept first, then in model order, from the published result."""
    content = json.loads(published)
    values = [content["intercept"]]
    for party in ours_party.PARTIES:
        named = content["coefficients"][party]
        values += [named[f"{party}{index}"] for index in range(len(named))]
    return np.asarray(values, dtype=np.float64)
