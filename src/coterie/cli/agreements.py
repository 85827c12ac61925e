"""``coterie agreement``: terms, signatures, revocation."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text

from coterie.client import Client
from coterie.crypto import digest
from coterie.node import AgreementView

from .modules import print_source
from .output import facts, say, short, show, state_text, table, when
from .privacy import spent
from .state import State, read_text, reading, state_of

app = typer.Typer(no_args_is_help=True)

Agreement = Annotated[str, typer.Argument(help="Name or id.")]


@app.command()
def draft(context: typer.Context, file: Annotated[Path, typer.Argument(help="The terms, YAML.")]) -> None:
    """Check the terms and keep them as a draft. Keys of parties are filled in from the peers known here."""
    state = state_of(context)
    with state.client() as client, reading(file):
        _tell(state, client.draft_agreement(read_text(file)))


def _step(name: str, summary: str) -> None:
    """A command that takes one step with one agreement."""

    def command(context: typer.Context, agreement: Agreement) -> None:
        state = state_of(context)
        with state.client() as client:
            call = getattr(Client, f"{name}_agreement")
            _tell(state, call(client, agreement))

    app.command(name, help=summary)(command)


_step("offer", "Send a draft to its other parties, to read and sign.")
_step("sign", "Sign the terms in this party's name, and send the signature to the others.")
_step("sync", "Ask the other parties now for signatures and revocations.")


@app.command()
def revoke(
    context: typer.Context,
    agreement: Agreement,
    reason: Annotated[str, typer.Option(help="Told to the other parties.")] = "",
) -> None:
    """End an agreement. Running jobs under it are cancelled."""
    state = state_of(context)
    with state.client() as client:
        _tell(state, client.revoke_agreement(agreement, reason))


@app.command("list")
def list_agreements(context: typer.Context) -> None:
    """All agreements that this node knows."""
    state = state_of(context)
    with state.client() as client:
        found = client.agreements()
    if show(state, found):
        return
    if not found:
        say("No agreements yet. `coterie agreement draft FILE` begins one.")
        return
    rows = [
        (
            one.name,
            state_text(one.state),
            ", ".join(one.missing) or "nobody",
            f"{one.runs_used} of {one.terms.get('max_runs', '?')}",
            when(one.terms.get("expires")),
            short(one.id),
        )
        for one in found
    ]
    table("Agreements", ("name", "state", "still to sign", ">runs", "|expires (UTC)", "|id"), rows)


@app.command("show")
def show_agreement(context: typer.Context, agreement: Agreement) -> None:
    """What is signed: who, which columns, which steps, which results to whom. `--json` has every word."""
    state = state_of(context)
    with state.client() as client:
        view = client.agreement(agreement)
    if not show(state, view):
        facts(_title(view), (*_terms(view.terms), *_standing(view)))


@app.command("modules")
def agreed_modules(
    context: typer.Context,
    agreement: Agreement,
    module: Annotated[str, typer.Argument(help="Name of one, to print its source.")] = "",
) -> None:
    """The users' modules that jobs may run under it. Read their sources before you sign."""
    state = state_of(context)
    with state.client() as client:
        found = [one for one in client.agreed_modules(agreement) if module in ("", one.name)]
        if module and found:
            print_source(state, client.module(found[0].sha256))
            return
    if show(state, found):
        return
    if not found:
        say(f"{agreement} lists no module{f' {module}' if module else ''}.")
        return
    rows = [
        (one.name, one.purpose, f"{one.size:,}", "yes" if one.here else "no", one.sha256) for one in found
    ]
    table("Modules", ("name", "what for", ">bytes", "file here", "|sha256"), rows)


@app.command("compare")
def compare_agreements(context: typer.Context, first: Agreement, second: Agreement) -> None:
    """Say in words how the terms of two agreements differ."""
    from coterie.agreement import Terms, compare  # loads more than the other commands need

    with state_of(context).client() as client:
        terms = [
            Terms.model_validate_json(json.dumps(client.agreement(one).terms)) for one in (first, second)
        ]
    for sentence in compare(*terms) or ["They do not differ."]:
        say(sentence)


def _tell(state: State, view: AgreementView) -> None:
    """Where the agreement stands after a step, and what comes next."""
    if not show(state, view):
        facts(_title(view), (*_standing(view), ("next", _next(view))))


def _title(view: AgreementView) -> Text:
    return Text.assemble((view.name, "bold"), "   ", state_text(view.state))


def _standing(view: AgreementView) -> Iterator[tuple[str, object]]:
    yield "id", short(view.id)
    yield "drafted by", view.drafted_by
    yield "signed by", ", ".join(view.signed_by) or "nobody yet"
    yield "still to sign", ", ".join(view.missing)
    yield "said yes here", ", ".join(view.persons)
    yield "not reached yet", ", ".join(view.not_offered_to) if view.state != "draft" else ""
    yield "runs", f"{view.runs_used} of {view.terms.get('max_runs', '?')} used"
    for budget in view.privacy:
        jobs = f"{budget.jobs} job{'s' * (budget.jobs != 1)}"
        yield f"privacy of {budget.owner}", f"{budget.dataset}: epsilon {spent(budget)}, {jobs}"
    for one in view.revocations:
        yield "revoked", f"by {one.party}, {when(one.time)} UTC" + (f": {one.reason}" if one.reason else "")


