"""A plan on the terminal: the steps, the bytes, and who learns what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.table import Table

from coterie.node import PlanView

from .output import amount, cell, console, drawn_table, say, short, table

__all__ = ["print_plan"]

HOST_SEES = "nothing; it sees ciphertext, lengths and times"

ADVERSARIES = {
    "semi-honest": "parties that follow the protocol and keep all they see (semi-honest)",
    "malicious": "parties that do not follow the protocol, too (malicious)",
    "malicious, for what is learnt of values; a total may be wrong unnoticed": (
        "parties and a coordinator that do not follow the protocol, as to what they learn of others' values; "
        "they can make a total wrong unnoticed"
    ),
}
"""What a step's statement says, in words. Steps that send nothing, and attested ones, say something else."""


def print_plan(view: PlanView) -> None:
    """The plan as tables: steps, bytes, choices, what parties learn, and the tapes' own words for it."""
    document = view.document
    attested = bool(document.get("transfers"))
    if attested:
        _print_attested(view)
    else:
        _print_steps(view)
    sent = [
        (source, target, f"≤ {amount(n)}")
        for source, to in view.summary["sent"].items()
        for target, n in to.items()
    ]
    table("What will be sent", ("|from", "|to", ">bytes"), sent, apart=True)
    if attested:
        say(
            "That is room: for as many bytes of results as the agreement allows, for evidence, and for the "
            "record of the run. What is sent, mostly much less, is in each party's ledger."
        )
    choices = [(step["step"], choice) for _, step in _all_steps(document) for choice in step["choices"]]
    if choices:
        table("Protocols that were chosen, and why", ("|step", "choice"), choices, apart=True)
    learned = _learned(document)
    table("What each party will learn", ("|party", "|step", ">values, up to", "what"), learned, apart=True)
    noise = list(_noise(document))
    if noise:
        told = (
            "|step",
            "hides",
            ">multiplier",
            ">clipped to",
            ">sampled",
            ">sums",
            ">honest parties",
            ">colluding",
        )
        table("Noise of differential privacy", told, noise, apart=True)
    if view.privacy:
        _print_privacy(view)
    disclosed = list(_disclosed(document))
    if disclosed:
        width = 5 if any(row[-1] for row in disclosed) else 4
        columns = ("|step", ">values", "value", "to", "note")[:width]
        table("What the programs disclose", columns, [row[:width] for row in disclosed], apart=True)


def _print_privacy(view: PlanView) -> None:
    """What the job would cost of privacy budgets, and what would be left."""
    rows = []
    for one in view.privacy:
        cost, together = ("?" if number is None else f"{number:.4g}" for number in (one.cost, one.together))
        left = "?" if one.together is None else f"{max(one.epsilon - one.together, 0):.4g}"
        of = f"{together} of {one.epsilon:g}"
        rows.append((f"{one.owner}/{one.dataset}", f"each {one.unit}", cost, f"{one.delta:g}", of, left))
    columns = ("dataset", "hides", ">epsilon", ">at delta", ">with all jobs so far", ">left")
    table("What it costs of privacy budgets", columns, rows, apart=True)


def _print_steps(view: PlanView) -> None:
    """Steps in which participants send to each other, or in which one computes alone."""
    document, summary = view.document, view.summary
    drawn = drawn_table(
        _title(view), ("|step", ">rounds", ">bytes", ">memory", ">seconds", "how"), list(_steps(document))
    )
    _add_sum(drawn, "all", f"{summary['rounds']:,}", *_sums(summary))
    console.print(drawn)
    for party, count in summary["dealt"].items():
        say(f"In the tape file of {party}, dealt before the run: ≤ {amount(count)}.")
    if summary["disk"]:
        say(f"On each party's own disk, until the job ends: ≤ {amount(summary['disk'])}.")
    _say_adversaries(document)
    _say_helpers(document)
    _say_guests(document)
    say("stage-…: the parties compare their plans, for the sizes known by then. ≤: for the largest sizes.")


def _print_attested(view: PlanView) -> None:
    """Steps in one attested process, and what is sent before and after."""
    document, summary = view.document, view.summary
    drawn = drawn_table(
        _title(view), ("|step", ">bytes", ">memory", ">seconds", "how"), list(_attested_steps(document))
    )
    _add_sum(drawn, "all", *_sums(summary))
    console.print(drawn)
    say(f"The steps run at {document['host']}, in one process; while they run nobody sends.")
    _say_helpers(document)
    if summary["disk"]:
        say(f"Long tables, in memory as well: ≤ {amount(summary['disk'])}.")
    _say_guests(document)
    for owner in document.get("kept", ()):
        say(
            f"{owner} takes no part and receives nothing: a key keeper at {document['host']} releases its "
            "key, under its standing grant."
        )
    say("≤: at most, for the largest sizes.")


def _title(view: PlanView) -> str:
    return f"Plan of “{view.document['name']}”, {short(view.digest)}"


def _sums(summary: Mapping[str, Any]) -> tuple[str, str, str]:
    """Bytes, memory, seconds."""
    total = sum(count for to in summary["sent"].values() for count in to.values())
    return f"≤ {amount(total)}", f"≤ {amount(summary['memory'])}", f"≈ {summary['seconds']:.1f}"


