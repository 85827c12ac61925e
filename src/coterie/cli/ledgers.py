"""``coterie ledger``: what this party has written down."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, get_args

import typer

from coterie.ledger import Kind
from coterie.node import EntryView

from .jobs import find
from .output import amount, console, facts, say, short, show, table, when
from .state import state_of

app = typer.Typer(no_args_is_help=True)

KINDS = get_args(Kind)


def _known_kind(kind: str | None) -> str | None:
    if kind is not None and kind not in KINDS:
        raise typer.BadParameter(f"kinds are {', '.join(KINDS)}")
    return kind


@app.command("list")
def list_entries(
    context: typer.Context,
    kind: Annotated[
        str | None, typer.Option(callback=_known_kind, help=f"Only this kind: {', '.join(KINDS)}.")
    ] = None,
    job: Annotated[
        str | None, typer.Option(help="Only of this job: its id, first characters, or `last`.")
    ] = None,
    after: Annotated[int | None, typer.Option(help="Only entries after this number.")] = None,
    limit: Annotated[int, typer.Option(help="At most so many, the oldest of them.")] = 1000,
) -> None:
    """The entries, oldest first, one a line. `--json` has all of each."""
    state = state_of(context)
    with state.client() as client:
        wanted = None if job is None else find(client, job)
        found = client.ledger(kind=kind, job=wanted, after=after, limit=limit)
    if show(state, found):
        return
    if not found:
        say("No such entries.")
        return
    rows = [(one.seq, when(one.time), one.kind, _summary(one)) for one in found]
    table("Ledger", (">entry", "|time (UTC)", "|kind", "what"), rows)


@app.command("show")
def show_entry(context: typer.Context, entry: Annotated[int, typer.Argument(help="Its number.")]) -> None:
    """One entry, with all that it holds."""
    state = state_of(context)
    with state.client() as client:
        found = [one for one in client.ledger(after=entry - 1, limit=1) if one.seq == entry]
    if not found:
        raise typer.BadParameter(f"the ledger has no entry {entry}")
    if not show(state, found[0]):
        one = found[0]
        facts(f"Entry {one.seq}: {one.kind}", (("time", f"{when(one.time)} UTC"), ("hash", one.hash)))
        console.print_json(json.dumps(one.body), ensure_ascii=True)


@app.command()
def head(context: typer.Context) -> None:
    """The end of the ledger, signed: who holds it can tell later whether anything before it was changed."""
    state = state_of(context)
    with state.client() as client:
        view = client.ledger_head()
    if not show(state, view):
        rows = (("hash", view.hash), ("signed", f"{when(view.time)} UTC"), ("signature", view.signature))
        facts(f"Ledger of {view.party}, entry {view.seq}", rows)


Body = Mapping[str, Any]


def _summary(entry: EntryView) -> str:
    """An entry's body in one sentence; what has no sentence is shown as it is."""
    words = SENTENCES.get(entry.kind)
    try:
        if words is not None:
            return words(entry.body)
    except (KeyError, TypeError, AttributeError):
        pass  # an entry of another version
    return json.dumps(entry.body, ensure_ascii=False)[:300]


def _agreement(body: Body) -> str:
    by = f" by {body['party']}" if body.get("party") else ""
    return f"{body.get('name') or short(body['agreement'])}: {body['event']}{by}"


def _plan(body: Body) -> str:
    if "stage" not in body:
        return f"{short(body['plan'])}, submitted by {body['initiator']}"
    sizes = ", ".join(f"{name} {count:,}" for name, count in sorted(body["sizes"].items()))
    return f"stage {body['stage']}: {short(body['plan'])}" + (f"; {sizes}" if sizes else "")


def _egress(body: Body) -> str:
    sent, planned = body["sent"], body["planned"]
    to = ", ".join(f"{amount(count)} to {peer}" for peer, count in sorted(sent.items())) or "nothing"
    of = f"planned {sum(planned.values()):,} bytes, sent {sum(sent.values()):,}"
    fact = "as planned" if sent == planned else of
    fact += ", went on where it broke off" if body.get("resumed") else ""
    rounds = body["rounds"]["used"]
    spent = f"{rounds:,} round{'s' * (rounds != 1)}, " if rounds else ""
    return f"{body['step']}: sent {to}, {fact}; {spent}{body['seconds']:.1f} s"


def _reveal(body: Body) -> str:
    return f"{body['step']}: {', '.join(body['to'])} learned {body['what']} ({_values(body['values'])})"


def _values(most: int) -> str:
    """As the plan counts them: of common rows, say, as many as there could be."""
    return "1 value" if most == 1 else f"up to {most:,} values"


