"""``coterie job``: plan, submit, approve, follow, cancel, fetch."""

from __future__ import annotations

import tempfile
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from pydantic import BaseModel

from coterie.client import Client
from coterie.crypto import atomic_write, canonical, write_error
from coterie.node import JobView

from .errors import NO_SUCH_REPORT
from .following import follow_job, print_job
from .output import amount, console, failure, say, short, show, state_text, table, when
from .plans import print_plan
from .state import State, read_text, reading, state_of

app = typer.Typer(no_args_is_help=True)

SpecFile = Annotated[Path, typer.Argument(help="The job file, YAML.")]
JobId = Annotated[str, typer.Argument(help="The job's id, its first characters, or `last`.")]
Reason = Annotated[str, typer.Option(help="Told to the other parties.")]
Follow = Annotated[
    bool, typer.Option("--follow", "-f", help="Stay, and show progress until the job is over.")
]

LAST = "last"


def find(client: Client, start: str) -> str:
    """The id of the one job that begins with ``start``; of the newest for ``last``."""
    if len(start) == 32:
        return start
    known = [one.id for one in client.jobs()]
    if start == LAST:
        if not known:
            raise typer.BadParameter("this node knows no job yet")
        return known[0]
    found = [one for one in known if one.startswith(start)]
    if len(found) > 1:
        raise typer.BadParameter(f"{len(found)} jobs begin with {start!r}; give more of the id")
    return found[0] if found else start