def _add_sum(drawn: Table, *cells: str) -> None:
    drawn.add_section()
    drawn.add_row(*cells, "")


def _say_helpers(document: Mapping[str, Any]) -> None:
    """What steps rest on beside the parties, such as a dealer: each once."""
    told = ((step["statement"] or {}).get("helper") for _, step in _all_steps(document))
    for helper in dict.fromkeys(helper for helper in told if helper):
        words = cell(f"It rests on {helper}.")
        console.print(words, style="bold yellow" if "SIMULATED" in helper else None)


def _say_adversaries(document: Mapping[str, Any]) -> None:
    """Against whom steps are secure that send: a job may have steps of both kinds."""
    steps: dict[str, list[str]] = {}
    for _, step in _all_steps(document):
        adversary = (step["statement"] or {}).get("adversary", "none")
        if adversary in ADVERSARIES:
            steps.setdefault(adversary, []).append(step["step"])
    for adversary, names in steps.items():
        say(f"Secure against {ADVERSARIES[adversary]}: {', '.join(names)}.")


def _say_guests(document: Mapping[str, Any]) -> None:
    if coordinator := document.get("coordinator"):
        sees = "no party's sums" if coordinator in document["parties"] else "no sums"
        say(f"{coordinator} adds up what the parties have masked: by that it sees {sees}.")
    if least := document.get("minimum"):
        many = len(document["parties"])
        say(f"It goes on without parties that drop out, while {least} of {many} are there.")
    for guest in document.get("guests", ()):
        deals = "deals random numbers, " if guest == document["dealer"] else ""
        say(f"{guest} has no data in this job: it {deals}receives results, and computes nothing.")


def _all_steps(document: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every step of every stage, with ``≤`` where its numbers are bounds."""
    for stage in document["stages"]:
        for step in stage["steps"]:
            yield "" if stage["exact"] else "≤ ", step


def _steps(document: Mapping[str, Any]) -> Iterator[tuple[object, ...]]:
    for bound, step in _all_steps(document):
        rounds = max(step["rounds"].values(), default=0)
        yield (step["step"], rounds, _sent(bound, step), *_costs(bound, step), _protocol(step))


def _attested_steps(document: Mapping[str, Any]) -> Iterator[tuple[object, ...]]:
    """What is sent, then what is computed, then what comes back."""
    first, second, *others = document["transfers"]
    for step in (first, second):
        yield (step["step"], _sent("≤ ", step), *_costs("≤ ", step), _protocol(step))
    told = ""
    for bound, step in _all_steps(document):
        if step["component"] == "plan":  # no plans are compared: one process runs all stages
            continue
        how = _protocol(step)
        yield (step["step"], _sent(bound, step), *_costs(bound, step), "the same" if how == told else how)
        told = how
    for step in others:
        yield (step["step"], _sent("≤ ", step), *_costs("≤ ", step), _protocol(step))


def _sent(bound: str, step: Mapping[str, Any]) -> str:
    sent = sum(count for targets in step["sent"].values() for count in targets.values())
    return bound + amount(sent) if sent else "none"


def _costs(bound: str, step: Mapping[str, Any]) -> tuple[str, str]:
    """Memory and seconds."""
    return bound + amount(step["memory"]) if step["memory"] else "", f"{step['seconds']:.1f}"


def _protocol(step: Mapping[str, Any]) -> str:
    words: str = (step["statement"] or {}).get("protocol", "")
    return words


def _learned(document: Mapping[str, Any]) -> Iterator[tuple[object, ...]]:
    """By party: every reveal of every step."""
    named = (document["dealer"], document.get("host"), document.get("coordinator"))
    helpers = [one for one in named if one]
    for party in dict.fromkeys((*document["parties"], *helpers, *document.get("guests", ()))):
        first = True
        for bound, step in _all_steps(document):
            found: dict[str, int] = {}  # what is a result of two kinds is told once
            for reveal in step["reveals"]:
                if party in reveal["to"]:
                    found[reveal["what"]] = max(found.get(reveal["what"], 0), reveal["values"])
            for what, values in found.items():
                yield party if first else "", step["step"], f"{bound}{values:,}", what
                first = False
        if first:
            yield party, "", "", HOST_SEES if party == document.get("host") else "nothing"


def _noise(document: Mapping[str, Any]) -> Iterator[tuple[object, ...]]:
    """Of every total that has noise, which is enough if so many parties are honest."""
    for _, step in _all_steps(document):
        for total in step.get("totals", ()):
            if noise := total.get("noise"):
                numbers = (noise["multiplier"], noise["clip"], noise["sampling"])
                told = (f"{one:.4g}" for one in numbers)
                unit, of = f"each {noise['unit']}", f"{noise['honest']} of {noise['contributors']}"
                yield step["step"], unit, *told, f"{total['times']:,}", of, f"{noise['colluding']}"


def _disclosed(document: Mapping[str, Any]) -> Iterator[tuple[object, ...]]:
    """By step: every value that a tape lets out, and what the program notes of it, such as its noise."""
    for bound, step in _all_steps(document):
        for place, value in enumerate(step["disclosed"]):
            name, to, note = value["name"], ", ".join(value["to"]), value["note"]
            yield "" if place else step["step"], f"{bound}{value['values']:,}", name, to, note