def _job(body: Body) -> str:
    if body["event"] == "lost":
        where = f", last heard of in step {body['step']}" if body.get("step") else ""
        return f"lost {body['party']}, {body['code']}{where}"
    if body["event"] == "broke":
        return f"attempt {body['attempt'] + 1} broke off: {body['code']}, party {body.get('party', '?')}"
    if body["event"] == "resumed":
        behind = f" behind step {body['behind']}" if body.get("behind") else ""
        return f"attempt {body['attempt'] + 1} began{behind}"
    error = body.get("error") or {}
    code = error.get("code") if isinstance(error, Mapping) else None
    gone = body.get("destroyed")
    left = f"{gone['files']} files kept on the way, {amount(gone['bytes'])}" if gone else ""
    if body["event"] == "destroyed":
        return f"destroyed: {left}"
    told = " ".join(filter(None, (body["event"], body.get("state"), body.get("code") or code)))
    return f"{told}; destroyed: {left}" if left else told


def _counted(body: Body) -> str:
    """From this total on, until the next such entry."""
    names, lost = body["without"], body["lost"]
    without = ", ".join(f"{name} ({lost[name]})" if name in lost else name for name in names)
    return f"{body['step']}: from '{body['what']}' on totals are " + (
        f"without {without}" if names else "of all parties again"
    )


def _tape(body: Body) -> str:
    of = f"stage {body['stage']} of job {short(body['job'])}"
    told = {"hardware": ", attested", "simulated": ", attested, SIMULATED"}.get(body.get("assurance", ""), "")
    return f"{body['event']}: tape file {body['serial'][:12]} for {of}, by {body['dealer']}{told}"


def _lookup(body: Body) -> str:
    table = f"{body['dataset']} under {short(body['agreement'])}"
    if body["event"] != "asked":
        return f"{body['event']}: table {body['table'][:12]} of {table}, {body['entries']:,} ids"
    return f"{body['party']} asks {table}: {body['before']:,} ids before, up to {body['at_most']:,} more now"


def _schema(body: Body) -> str:
    of = body["dataset"]
    match body["event"]:
        case "offered":
            return f"columns of {of} offered to {', '.join(body['to'])}, for {body['runs']:,} comparisons"
        case "began":
            return f"columns of {of} are compared among {', '.join(body['parties'])}, as {body['by']} asks"
        case "compared":
            return f"columns of {of}: {body['common']:,} in common, comparison {body['run'][:12]}"
        case "failed":
            return f"columns of {of}: comparison {body['run'][:12]} failed, {body['code']}"
    return f"the offer of the columns of {of} is withdrawn"


def _sealed(body: Body) -> str:
    at = f" by {body['host']}" if body.get("host") else ""
    why = f": {body['reason']}" if body.get("reason") else ""
    return f"{body['event']}{at}: {body['dataset']}, file {body['file'][:12]}{why}"


def _grant(body: Body) -> str:
    if "job" not in body:
        return f"{body['dataset']}: {short(body['grant'])}"
    return f"{body['dataset']} for the job, its key at most {body['max_runs']} times: {short(body['grant'])}"


def _release(body: Body) -> str:
    platform = _platforms([body["platform"]], body["binding"]["assurance"])
    return f"{body['dataset']}: its key went to the attested runner, time {body['run']}, on {platform}"


def _receipt(body: Body) -> str:
    where = f"{body['host']}, on {_platforms(body['platforms'], body['assurance'])}"
    return f"attested run at {where}: {body['outputs']} results; record {short(body['run'])}"


def _platforms(names: Sequence[str], assurance: str) -> str:
    return ", ".join(names) + (", SIMULATED" if assurance == "simulated" else "")


def _head(body: Body) -> str:
    return f"{body['head']['party']} is at entry {body['head']['seq']:,}"


def _countersignature(body: Body) -> str:
    made = body["countersignature"]
    return f"{made['peer']} countersigned up to entry {made['head']['seq']:,}"


def _people(body: Body) -> str:
    roles = f": {', '.join(body['roles'])}" if body.get("roles") else ""
    return f"{body['event']}: user {body['user']}{roles}, by {body['by']}"


def _consent(body: Body) -> str:
    several = f", which takes {body['of']}" if body["of"] > 1 else ""
    return f"{body['by']} said yes to {body['matter']}{several}"


SENTENCES: dict[str, Callable[[Body], str]] = {
    "agreement": _agreement,
    "plan": _plan,
    "approval": lambda body: f"{body['party']} approved {short(body['plan'])}",
    "refusal": lambda body: f"{body['code']} {body['title']}: {body['detail']}",
    "reveal": _reveal,
    "egress": _egress,
    "result": lambda body: (
        f"{body['step']}: {body['name']}, {amount(body['size'])}"
        + (", removed" if body.get("event") == "removed" else "")
    ),
    "job": _job,
    "counted": _counted,
    "tape": _tape,
    "lookup": _lookup,
    "schema": _schema,
    "people": _people,
    "consent": _consent,
    "sealed": _sealed,
    "grant": _grant,
    "release": _release,
    "receipt": _receipt,
    "head": _head,
    "countersignature": _countersignature,
}
