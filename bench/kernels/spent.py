"""Where the time of a pass, or of an operation, goes: one run with clocks, by participant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bench.logistic import ours as logistic_ours
from bench.logistic import work as logistic_work
from bench.operations import ours, work
from bench.records import RESULTS, Record

PREFIX = "spent:"
PASSES = "lr_100000x100"
OWN_PASSES = 20
WORKS = tuple(
    PREFIX + name for name in (PASSES, "less_1e6", "sigmoid_1e6", "exp_1e6", "reciprocal_1e6", "matmul_512")
)

Spent = Mapping[str, Any]


def benchmark(name: str, turns: int) -> tuple[list[Record], list[dict[str, Any]]]:
    """The fastest of some runs of a work, taken apart."""
    measure = _passes if name == PREFIX + PASSES else _operation
    runs = [measure(name.removeprefix(PREFIX)) for _ in range(turns)]
    fastest = min(runs, key=lambda spent: max(one["wall"] for one in spent.values()))
    records = []
    for participant, spent in fastest.items():
        records.append(Record(f"{name}/{participant}", ours_s=spent["wall"], note=describe(spent)))
        print(f"{name}, {participant}: {spent['wall'] * 1e3:.1f} ms: {describe(spent)}", flush=True)
    return records, [dict(spent) for spent in runs]


def describe(spent: Spent) -> str:
    """In words, milliseconds."""
    named = sorted(spent["by_kernel"].items(), key=lambda item: -item[1])
    kernels = ", ".join(f"{name} {_ms(seconds)}" for name, seconds in named if seconds > 1e-4)
    return (
        f"kernels {_ms(spent['kernels'])} ms{f' ({kernels})' if kernels else ''}, TLS and sockets "
        f"{_ms(spent['wire'])}, rest of Python and NumPy {_ms(spent['other'])}, "
        f"waiting {_ms(spent['waiting'])}; the links' own threads {_ms(spent['links'])}; "
        f"processor in all {_ms(spent['processor'])}"
    )


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:.1f}"


def _passes(name: str) -> dict[str, Spent]:
    (known,) = (one for one in logistic_work.WORKS if one.name == name)
    sized = replace(known, own_passes=OWN_PASSES)
    data, folder = logistic_work.generate(sized, RESULTS / "data")
    results = logistic_ours.participants(sized, data, folder, profile=True)
    return {participant: _each(result["spent"], OWN_PASSES - 1) for participant, result in results.items()}


def _each(spent: Spent, times: int) -> Spent:
    """Of one pass."""
    kernels = {name: seconds / times for name, seconds in spent["by_kernel"].items()}
    return {key: value / times for key, value in spent.items() if key != "by_kernel"} | {"by_kernel": kernels}


def _operation(name: str) -> dict[str, Spent]:
    sized = work.sized(name)
    data = work.generate(sized, RESULTS / "data")
    results = ours.participants(sized, data, profile=True)
    return {participant: result["runs"][-1]["spent"] for participant, result in results.items()}