@app.command()
def plan(
    context: typer.Context,
    file: Annotated[Path | None, typer.Argument(help="A job file that is not submitted yet.")] = None,
    job: Annotated[str | None, typer.Option(help="A submitted job: its id, or `last`.")] = None,
    stage: Annotated[
        int | None, typer.Option(help="With --job: the request for this stage's tape files, for its dealer.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="With --stage: the file to write.")
    ] = None,
) -> None:
    """What a job will send, compute and reveal. Proposes nothing."""
    state = state_of(context)
    if (stage is None) != (output is None) or (stage is not None and job is None):
        raise typer.BadParameter("--job, --stage and --output go together")
    if (file is None) == (job is None):
        raise typer.BadParameter("give a job file, or --job with the id of a submitted one")
    if stage is not None and output is not None:
        _write_request(state, str(job), stage, output)
        return
    with state.client() as client:
        if file is not None:
            with reading(file):
                view = client.preview(read_text(file))
        else:
            view = client.plan(find(client, str(job)))
    if not show(state, view):
        print_plan(view)


class WrittenRequest(BaseModel):
    """A request for tape files, written to a file."""

    file: Path
    stage: int
    plan: str
    """Digest of the stage's plan."""


def _write_request(state: State, job: str, stage: int, output: Path) -> None:
    with state.client() as client:
        request = client.stage_request(find(client, job), stage)
    atomic_write(output.absolute(), canonical(request), 0o644)
    if not show(state, WrittenRequest(file=output, stage=stage, plan=request["plan"])):
        others = " OTHERS" if request.get("nonces") else ""  # evidence is asked for: each party asks itself
        given = f"{output}{others}"
        say(f"{output} asks for stage {stage}. At the dealer: coterie dealer deal {given} --out FOLDER")
        if others:
            say("OTHERS: what the other compute parties' nodes have written so. The dealer must be attested.")


@app.command()
def submit(context: typer.Context, file: SpecFile, follow: Follow = False) -> None:
    """Propose a job to the parties of its agreement. It starts once all have approved the plan."""
    state = state_of(context)
    with state.client() as client:
        with reading(file):
            submitted = client.submit(read_text(file))
        _print(state, client, submitted, follow)


@app.command()
def again(context: typer.Context, job: JobId = LAST, follow: Follow = False) -> None:
    """Submit a job once more, as it was. It goes on where it broke off, where its steps can."""
    state = state_of(context)
    with state.client() as client:
        _print(state, client, client.submit_again(find(client, job)), follow)


@app.command()
def status(context: typer.Context, job: JobId = LAST, follow: Follow = False) -> None:
    """How far every participant is, and who waits for whom, since when."""
    state = state_of(context)
    with state.client() as client:
        _print(state, client, client.job(find(client, job)), follow)


def _print(state: State, client: Client, view: JobView, follow: bool = False) -> None:
    """Show the job, at its end where that is wanted; then raise the code with which it failed."""
    error = None
    if follow:
        view, error = follow_job(client, view, quiet=state.as_json)
    if show(state, view):
        if error is not None:
            raise typer.Exit(1)
        return
    print_job(view, client.agreement(view.agreement).name)
    if error is not None:
        raise error
    if view.error is not None:
        console.print()
        console.print(failure(view.error))


@app.command("list")
def list_jobs(context: typer.Context) -> None:
    """All jobs that this node knows, newest first."""
    state = state_of(context)
    with state.client() as client:
        found = client.jobs()
    if show(state, found):
        return
    if not found:
        say("No jobs yet. `coterie job plan FILE` shows what a job would do, `job submit FILE` proposes it.")
        return
    rows = [
        (short(one.id), one.name, state_text(one.state), one.initiator, when(one.created)) for one in found
    ]
    table("Jobs", ("|id", "name", "state", "submitted by", "|at (UTC)"), rows)


@app.command()
def approve(context: typer.Context, job: JobId) -> None:
    """Approve the plan in this party's name. Read it first: `coterie job plan --job ID`."""
    state = state_of(context)
    with state.client() as client:
        _print(state, client, client.approve(find(client, job)))


@app.command()
def refuse(context: typer.Context, job: JobId, reason: Reason = "") -> None:
    """Refuse the plan: the job ends at every participant."""
    state = state_of(context)
    with state.client() as client:
        _print(state, client, client.refuse(find(client, job), reason))


@app.command()
def cancel(context: typer.Context, job: JobId, reason: Reason = "") -> None:
    """End a job at every participant."""
    state = state_of(context)
    with state.client() as client:
        _print(state, client, client.cancel(find(client, job), reason))


@app.command()
def results(
    context: typer.Context,
    job: JobId = LAST,
    to: Annotated[Path | None, typer.Option("--to", help="Download all of them into this folder.")] = None,
) -> None:
    """The results that this party received."""
    state = state_of(context)
    with state.client() as client:
        job = find(client, job)
        found = client.results(job)
        if to is not None:
            for one in found:
                _download(client, job, one.name, to / one.name)
    if show(state, found):
        return
    if not found:
        say("This party has received no results of this job.")
        return
    rows = [(one.name, one.kind, amount(one.size), short(one.digest)) for one in found]
    title = "Results" if to is None else f"Results, now in {to}"
    table(title, ("name", "kind", ">size", "|digest"), rows)


class Lang(StrEnum):
    """Of a report."""

    EN = "en"
    ZH = "zh"
    BOTH = "both"


class WrittenReport(BaseModel):
    """A report, written to a file."""

    file: Path
    step: str
    language: Lang


@app.command()
def report(
    context: typer.Context,
    output: Annotated[Path, typer.Option("--output", "-o", help="The HTML file to write.")],
    job: JobId = LAST,
    lang: Annotated[Lang, typer.Option(help="In which language it opens; `both` lets the reader choose.")] = (
        Lang.BOTH
    ),
    step: Annotated[
        str | None, typer.Option(help="Of which `report` step; the last one if not given.")
    ] = None,
) -> None:
    """This party's report of a job as one HTML file, in English or in Chinese."""
    from coterie.learn import in_language  # loads more than the other commands need

    state = state_of(context)
    with state.client() as client, tempfile.TemporaryDirectory() as folder:
        job = find(client, job)
        found = [one.name for one in client.results(job) if one.kind == "report"]
        wanted = [name for name in found if step in (None, name.partition("/")[0])]
        if not wanted:
            raise NO_SUCH_REPORT(job if step is None else f"{job}, step '{step}'")
        page = client.download(job, wanted[-1], Path(folder)).read_bytes()
    atomic_write(output.absolute(), in_language(page, lang.value), 0o644)
    written = WrittenReport(file=output, step=wanted[-1].partition("/")[0], language=lang)
    if not show(state, written):
        say(f"{output} is the report of step '{written.step}'. Open it in a browser; it needs no network.")


def _download(client: Client, job: str, name: str, target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        client.download(job, name, target)
    except OSError as error:
        raise write_error(target, error) from error
