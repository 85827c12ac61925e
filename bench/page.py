"""Write docs/speed.md and its pictures from the results: ``python -m bench.page docs/speed.md``.

Sections of benchmarks that have no results in build/bench stay as the page has them.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bench import plots
from bench.records import RESULTS, faults

HEAD = """# Speed

Every table is one command, with the machine it ran on; `ratio` is how many times faster Coterie is than the
peer, measured in the same run, in turn, medians. Run it yourself: the commands are beside the numbers, and
`build/bench/` then holds the records and every single measurement. This page is written by
`python -m bench.page`.
"""

BEST = """## In short

Our time beside those of SPU: of all its settings and ways that were measured, each than which no other with
as many parties is both faster and more exact. Errors as in the tables below; bytes are all processes'.

| work | ours | error | SPU | times ours | its error | its bytes, times ours |
|---|---|---|---|---|---|---|
"""

COLUMNS = ("work", "peer", "ratio", "ours_s", "peer_s", "ours_bytes", "peer_bytes", "rounds", "error")
SPU, PROTOCOLS = "spu", ("semi2k", "aby3")

SECTION, SHORT = "\n## ", "In short"

Records = Sequence[Mapping[str, Any]]


def merged(before: str, now: str) -> str:
    """The page before, with the sections that there are now in place of its own, in the order of names."""
    head, *sections = now.split(SECTION)
    kept = {one.partition("\n")[0]: one.rstrip("\n") for one in (*before.split(SECTION)[1:], *sections)}
    order = sorted(kept, key=lambda name: (name != SHORT, name))
    return SECTION.join([head.rstrip("\n") + "\n", *(kept[name] + "\n" for name in order)])


def page(results: Path, pictures: Path) -> str:
    """The page, of all results files in a folder.

    :param pictures: where its pictures go, a folder beside the page.
    """
    found = {}
    for path in sorted(results.glob("*.json")):
        if not path.name.endswith(".details.json"):
            records = json.loads(path.read_text(encoding="utf-8"))
            if wrong := faults(records):
                raise ValueError(f"{path}: {'; '.join(wrong)}")
            details = json.loads(path.with_suffix(".details.json").read_text(encoding="utf-8"))
            found[path.stem] = (records, details)
    lines = [line for records, details in found.values() for line in _short(records, details["runs"])]
    parts = [HEAD, BEST + "\n".join(lines) + "\n" if lines else ""]
    parts += [_section(name, records, details, pictures) for name, (records, details) in found.items()]
    return "\n".join(part for part in parts if part)


def _short(records: Records, runs: Records) -> list[str]:
    """Rows of the summary."""
    errors: dict[tuple[str, str], float] = {}
    for run in runs:
        if run.get("error") is not None:
            key = run["work"], run["side"]
            errors[key] = max(errors.get(key, 0.0), run["error"])
    lines = []
    for work in dict.fromkeys(record["work"] for record in records if "/" not in record["work"]):
        for protocol in PROTOCOLS:
            peers = [
                (record["peer_s"], errors.get((work, record["peer"]), 0.0), record)
                for record in records
                if record["work"] == work
                and record["ratio"]
                and record["peer"].startswith(SPU)
                and protocol in record["peer"]
            ]
            best = [one for one in peers if not any(_better(other, one) for other in peers)]
            lines += [_line(record, error) for _, error, record in sorted(best, key=lambda one: one[0])]
    return lines


def _better(one: tuple[float, float, Any], than: tuple[float, float, Any]) -> bool:
    """Whether it is faster and at least as exact, or as fast and more exact."""
    return one[0] <= than[0] and one[1] <= than[1] and one[:2] != than[:2]


def _line(record: Mapping[str, Any], error: float) -> str:
    ours, theirs = record["ours_bytes"], record["peer_bytes"]
    cells = [
        record["work"],
        f"{record['ours_s']:.3g} s",
        _cell("error", record["error"]),
        f"{record['peer']}: {record['peer_s']:.3g} s",
        f"**{record['ratio']:.1f}**",
        f"{error:.2g}",
        f"{theirs / ours:.1f}" if theirs and ours else "",
    ]
    return "| " + " | ".join(cells) + " |"


def _section(name: str, records: Records, details: Mapping[str, Any], pictures: Path) -> str:
    module = importlib.import_module(f"bench.{name}")
    in_table = getattr(module, "NOTES_IN_TABLE", False)
    columns = [name for name in COLUMNS if any(record[name] is not None for record in records)]
    columns += ["note"] if in_table else []
    lines = [
        f"## {name}",
        "",
        f"`make bench NAME={name}`, {_conditions(details['works'])}.",
        "",
        module.METHOD,
        "",
        *(
            line
            for one in _drawn(name, records, pictures)
            for line in (f"![{name}]({pictures.name}/{one.name})", "")
        ),
        "| " + " | ".join(columns) + " |",
        "|---" * len(columns) + "|",
    ]
    lines += [
        "| " + " | ".join(_cell(column, record[column]) for column in columns) + " |" for record in records
    ]
    notes = [] if in_table else _notes(records)
    return "\n".join([*lines, "", *notes, *([""] if notes else [])])


def _drawn(name: str, records: Records, pictures: Path) -> list[Path]:
    """Pictures of a benchmark: those that it draws itself, otherwise bars of seconds."""
    draw: Callable[[Records, Path], list[Path]] | None
    draw = getattr(importlib.import_module(f"bench.{name}"), "pictures", None)
    if draw:
        return draw(records, pictures)
    picture = pictures / f"speed-{name}.svg"
    return [picture] if plots.draw(records, picture) else []


def _notes(records: Records) -> list[str]:
    return list(
        dict.fromkeys(
            f"- {', '.join(filter(None, (one['work'], one['peer'])))}: {one['note']}"
            for one in records
            if one["note"]
        )
    )


def _conditions(works: Mapping[str, Any]) -> str:
    """Turns and machine, each fact once, with all its values where works differ."""
    facts: dict[str, list[str]] = {}
    for how in works.values():
        for what, value in [("turns", str(how["turns"])), *how["environment"].items()]:
            values = facts.setdefault(what, [])
            if value not in values:
                values.append(value)
    return "; ".join(f"{what} {' or '.join(values)}" for what, values in facts.items())


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
    target = Path(sys.argv[1])
    before = target.read_text(encoding="utf-8") if target.exists() else ""
    target.write_text(merged(before, page(RESULTS, target.parent / "pictures")), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
