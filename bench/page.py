"""Write docs/speed.md and its pictures from the results: ``python -m bench.page docs/speed.md``."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Mapping, Sequence
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

Our time beside the best that SPU does between two parties, over all its settings and ways that were measured,
the coarse ones included. ABY3 has three parties. Bytes are those that all processes send.

| work | ours | best of SPU, two parties | times | its settings | ABY3 | times | bytes, SPU / ours | error |
|---|---|---|---|---|---|---|---|---|
"""

COLUMNS = ("work", "peer", "ratio", "ours_s", "peer_s", "ours_bytes", "peer_bytes", "rounds", "error")
TWO_PARTIES, THREE_PARTIES = "semi2k", "aby3"

Records = Sequence[Mapping[str, Any]]


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
            found[path] = records
    parts = [HEAD, _summary([record for records in found.values() for record in records])]
    parts += [_section(path, records, pictures) for path, records in found.items()]
    return "\n".join(part for part in parts if part)


def _summary(records: Records) -> str:
    """Each work beside the best of SPU."""
    lines = []
    for work in dict.fromkeys(record["work"] for record in records):
        of_work = [one for one in records if one["work"] == work and one["ratio"] and "/" not in work]
        best = min(_of(of_work, TWO_PARTIES), key=lambda one: one["peer_s"], default=None)
        if best is None:
            continue
        third = min(_of(of_work, THREE_PARTIES), key=lambda one: one["peer_s"], default=None)
        most = max(one["peer_bytes"] or 0 for one in _of(of_work, TWO_PARTIES) if one["peer"] == best["peer"])
        cells = [
            work,
            f"{best['ours_s']:.3g} s",
            f"{best['peer_s']:.3g} s",
            f"**{best['ratio']:.1f}**",
            best["peer"].partition(TWO_PARTIES)[2].strip() or "default",
            f"{third['peer_s']:.3g} s" if third else "",
            f"{third['ratio']:.1f}" if third else "",
            f"{most / best['ours_bytes']:.1f}" if most and best["ours_bytes"] else "",
            _cell("error", best["error"]),
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return BEST + "\n".join(lines) + "\n" if lines else ""


def _of(records: Records, protocol: str) -> list[Mapping[str, Any]]:
    return [record for record in records if protocol in str(record["peer"])]


def _section(path: Path, records: Records, pictures: Path) -> str:
    name = path.stem
    details = json.loads(path.with_suffix(".details.json").read_text(encoding="utf-8"))
    picture = pictures / f"speed-{name}.svg"
    drawn = plots.draw(records, picture)
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
        *((f"![{name}]({pictures.name}/{picture.name})", "") if drawn else ()),
        "| " + " | ".join(columns) + " |",
        "|---" * len(columns) + "|",
    ]
    lines += [
        "| " + " | ".join(_cell(column, record[column]) for column in columns) + " |" for record in records
    ]
    notes = [] if in_table else _notes(records)
    return "\n".join([*lines, "", *notes, *([""] if notes else [])])


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
    target.write_text(page(RESULTS, target.parent / "pictures"), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
