"""The root command, and how failures look."""

from __future__ import annotations

import io
import os
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from typer.core import TyperGroup

from coterie.errors import UNEXPECTED, CoterieError

from . import (
    agreements,
    attested,
    audit,
    codes,
    components,
    containers,
    datasets,
    doctor,
    evidence,
    jobs,
    ledgers,
    lookups,
    modules,
    nodes,
    peers,
    people,
    pipelines,
    privacy,
    schemas,
    sealed,
    tapes,
    tokens,
)
from .output import show_error
from .state import State

__all__ = ["main"]

ORDER = (
    *("node", "hub", "peer", "user", "login", "logout", "token"),
    *("dataset", "schema", "module", "agreement", "job", "pipeline", "tape", "dealer", "lookup", "component"),
    "privacy",
    *("seal", "open", "container", "sealed", "tee"),
    *("doctor", "ledger", "audit", "evidence", "errors"),
)


class InOrder(TyperGroup):
    """Lists the commands in the order in which people need them."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        """All commands, the known ones first."""
        return sorted(super().list_commands(ctx), key=ORDER.index)


app = typer.Typer(
    name="coterie",
    cls=InOrder,
    help="Shared learning: train models on the data of several institutions; nobody sees anybody's data.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
START, WORK, PROOF = "Set up", "Work together", "Look and check"
app.add_typer(
    nodes.app,
    name="node",
    help="This institution's node: make it, start it, look at it.",
    rich_help_panel=START,
)
app.add_typer(
    nodes.hub_app,
    name="hub",
    help="A neutral hub that deals random numbers and holds no data.",
    rich_help_panel=START,
)
app.add_typer(
    peers.app,
    name="peer",
    help="The other parties: invite, accept, list, remove.",
    rich_help_panel=START,
)
app.add_typer(
    people.app,
    name="user",
    help="The people of this institution at its node: their roles and passwords.",
    rich_help_panel=START,
)
app.command("login", rich_help_panel=START)(people.login)
app.command("logout", rich_help_panel=START)(people.logout)
app.add_typer(
    tokens.app,
    name="token",
    help="Who may use this node's REST API: programs, by tokens that last.",
    rich_help_panel=START,
)
app.add_typer(
    datasets.app, name="dataset", help="Tables that this node can bring into jobs.", rich_help_panel=WORK
)
app.add_typer(
    agreements.app, name="agreement", help="What the parties allow each other, signed.", rich_help_panel=WORK
)
app.add_typer(
    schemas.app,
    name="schema",
    help="Find out which columns several parties have in common, before there is an agreement.",
    rich_help_panel=WORK,
)
app.add_typer(
    modules.app,
    name="module",
    help="Networks that users have written: read, try, and keep them for agreements and jobs.",
    rich_help_panel=WORK,
)
app.add_typer(
    jobs.app,
    name="job",
    help="Plan, submit, approve, follow and cancel jobs; fetch results.",
    rich_help_panel=WORK,
)
app.add_typer(
    pipelines.app,
    name="pipeline",
    help="Saved models with their preparation, which score new rows in later jobs.",
    rich_help_panel=WORK,
)
app.add_typer(
    tapes.app,
    name="tape",
    help="Random numbers that a dealer has dealt before a job runs, in files.",
    rich_help_panel=WORK,
)
app.add_typer(
    tapes.dealer_app, name="dealer", help="Deal such files, at the dealer's node.", rich_help_panel=WORK
)
app.add_typer(
    lookups.app,
    name="lookup",
    help="Ask which ids another party has, by a table that it has prepared.",
    rich_help_panel=WORK,
)
app.add_typer(components.app, name="component", help="The steps that jobs are made of.", rich_help_panel=WORK)
app.command("privacy", rich_help_panel=WORK)(privacy.privacy)
app.command("seal", rich_help_panel=WORK)(containers.seal)
app.command("open", rich_help_panel=WORK)(containers.open_container)
app.add_typer(
    containers.app,
    name="container",
    help="Look at sealed containers, and check them without a key.",
    rich_help_panel=WORK,
)
app.add_typer(
    sealed.app,
    name="sealed",
    help="Sealed data at this node, own and others': list it, delete it with proof.",
    rich_help_panel=WORK,
)
app.add_typer(
    attested.app,
    name="tee",
    help="Attested code: what it measures here, images of machines that run it.",
    rich_help_panel=WORK,
)
app.add_typer(ledgers.app, name="ledger", help="What this party has written down.", rich_help_panel=PROOF)
app.add_typer(
    audit.app, name="audit", help="Check a ledger or an attested run, without a node.", rich_help_panel=PROOF
)
app.add_typer(
    evidence.app,
    name="evidence",
    help="What trusted hardware says of itself: show it, verify it, offline.",
    rich_help_panel=PROOF,
)
app.command("doctor", rich_help_panel=PROOF)(doctor.doctor)
app.command("errors", rich_help_panel=PROOF)(codes.errors)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(f"coterie {version('coterie')}")
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    home: Annotated[
        Path, typer.Option("--home", envvar="COTERIE_HOME", help="The node's home folder.", show_default=True)
    ] = Path("~/.coterie"),
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON, failures too. May stand anywhere in the line.")
    ] = False,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Options of every command."""
    context.obj = State(home.expanduser().absolute(), as_json)


def main(arguments: list[str] | None = None) -> None:
    """Entry point of the ``coterie`` command.

    Exit status: 0 done, 1 a coded failure, 2 wrong usage, 130 interrupted.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that cannot show a sign shows another
    words = _json_first(sys.argv[1:] if arguments is None else arguments)
    as_json = words[:1] == ["--json"]
    try:
        app(words)
    except CoterieError as error:
        show_error(error, as_json=as_json)
        sys.exit(1)
    except BrokenPipeError:
        # The reader, such as `head`, has enough. Nothing more may be written, at exit neither.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:  # noqa: BLE001 - a person is told of a bug in a sentence
        show_error(UNEXPECTED(_place(error)), as_json=as_json)
        sys.exit(1)


def _json_first(words: list[str]) -> list[str]:
    """``--json`` is an option of the root command, and people write it last."""
    end = words.index("--") if "--" in words else len(words)
    if "--json" not in words[:end]:
        return words
    return ["--json", *(word for word in words[:end] if word != "--json"), *words[end:]]


def _place(error: BaseException) -> str:
    """Type and place of an exception; its message may quote data."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    where = "" if trace is None else f" at {trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
    return f"{type(error).__name__}{where}"
