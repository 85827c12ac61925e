"""``coterie job``: plan, submit, approve, follow, cancel, fetch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.live import Live
from rich.table import Table
from rich.text import Text

from coterie.client import Client
from coterie.node import JobView, PlanView

from .output import amount, console, show, table
from .state import State, read_text, state_of

app = typer.Typer(no_args_is_help=True)

SpecFile = Annotated[Path, typer.Argument(help="The job file, YAML.")]
JobId = Annotated[str, typer.Argument(help="The job's id, or its first characters.")]
Reason = Annotated[str, typer.Option(help="Told to the other parties.")]


def find(client: Client, start: str) -> str:
    """The id of the one job that begins with ``start``."""
    found = [one.id for one in client.jobs() if one.id.startswith(start)]
    if len(found) > 1:
        raise typer.BadParameter(f"{len(found)} jobs begin with {start!r}; give more of the id")
    return found[0] if found else start


@app.command()
def plan(
    context: typer.Context,
    file: Annotated[Path | None, typer.Argument(help="A job file that is not submitted yet.")] = None,
    job: Annotated[str | None, typer.Option(help="A submitted job's id.")] = None,
) -> None:
    """What a job will send, compute and reveal. Proposes nothing."""
    state = state_of(context)
    if (file is None) == (job is None):
        raise typer.BadParameter("give a job file, or --job with the id of a submitted one")
    with state.client() as client:
        view = client.preview(read_text(file)) if file is not None else client.plan(find(client, str(job)))
    if not show(state, view):
        print_plan(view)


@app.command()
def submit(
    context: typer.Context,
    file: SpecFile,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Stay and show progress.")] = False,
) -> None:
    """Propose a job to the parties of its agreement. It starts once all have approved the plan."""
    state = state_of(context)
    with state.client() as client:
        made = client.submit(read_text(file))
        if follow and not state.as_json:
            made = _follow(client, made)
    if not show(state, made):
        _print_job(made)


@app.command()
def status(
    context: typer.Context,
    job: JobId,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Stay until the job is over.")] = False,
) -> None:
    """How far every participant is, and who waits for whom, since when."""
    state = state_of(context)
    with state.client() as client:
        view = client.job(find(client, job))
        if follow and not state.as_json:
            view = _follow(client, view)
    if not show(state, view):
        _print_job(view)


@app.command("list")
def list_jobs(context: typer.Context) -> None:
    """All jobs that this node knows, newest first."""
    state = state_of(context)
    with state.client() as client:
        found = client.jobs()
    if not show(state, found):
        rows = [(one.id, one.name, one.state, one.initiator, one.created) for one in found]
        table("Jobs", ("id", "name", "state", "initiator", "created"), rows)


@app.command()
def approve(context: typer.Context, job: JobId) -> None:
    """Approve the plan in this party's name."""
    state = state_of(context)
    with state.client() as client:
        _say(state, client.approve(find(client, job)))


@app.command()
def refuse(context: typer.Context, job: JobId, reason: Reason = "") -> None:
    """Refuse the plan: the job ends at every participant."""
    state = state_of(context)
    with state.client() as client:
        _say(state, client.refuse(find(client, job), reason))


@app.command()
def cancel(context: typer.Context, job: JobId, reason: Reason = "") -> None:
    """End a job at every participant."""
    state = state_of(context)
    with state.client() as client:
        _say(state, client.cancel(find(client, job), reason))


@app.command()
def results(
    context: typer.Context,
    job: JobId,
    to: Annotated[Path | None, typer.Option("--to", help="Download all of them into this folder.")] = None,
) -> None:
    """The results that this party received."""
    state = state_of(context)
    with state.client() as client:
        job = find(client, job)
        found = client.results(job)
        if to is not None:
            for one in found:
                target = to / one.name
                target.parent.mkdir(parents=True, exist_ok=True)
                client.download(job, one.name, target)
    if not show(state, found):
        rows = [(one.name, one.kind, amount(one.size), one.digest) for one in found]
        table("Results" if to is None else f"Results, now in {to}", ("name", "kind", "size", "digest"), rows)


def _say(state: State, view: JobView) -> None:
    if not show(state, view):
        console.print(f"job {view.id} is {view.state}", highlight=False, markup=False)


def _follow(client: Client, view: JobView) -> JobView:
    """Redraw until the job is over; raises the code with which it failed."""
    with Live(_drawn(view), console=console, refresh_per_second=4) as live:
        return client.wait(view.id, on_progress=lambda now: live.update(_drawn(now)))


def _drawn(view: JobView) -> Table:
    drawn = Table(
        title=Text(f"{view.name}  {view.id}  {view.state}"), title_justify="left", header_style="bold"
    )
    for name in ("party", "state", "step", "progress", "what", "waits for"):
        drawn.add_column(name, overflow="fold")
    for one in view.participants:
        waits = "; ".join(f"{wait.peer} since {wait.since}: {wait.what}" for wait in one.waiting)
        progress = f"{one.done} / {one.total}" if one.total else ""
        cells = (one.party, one.state, one.step or "", progress, one.what or "", waits)
        drawn.add_row(*(Text(cell) for cell in cells))
    return drawn


def _print_job(view: JobView) -> None:
    console.print(_drawn(view))
    rows: list[tuple[str, object]] = [
        ("plan", view.plan),
        ("initiator", view.initiator),
        *((f"approval of {one.party}", f"{one.state} ({one.mode})") for one in view.approvals),
        *((f"result, {one.kind}", one.name) for one in view.results),
        ("countersigned by", ", ".join(view.countersigned_by)),
    ]
    if view.error is not None:
        rows.append((view.error.code, f"{view.error.title}: {view.error.detail}"))
        rows.append(("at", " ".join(filter(None, (view.error.party, view.error.step)))))
        rows.append(("next", view.error.next_step))
    table("", ("", ""), [row for row in rows if row[1]])


def print_plan(view: PlanView) -> None:
    """The plan as three tables: the steps, the bytes, and who learns what."""
    document = view.document
    rows = []
    for stage in document["stages"]:
        for step in stage["steps"]:
            sent = sum(count for targets in step["sent"].values() for count in targets.values())
            rounds = max(step["rounds"].values(), default=0)
            bound = "" if stage["exact"] else "at most "
            statement = step["statement"] or {}
            rows.append(
                (
                    step["step"],
                    step["component"],
                    rounds,
                    bound + amount(sent),
                    bound + amount(step["memory"]),
                    f"{step['seconds']:.1f}",
                    statement.get("protocol", "local" if not sent else ""),
                )
            )
    title = f"Plan {view.digest}"
    table(title, ("step", "component", "rounds", "bytes", "memory", "seconds (estimate)", "protocol"), rows)
    summary: dict[str, Any] = view.summary
    table(
        "Bytes",
        ("from", "to", "at most"),
        [(source, target, amount(n)) for source, to in summary["sent"].items() for target, n in to.items()],
    )
    table(
        "What each party will learn",
        ("party", "learns"),
        [(party, "\n".join(items) or "nothing") for party, items in summary["learns"].items()],
    )
