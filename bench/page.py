"""Write docs/speed.md from the results of the benchmarks: ``python -m bench.page docs/speed.md``."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

from bench.records import RESULTS, faults

HEAD = """# Speed

Every table is one run of one command, with the machine it ran on; `ratio` is how many times faster Coterie is
than the peer, measured in the same run, in turn, medians. Run it yourself: the commands are beside the
numbers, and `build/bench/` then holds the records and every single measurement. This page is written by
`python -m bench.page`.
"""

COLUMNS = ("work", "peer", "ratio", "ours_s", "peer_s", "ours_bytes", "peer_bytes", "rounds", "error")


def page(results: Path = RESULTS) -> str:
    """The page, of all results files in a folder."""
    parts = [HEAD]
    for path in sorted(results.glob("*.json")):
        if not path.name.endswith(".details.json"):
            parts.append(_section(path))
    return "\n".join(parts)


def _section(path: Path) -> str:
    name = path.stem
    records = json.loads(path.read_text(encoding="utf-8"))
    if wrong := faults(records):
        raise ValueError(f"{path}: {'; '.join(wrong)}")
    details = json.loads(path.with_suffix(".details.json").read_text(encoding="utf-8"))
    machine = "; ".join(f"{what} {value}" for what, value in details["environment"].items())
    lines = [
        f"## {name}",
        "",
        f"`make bench NAME={name}`, {details['turns']} turns. {machine}.",
        "",
        importlib.import_module(f"bench.{name}").METHOD,
        "",
        "| " + " | ".join(COLUMNS) + " |",
        "|---" * len(COLUMNS) + "|",
    ]
    lines += [
        "| " + " | ".join(_cell(column, record[column]) for column in COLUMNS) + " |" for record in records
    ]
    notes = dict.fromkeys(f"- {r['work']}, {r['peer']}: {r['note']}" for r in records if r["note"])
    return "\n".join([*lines, "", *notes, ""])


def _cell(column: str, value: Any) -> str:
    if value is None:
        return ""
    if column.endswith("_bytes"):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.3g}"
    return str(value)


def main() -> int:
    """Write the page to the file that the command line names."""
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    Path(sys.argv[1]).write_text(page(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