def _next(view: AgreementView) -> str:
    if view.state == "draft":
        return f"coterie agreement offer {view.name}"
    if view.state == "offered":
        each = "each of " * (len(view.missing) > 1)
        return f"{each}{', '.join(view.missing)}: coterie agreement sign {view.name}"
    return ""


def print_terms(title: str, terms: Mapping[str, Any]) -> None:
    """Print what is signed."""
    facts(title, _terms(terms))


def _terms(terms: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    """The terms as a person reads them. Everything that the parties sign is in it, but for the keys."""
    keys = {**terms["parties"], **(terms.get("services") or {})}
    for name, key in keys.items():
        role = "party" if name in terms["parties"] else "service"
        yield role, f"{name}, {short(digest(bytes.fromhex(key)))}"
    yield "dealer", terms.get("dealer")
    yield "coordinator", terms.get("coordinator")
    for one in terms["datasets"]:
        label = f"; label {one['label']}" if one.get("label") else ""
        columns = ", ".join(one["columns"]) or "none"
        ids = one["id"] if isinstance(one["id"], str) else ", ".join(one["id"])
        yield f"data of {one['owner']}", f"{one['name']}: id {ids}{label}; columns {columns}{_privacy(one)}"
    yield "steps", "\n".join(_component(one) for one in terms["components"])
    yield "engines", ", ".join(terms["engines"]) or "none"
    yield "lookups", "\n".join(_lookup(one) for one in terms.get("lookups") or ())
    yield "modules", "\n".join(_module(one) for one in terms.get("modules") or ())
    for title, name in (("attested runs", "tee"), ("attested dealer", "dealer_tee")):
        if section := terms.get(name):
            yield title, "\n".join(_attested(section))
    yield "results", "\n".join(f"{one['kind']} to {', '.join(one['to'])}" for one in terms["results"])
    other_people = set(terms["engines"]) <= {"fl", "clear"}
    which = "of each dataset" if other_people else "common rows, and as many of each dataset"
    yield "rows", f"at least {terms['min_rows']:,} {which}"
    yield "groups", f"at least {terms['min_group']:,} rows" if terms.get("min_group") else ""
    yield "valid", f"{when(terms['not_before'])} to {when(terms['expires'])} UTC"
    approval = terms.get("approval") or {}
    yield "approval", ", ".join(f"{party}: {approval.get(party, 'person')}" for party in terms["parties"])


def _privacy(dataset: Mapping[str, Any]) -> str:
    budget = dataset.get("privacy")
    if not budget:
        return ""
    told = f"; each {budget['unit']} is private to epsilon {budget['epsilon']:g}, delta {budget['delta']:g}"
    return told + (f", of {budget['colluding']} who collude" if budget.get("colluding") else "")


def _lookup(one: Mapping[str, Any]) -> str:
    limits = f"{one['max_ids']:,} ids each, {one['per_minute']:,} in a minute"
    return f"{', '.join(one['to'])} in {one['dataset']} of {one['owner']}: {limits}"


def _module(one: Mapping[str, Any]) -> str:
    return f"{one['name']}: {one['purpose']} ({one['size']:,} bytes, sha256 {one['sha256']})"


PLATFORM = ("types", "simulated", "chips")
"""What is said of a platform in words; the rest of it is listed."""


def _attested(section: Mapping[str, Any]) -> Iterator[str]:
    """A section on attested execution. Measurements are whole: people compare them."""
    platform = section["platform"]
    where = f"at {section['host']}, on " if section.get("host") else "on "
    chips = "any machine" if platform["chips"] == "any" else f"machines {', '.join(platform['chips'])}"
    yield f"{where}{', '.join(platform['types'])}; {chips}"
    if platform["simulated"]:
        yield "SIMULATED platforms count: they prove nothing of the machine"
    others = [f"{name} {_plain(value)}" for name, value in platform.items() if name not in PLATFORM]
    yield "; ".join(others)
    for kind, sets in section["measurements"].items():
        for one in sets:
            yield f"{kind}: " + "; ".join(f"{name} {value}" for name, value in one.items())
    for root in section.get("simulated_roots") or ():
        yield f"simulated root {root}"
    if "max_output_bytes" in section:
        yield f"at most {section['max_output_bytes']:,} bytes of results of one kind and step"
        apart = f", {section['min_interval']:,} s apart" if section["min_interval"] else ""
        yield f"keys released at most {section['attempts']} times for a job{apart}"


def _plain(value: object) -> str:
    """A field of a platform's policy, without the marks of JSON where it needs none."""
    if value is None or isinstance(value, bool) or value in ({}, []):
        return "yes" if value else "no" if value is False else "none"
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return json.dumps(value)


def _component(component: Mapping[str, Any]) -> str:
    bounds = [f"{name} {_bound(one)}" for name, one in (component.get("params") or {}).items()]
    name: str = component["name"]
    return f"{name}: {'; '.join(bounds)}" if bounds else f"{name}, with its defaults"


def _bound(bound: Mapping[str, Any]) -> str:
    """A parameter's bound in words."""
    if bound.get("any"):
        return "any"
    if bound.get("equals") is not None:
        return f"= {bound['equals']}"
    if bound.get("one_of") is not None:
        return " or ".join(map(str, bound["one_of"]))
    ends = (("from", "min"), ("up to", "max"))
    words = [f"{word} {bound[key]:g}" for word, key in ends if bound.get(key) is not None]
    return " ".join(words) or "any"
