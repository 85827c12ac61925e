"""A plan on the terminal: the steps, the bytes, and who learns what."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from coterie.node import PlanView

from .output import amount, console, drawn_table, say, short, table

__all__ = ["print_plan"]


def print_plan(view: PlanView) -> None:
    """The plan as tables: steps, bytes, choices, what parties learn, and the tapes' own words for it."""
    summary: dict[str, Any] = view.summary
    rows = list(_steps(view.document))
    drawn = drawn_table(
        f"Plan of “{view.document['name']}”, {short(view.digest)}",
        ("|step", ">rounds", ">bytes", ">memory", ">seconds", "how"),
        rows,
    )
    total = sum(count for to in summary["sent"].values() for count in to.values())
    drawn.add_section()
    drawn.add_row(
        "all",
        f"{summary['rounds']:,}",
        f"≤ {amount(total)}",
        f"≤ {amount(summary['memory'])}",
        f"≈ {summary['seconds']:.1f}",
        "",
    )
    console.print(drawn)
    for party, count in summary["dealt"].items():
        say(f"In the tape file of {party}, dealt before the run: ≤ {amount(count)}.")
    if summary["disk"]:
        say(f"On each party's own disk, until the job ends: ≤ {amount(summary['disk'])}.")
    for helper in _helpers(view.document):
        say(f"It rests on {helper}.")
    for guest in view.document.get("guests", ()):
        deals = "deals random numbers, " if guest == view.document["dealer"] else ""
        say(f"{guest} has no data in this job: it {deals}receives results, and computes nothing.")
    say("stage-…: the parties compare their plans, for the sizes known by then. ≤: for the largest sizes.")
    sent = [
        (source, target, f"≤ {amount(n)}")
        for source, to in summary["sent"].items()
        for target, n in to.items()
    ]
    table("What will be sent", ("|from", "|to", ">bytes"), sent, apart=True)
    choices = [
        (step["step"], choice)
        for stage in view.document["stages"]
        for step in stage["steps"]
        for choice in step["choices"]
    ]
    if choices:
        table("What was chosen by the network", ("|step", "choice"), choices, apart=True)
    learned = _learned(view.document)
    table("What each party will learn", ("|party", "|step", ">values", "what"), learned, apart=True)
    disclosed = list(_disclosed(view.document))
    if disclosed:
        width = 5 if any(row[-1] for row in disclosed) else 4
        columns = ("|step", ">values", "value", "to", "note")[:width]
        table("What the programs disclose", columns, [row[:width] for row in disclosed], apart=True)


def _steps(document: Mapping[str, Any]) -> Iterator[tuple[object, ...]]:
    for stage in document["stages"]:
        bound = "" if stage["exact"] else "≤ "
        for step in stage["steps"]:
            sent = sum(count for targets in step["sent"].values() for count in targets.values())
            statement = step["statement"] or {}
            yield (
                step["step"],
                max(step["rounds"].values(), default=0),
                bound + amount(sent) if sent else "none",
                bound + amount(step["memory"]) if step["memory"] else "",
                f"{step['seconds']:.1f}",
                statement.get("protocol", ""),
            )


def _helpers(document: Mapping[str, Any]) -> Iterable[str]:
    """What steps rest on beside the parties, such as a dealer: each once."""
    steps = (step for stage in document["stages"] for step in stage["steps"])
    told = ((step["statement"] or {}).get("helper") for step in steps)
    return dict.fromkeys(helper for helper in told if helper)


def _learned(document: Mapping[str, Any]) -> Iterator[tuple[object, ...]]:
    """By party: every reveal of every step."""
    dealer = [document["dealer"]] if document["dealer"] else []
    for party in dict.fromkeys((*document["parties"], *dealer, *document.get("guests", ()))):
        first = True
        for stage in document["stages"]:
            bound = "" if stage["exact"] else "≤ "
            for step in stage["steps"]:
                for reveal in step["reveals"]:
                    if party in reveal["to"]:
                        yield (
                            party if first else "",
                            step["step"],
                            f"{bound}{reveal['values']:,}",
                            reveal["what"],
                        )
                        first = False
        if first:
            yield party, "", "", "nothing"


def _disclosed(document: Mapping[str, Any]) -> Iterator[tuple[object, ...]]:
    """By step: every value that a tape lets out, and what the program notes of it, such as its noise."""
    for stage in document["stages"]:
        bound = "" if stage["exact"] else "≤ "
        for step in stage["steps"]:
            for place, value in enumerate(step["disclosed"]):
                name, to, note = value["name"], ", ".join(value["to"]), value["note"]
                yield "" if place else step["step"], f"{bound}{value['values']:,}", name, to, note
