"""``coterie node`` and ``coterie hub``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coterie import hub as hub_room
from coterie import node as node_room
from coterie.crypto import Identity

from . import keys
from .output import facts, note, show
from .state import state_of

app = typer.Typer(no_args_is_help=True)
hub_app = typer.Typer(no_args_is_help=True)

Name = Annotated[str, typer.Option(help="Short name of the party: lower-case letters, digits, hyphens.")]
Listen = Annotated[str, typer.Option(help="host:port that the node opens.")]
Address = Annotated[str | None, typer.Option(help="host:port that peers dial; leave it out if they cannot.")]


@app.command("init")
def init_node(
    context: typer.Context, name: Name, listen: Listen = "127.0.0.1:7300", address: Address = None
) -> None:
    """Make this institution's identity and home folder."""
    home = state_of(context).home
    _made(context, node_room.init_node(home, name=name, listen=listen, address=address, role="node"))


@hub_app.command("init")
def init_hub(
    context: typer.Context, name: Name, listen: Listen = "127.0.0.1:7400", address: Address = None
) -> None:
    """Make a hub's identity and home folder."""
    _made(context, hub_room.init_hub(state_of(context).home, name=name, listen=listen, address=address))


def _made(context: typer.Context, home: node_room.Home) -> None:
    settings = home.settings
    nobody = "nobody can: it accepts invitations, and makes none"
    facts(
        f"{settings.role.capitalize()} {settings.name} is made",
        (
            ("home", home.path),
            ("fingerprint", Identity.public_of(home.path).fingerprint),
            ("listens on", settings.listen),
            ("peers dial", settings.address or nobody),
            ("next", state_of(context).command(f"{settings.role} start")),
        ),
    )


def _start(context: typer.Context) -> None:
    """Run in the foreground, until Ctrl-C or SIGTERM. The log is in the home too, in node.log."""
    node_room.run_node(state_of(context).home)


def _backup(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="The new file; it holds the node's keys.")],
) -> None:
    """Write this home with its keys and its store into one file. The node may run meanwhile."""
    state = state_of(context)
    told = node_room.backup_node(state.home, file.absolute())
    if not show(state, told):
        rows = (("file", file), ("files in it", len(told.files)), ("entries of the ledger", told.entries))
        facts(f"{told.name} is backed up", rows)
        note("The file holds the party's keys and all tokens' hashes: keep it as safe as the node.")


def _restore(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="What `coterie node backup` has written.")],
    store: Annotated[
        str | None,
        typer.Option(help="Where the store is to be now: sqlite, or postgresql://user@host/database."),
    ] = None,
    password: Annotated[
        Path | None, typer.Option("--store-password", help="File with the password of that database.")
    ] = None,
) -> None:
    """Make the home that --home names of a backup. Nothing may be there yet."""
    state = state_of(context)
    told = node_room.restore_node(file, state.home, store, password.absolute() if password else None)
    if not show(state, told):
        rows = (("home", state.home), ("made", told.made), ("entries of the ledger", told.entries))
        facts(f"{told.name} is put back", (*rows, ("next", state.command("node start"))))
        note("Start it only where the node that the backup is of runs no more, anywhere.")


def _show(context: typer.Context) -> None:
    """Who this node is, as its peers know it."""
    state = state_of(context)
    with state.client() as client:
        identity = client.identity()
    if not show(state, identity):
        rows = (
            ("role", identity.role),
            ("fingerprint", identity.fingerprint),
            ("peers dial", identity.address or "nobody can"),
            ("REST API", f"{client.url}, certificate {identity.api_fingerprint}"),
            ("home", state.home),
        )
        facts(identity.name, rows)


app.command("start")(_start)
app.command("show")(_show)
app.command("protect")(keys.protect)
app.command("unprotect")(keys.unprotect)
app.command("backup")(_backup)
app.command("restore")(_restore)
hub_app.command("start")(_start)
hub_app.command("protect")(keys.protect)
hub_app.command("unprotect")(keys.unprotect)
hub_app.command("backup")(_backup)
hub_app.command("restore")(_restore)
hub_app.command("show")(_show)
