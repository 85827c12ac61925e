"""``coterie peer``: introduce parties to each other."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from .output import console, facts, note, say, short, show, table, when
from .state import state_of

app = typer.Typer(no_args_is_help=True)

PeerName = Annotated[str, typer.Argument(help="The peer's name.")]

LONGEST_INVITATION = 16 * 1024


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
        console.print(made.text, soft_wrap=True, markup=False)
        note(f"It works once, until {when(made.expires)} UTC. Whoever holds it can become a peer.")


@app.command()
def accept(
    context: typer.Context,
    invitation: Annotated[str, typer.Argument(help="The text, or - to read it from standard input.")],
) -> None:
    """Accept another party's invitation: both nodes pin each other's keys."""
    state = state_of(context)
    text = sys.stdin.read(LONGEST_INVITATION) if invitation == "-" else invitation
    with state.client() as client:
        peer = client.accept(text.strip())
    if not show(state, peer):
        rows = (
            ("fingerprint", peer.fingerprint),
            ("address", peer.address or "it dials us"),
            ("check", "its `coterie node show` must print the same fingerprint"),
        )
        facts(f"{peer.name} is a peer now", rows)


@app.command("list")
def list_peers(context: typer.Context) -> None:
    """The parties whose keys are pinned here."""
    state = state_of(context)
    with state.client() as client:
        peers = client.peers()
    if show(state, peers):
        return
    if not peers:
        say("No peers yet. `coterie peer invite` makes an invitation for another party.")
        return
    rows = [
        (one.name, one.address or "dials us", short(one.fingerprint), when(one.last_seen) or "never")
        for one in peers
    ]
    table("Peers", ("name", "address", "|fingerprint", "|last heard of (UTC)"), rows)


@app.command("show")
def show_peer(context: typer.Context, name: PeerName) -> None:
    """A peer's key and address."""
    state = state_of(context)
    with state.client() as client:
        peers = {one.name: one for one in client.peers()}
    if name not in peers:
        raise typer.BadParameter(f"no peer is called {name!r}; `coterie peer list` shows them")
    peer = peers[name]
    if not show(state, peer):
        rows = (
            ("fingerprint", peer.fingerprint),
            ("address", peer.address or "it dials us"),
            ("introduced", f"{when(peer.added)} UTC"),
            ("last heard of", f"{when(peer.last_seen)} UTC" if peer.last_seen else "never"),
        )
        facts(peer.name, rows)


@app.command()
def remove(context: typer.Context, name: PeerName) -> None:
    """Forget a peer's key: it is refused from now on."""
    with state_of(context).client() as client:
        client.remove_peer(name)
    say(f"{name} is no peer any more.")


@app.command()
def revoke(
    context: typer.Context,
    name: PeerName,
    reason: Annotated[str, typer.Option(help="One line for this party's own ledger.")],
) -> None:
    """Declare a peer's key lost or stolen.

    At once, and for good: its connections are refused, agreements with it are suspended, jobs under them end.
    """
    with state_of(context).client() as client:
        client.revoke_peer(name, reason)
    say(
        f"The key of {name} is revoked. With a new key it can be introduced again; sign agreements anew then."
    )


@app.command("invitations")
def list_invitations(context: typer.Context) -> None:
    """The invitations that this node has made."""
    state = state_of(context)
    with state.client() as client:
        found = client.invitations()
    if show(state, found):
        return
    if not found:
        say("No invitations are open.")
        return
    rows = [(one.id, when(one.created), when(one.expires), one.used_by) for one in found]
    table("Invitations", ("id", "|made (UTC)", "|expires (UTC)", "used by"), rows)


@app.command()
def withdraw(
    context: typer.Context,
    invitation: Annotated[str, typer.Argument(help="Its id, from `coterie peer invitations`.")],
) -> None:
    """Withdraw an invitation that nobody has used yet."""
    with state_of(context).client() as client:
        client.remove_invitation(invitation)
    say("The invitation is withdrawn.")
