"""``coterie node`` and ``coterie hub``."""

from __future__ import annotations

from typing import Annotated

import typer

from coterie import hub as hub_room
from coterie import node as node_room
from coterie.crypto import Identity

from .output import facts, show
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
            ("fingerprint", Identity.load(home.path).public.fingerprint),
            ("listens on", settings.listen),
            ("peers dial", settings.address or nobody),
            ("next", state_of(context).command(f"{settings.role} start")),
        ),
    )


def _start(context: typer.Context) -> None:
    """Run in the foreground, until Ctrl-C or SIGTERM. The log is in the home too, in node.log."""
    node_room.run_node(state_of(context).home)


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
hub_app.command("start")(_start)
hub_app.command("show")(_show)
