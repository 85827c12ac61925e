"""``coterie node``, ``coterie hub`` and ``coterie doctor``."""

from __future__ import annotations

from typing import Annotated

import typer

from coterie import hub as hub_room
from coterie import node as node_room

from .output import console, show, table
from .state import state_of

app = typer.Typer(no_args_is_help=True)
hub_app = typer.Typer(no_args_is_help=True)

Name = Annotated[str, typer.Option(help="Short name of the party: lower-case letters, digits, hyphens.")]
Listen = Annotated[str, typer.Option(help="host:port to listen on.")]
Address = Annotated[str | None, typer.Option(help="host:port that peers dial; leave it out if they cannot.")]


@app.command("init")
def init_node(
    context: typer.Context, name: Name, listen: Listen = "127.0.0.1:7300", address: Address = None
) -> None:
    """Make this institution's identity and home folder."""
    home = state_of(context).home
    node_room.init_node(home, name=name, listen=listen, address=address, role="node")
    _made(context)


@hub_app.command("init")
def init_hub(
    context: typer.Context, name: Name, listen: Listen = "127.0.0.1:7400", address: Address = None
) -> None:
    """Make a hub's identity and home folder."""
    hub_room.init_hub(state_of(context).home, name=name, listen=listen, address=address)
    _made(context)


def _made(context: typer.Context) -> None:
    home = state_of(context).home
    console.print(f"{home} is ready. Next: coterie --home {home} node start", highlight=False, markup=False)


def _start(context: typer.Context) -> None:
    """Run in the foreground until SIGTERM or Ctrl-C."""
    node_room.run_node(state_of(context).home)


def _show(context: typer.Context) -> None:
    """Who this node is, as its peers know it."""
    state = state_of(context)
    with state.client() as client:
        identity = client.identity()
    if not show(state, identity):
        rows = [(name, value) for name, value in identity.model_dump().items()]
        table(identity.name, ("", ""), rows)


app.command("start")(_start)
app.command("show")(_show)
hub_app.command("start")(_start)
hub_app.command("show")(_show)


@app.command("token")
def token(
    context: typer.Context,
    name: Annotated[str, typer.Option(help="Whose token it is.")],
    role: Annotated[str, typer.Option(help="admin, analyst or reader.")] = "analyst",
) -> None:
    """Make a token for the REST API. Its secret is shown once."""
    state = state_of(context)
    if role not in ("admin", "analyst", "reader"):
        raise typer.BadParameter("role is admin, analyst or reader")
    with state.client() as client:
        made = client.create_token(name, role)  # type: ignore[arg-type]
    if not show(state, made):
        console.print(made.secret, highlight=False, markup=False, soft_wrap=True)


def doctor(context: typer.Context) -> None:
    """Check keys, clock, port, peers, versions and disk, and say what to do."""
    state = state_of(context)
    with state.client() as client:
        checks = client.doctor()
    if not show(state, checks):
        rows = [(one.name, one.status, one.detail, one.next_step) for one in checks]
        table("Doctor", ("check", "", "found", "next"), rows)
    if any(one.status == "fail" for one in checks):
        raise typer.Exit(1)
