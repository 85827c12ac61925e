"""NumPy's side: the same passes in the clear, float64, block by block, in a process of its own.

python -m bench.large.plain SPEC.json RESULT.json
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np

from bench import machine
from bench.large.work import Work, block, blocks, label
from bench.logistic.work import sigmoid


def train(work: Work, folder: Path) -> tuple[list[float], list[float]]:
    """Coefficients, intercept first, and the seconds of each pass."""
    labels = label(work, folder)
    rate = float(labels.mean(dtype=np.float64))
    weights, intercept = np.zeros(work.columns), float(np.log(rate / (1 - rate)))
    seconds = []
    for _ in range(work.passes):
        began = time.perf_counter()
        gradient, total = np.zeros(work.columns), 0.0
        for start, stop in blocks(work.rows):
            features = block(work, folder, start, stop)
            error = sigmoid(intercept + features @ weights) - labels[start:stop]
            gradient += features.T @ error
            total += float(error.sum())
        weights -= work.step * gradient
        intercept -= work.step * total
        seconds.append(time.perf_counter() - began)
    return [intercept, *weights.tolist()], seconds


def main(spec: str, result: str) -> None:
    """Train once."""
    given = json.loads(Path(spec).read_text(encoding="utf-8"))
    work = Work(**given["work"])
    idle = machine.resident()
    coefficients, seconds = train(work, Path(given["folder"]))
    content = {
        "coefficients": coefficients,
        "seconds": seconds,
        "peak": machine.peak() - idle,
        "read": machine.disk_read(),
    }
    Path(result).write_text(json.dumps(content), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
