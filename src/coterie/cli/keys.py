"""``coterie node protect`` and ``unprotect``: key files under a passphrase, or in the clear."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from coterie import node as node_room
from coterie.crypto import BAD_PASSPHRASE, Identity, check_passphrase, keep_memory_private

from .output import note, say
from .state import state_of

__all__ = ["protect", "unprotect"]


def protect(
    context: typer.Context,
    file: Annotated[
        Path | None,
        typer.Option("--passphrase-file", help="File with the new passphrase; without it you are asked."),
    ] = None,
) -> None:
    """Encrypt the private keys in this home, or change their passphrase. The node may run meanwhile.

    The present passphrase, where there is one, is found as the node finds it when it starts.
    """
    keep_memory_private()
    home = node_room.Home.open(state_of(context).home)
    if file is not None:
        text = node_room.read_secret_line(file.absolute(), BAD_PASSPHRASE)
    else:
        text = str(typer.prompt("New passphrase", hide_input=True, confirmation_prompt=True, err=True))
    new = check_passphrase(text.encode())
    changed = Identity.protected(home.path)
    Identity.protect(home.path, home.passphrase, new)
    say("The passphrase is changed." if changed else "The private keys are encrypted.")
    note(
        "Whoever loses the passphrase loses the keys. Backups from before have the keys as they were: make a "
        "new one, and destroy those."
    )


def unprotect(context: typer.Context) -> None:
    """Write the private keys in the clear again."""
    keep_memory_private()
    home = node_room.Home.open(state_of(context).home)
    Identity.protect(home.path, home.passphrase, None)
    say("The private keys are in the clear, for the owner of the home alone.")
