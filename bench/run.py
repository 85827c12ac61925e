"""Run one benchmark: ``python -m bench.run NAME`` writes build/bench/NAME.json and prints it.

What stands behind the medians (every single run, and the machine) goes to build/bench/NAME.details.json. Both
are written after each work: works that were measured before, and are not asked for now, stay.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from bench import machine, records
from bench.records import Record

NAMES = sorted(path.parent.name for path in Path(__file__).parent.glob("*/__init__.py"))


def main() -> int:
    """Parse the command line, run, write."""
    parser = argparse.ArgumentParser(prog="python -m bench.run", description=__doc__)
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("--turns", type=int, default=3, help="measurements of each side, in turn (default 3)")
    parser.add_argument("--work", action="append", help="only this work; may be given several times")
    parser.add_argument("--without", action="append", default=[], help="leave out this side, such as spu")
    options = parser.parse_args()

    for what, value in machine.describe().items():
        print(f"{what}: {value}")
    module = importlib.import_module(f"bench.{options.name}")
    path = None
    for works in portions(module, options.work):
        environment = machine.describe()
        found, runs = module.benchmark(turns=options.turns, works=works, without=frozenset(options.without))
        measured = works or list(dict.fromkeys(base(record.work) for record in found))
        conditions = {work: {"environment": environment, "turns": options.turns} for work in measured}
        path = write(options.name, found, runs, conditions)
    if path is None:
        print("no work of that name", file=sys.stderr)
        return 2
    content = [Record(**record) for record in json.loads(path.read_text(encoding="utf-8"))]
    print(f"\n{records.table(content)}\n\nwritten: {path}")
    return 0


def portions(module: ModuleType, works: Sequence[str] | None) -> list[list[str] | None]:
    """The works of each call of the benchmark: one by one, where it says which there are."""
    names = getattr(module, "works", None)
    if names is None:
        return [None if works is None else list(works)]
    return [[work] for work in (names() if works is None else dict.fromkeys(works))]


def base(work: str) -> str:
    """The work that a record belongs to: ``lr_100000x100`` for ``lr_100000x100/input``."""
    return work.partition("/")[0]


def write(
    name: str,
    found: Sequence[Record],
    runs: Sequence[dict[str, Any]],
    conditions: dict[str, Any],
    directory: Path = records.RESULTS,
) -> Path:
    """Put what was found in the place of what the files say of the same works.

    :param conditions: by work, under which it was measured now.
    """
    path = directory / f"{name}.json"
    details_path = path.with_suffix(".details.json")
    before: list[Record] = []
    details: dict[str, Any] = {"works": {}, "runs": []}
    if path.exists() and details_path.exists():
        known = json.loads(details_path.read_text(encoding="utf-8"))
        if "works" in known:
            details = known
            kept = json.loads(path.read_text(encoding="utf-8"))
            before = [Record(**record) for record in kept if base(record["work"]) not in conditions]
    details = {
        "works": {work: how for work, how in details["works"].items() if work not in conditions} | conditions,
        "runs": [run for run in details["runs"] if run.get("work") not in conditions] + list(runs),
    }
    path = records.write(name, [*before, *found], directory)
    details_path.write_text(json.dumps(details, indent=1) + "\n", encoding="utf-8")
    return path


if __name__ == "__main__":
    sys.exit(main())
