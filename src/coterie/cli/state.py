"""What every command knows: the home folder and how to print."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import typer

from coterie.client import Client

from .errors import FILE_MISSING

__all__ = ["State", "read_text", "state_of"]


@dataclass(frozen=True)
class State:
    home: Path
    as_json: bool

    def client(self) -> Client:
        """A connection to the node of this home."""
        return Client(home=self.home)


def state_of(context: typer.Context) -> State:
    found = context.find_object(State)
    assert found is not None, "the root callback always runs first"
    return found


def read_text(path: Path) -> str:
    """:raises CoterieError: CT-6001."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FILE_MISSING(f"{path}: {type(error).__name__}") from error
