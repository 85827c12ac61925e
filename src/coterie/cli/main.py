"""The root command, and how failures look."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from coterie.errors import CoterieError

from . import agreements, audit, components, datasets, jobs, nodes, peers
from .output import show_error
from .state import State

__all__ = ["main"]

app = typer.Typer(
    name="coterie",
    help="Shared learning: train models on the data of several institutions; nobody sees anybody's data.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(nodes.app, name="node", help="This institution's node: make it, start it, look at it.")
app.add_typer(nodes.hub_app, name="hub", help="A neutral hub that deals random numbers and holds no data.")
app.add_typer(peers.app, name="peer", help="The other parties: invite, accept, list, remove.")
app.add_typer(datasets.app, name="dataset", help="Tables that this node can bring into jobs.")
app.add_typer(agreements.app, name="agreement", help="Signed terms between parties.")
app.add_typer(jobs.app, name="job", help="Plan, submit, approve, follow and cancel jobs; fetch results.")
app.add_typer(components.app, name="component", help="The steps that jobs are made of.")
app.add_typer(audit.app, name="audit", help="Check ledgers.")
app.command("doctor", help="Check keys, clock, port, peers, versions and disk, and say what to do.")(
    nodes.doctor
)


@app.callback()
def root(
    context: typer.Context,
    home: Annotated[
        Path, typer.Option("--home", envvar="COTERIE_HOME", help="The node's home folder.", show_default=True)
    ] = Path("~/.coterie"),
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Options of every command."""
    context.obj = State(home.expanduser().absolute(), as_json)


def main() -> None:
    """Entry point of the ``coterie`` command. Exit status: 0 done, 1 a coded failure, 2 wrong usage."""
    try:
        app()
    except CoterieError as error:
        show_error(error)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
