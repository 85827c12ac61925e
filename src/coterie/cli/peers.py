"""``coterie peer``: introduce parties to each other."""

from __future__ import annotations

from typing import Annotated

import typer

from .output import console, show, table
from .state import state_of

app = typer.Typer(no_args_is_help=True)


@app.command()
def invite(
    context: typer.Context,
    hours: Annotated[float, typer.Option(help="How long the invitation holds.")] = 24.0,
) -> None:
    """Make a one-time invitation. Hand the text to the other party over a way that you trust."""
    state = state_of(context)
    with state.client() as client:
        made = client.invite(hours)
    if not show(state, made):
        console.print(made.text, soft_wrap=True, highlight=False, markup=False)


@app.command()
def accept(context: typer.Context, invitation: Annotated[str, typer.Argument(help="The text.")]) -> None:
    """Accept another party's invitation: both nodes pin each other's keys."""
    state = state_of(context)
    with state.client() as client:
        peer = client.accept(invitation.strip())
    if not show(state, peer):
        console.print(f"{peer.name} is a peer now, key {peer.fingerprint}", highlight=False, markup=False)


@app.command("list")
def list_peers(context: typer.Context) -> None:
    """The parties whose keys are pinned here."""
    state = state_of(context)
    with state.client() as client:
        peers = client.peers()
    if not show(state, peers):
        rows = [(one.name, one.address or "dials in", one.fingerprint, one.last_seen) for one in peers]
        table("Peers", ("name", "address", "key", "last seen"), rows)


@app.command()
def remove(context: typer.Context, name: str) -> None:
    """Forget a peer's key: it is refused from now on."""
    with state_of(context).client() as client:
        client.remove_peer(name)
    console.print(f"{name} is no peer any more", highlight=False, markup=False)
