"""Run one benchmark: ``python -m bench.run NAME`` writes build/bench/NAME.json and prints it.

What stands behind the medians (every single run, and the machine) goes to build/bench/NAME.details.json.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from pathlib import Path

from bench import machine, records

NAMES = sorted(path.parent.name for path in Path(__file__).parent.glob("*/__init__.py"))


def main() -> int:
    """Parse the command line, run, write."""
    parser = argparse.ArgumentParser(prog="python -m bench.run", description=__doc__)
    parser.add_argument("name", choices=NAMES)
    parser.add_argument("--turns", type=int, default=3, help="measurements of each side, in turn (default 3)")
    parser.add_argument("--work", action="append", help="only this work; may be given several times")
    parser.add_argument("--without", action="append", default=[], help="leave out this side, such as spu")
    options = parser.parse_args()

    environment = machine.describe()
    for what, value in environment.items():
        print(f"{what}: {value}")
    module = importlib.import_module(f"bench.{options.name}")
    found, runs = module.benchmark(
        turns=options.turns, works=options.work, without=frozenset(options.without)
    )

    path = records.write(options.name, found)
    details = {"environment": environment, "turns": options.turns, "runs": runs}
    path.with_suffix(".details.json").write_text(json.dumps(details, indent=1) + "\n", encoding="utf-8")
    print(f"\n{records.table(found)}\n\nwritten: {path}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
