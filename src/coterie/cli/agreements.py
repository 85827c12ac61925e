"""``coterie agreement``: terms, signatures, revocation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer
import yaml

from coterie.agreement import Terms, compare
from coterie.client import Client
from coterie.node import AgreementView

from .output import console, show, table
from .state import State, read_text, state_of

app = typer.Typer(no_args_is_help=True)


@app.command()
def draft(context: typer.Context, file: Annotated[Path, typer.Argument(help="The terms, YAML.")]) -> None:
    """Check the terms and keep them as a draft."""
    state = state_of(context)
    with state.client() as client:
        _print(state, client.draft_agreement(read_text(file)))


def _step(name: str, summary: str) -> None:
    """A command that takes one step with one agreement."""

    def command(
        context: typer.Context, agreement: Annotated[str, typer.Argument(help="Name or id.")]
    ) -> None:
        state = state_of(context)
        with state.client() as client:
            call = getattr(Client, f"{name}_agreement")
            _print(state, call(client, agreement))

    app.command(name, help=summary)(command)


_step("offer", "Send a draft to its other parties, to read and sign.")
_step("sign", "Sign the terms in this party's name, and send the signature to the others.")
_step("sync", "Ask the other parties now for signatures and revocations.")


@app.command()
def revoke(
    context: typer.Context,
    agreement: str,
    reason: Annotated[str, typer.Option(help="Told to the other parties.")] = "",
) -> None:
    """End an agreement. Running jobs under it are cancelled."""
    state = state_of(context)
    with state.client() as client:
        _print(state, client.revoke_agreement(agreement, reason))


@app.command("list")
def list_agreements(context: typer.Context) -> None:
    """All agreements that this node knows."""
    state = state_of(context)
    with state.client() as client:
        found = client.agreements()
    if not show(state, found):
        rows = [
            (one.name, one.state, ", ".join(one.missing) or "all signed", one.runs_used, one.id)
            for one in found
        ]
        table("Agreements", ("name", "state", "still to sign", "runs used", "id"), rows)


@app.command("show")
def show_agreement(context: typer.Context, agreement: str) -> None:
    """The terms as they are signed, word for word."""
    state = state_of(context)
    with state.client() as client:
        _print(state, client.agreement(agreement))


@app.command("compare")
def compare_agreements(
    context: typer.Context,
    first: Annotated[str, typer.Argument(help="Name or id.")],
    second: Annotated[str, typer.Argument(help="Name or id.")],
) -> None:
    """Say in words how the terms of two agreements differ."""
    with state_of(context).client() as client:
        terms = [
            Terms.model_validate_json(json.dumps(client.agreement(one).terms)) for one in (first, second)
        ]
    for sentence in compare(*terms) or ["They do not differ."]:
        console.print(sentence, highlight=False, markup=False)


def _print(state: State, view: AgreementView) -> None:
    if show(state, view):
        return
    console.print(
        yaml.safe_dump(view.terms, sort_keys=False, allow_unicode=True), highlight=False, markup=False
    )
    rows = [
        ("id", view.id),
        ("state", view.state),
        ("signed by", ", ".join(view.signed_by)),
        ("still to sign", ", ".join(view.missing)),
        ("not yet offered to", ", ".join(view.not_offered_to)),
        ("runs used", view.runs_used),
        *(("revoked", f"{one.party}, {one.time}: {one.reason}") for one in view.revocations),
    ]
    table(view.name, ("", ""), [row for row in rows if row[1] != ""])
