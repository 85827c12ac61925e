"""What every command knows: the home folder and how to print."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import typer

from coterie.client import Client
from coterie.errors import CoterieError, all_codes

from .errors import FILE_MISSING, FILE_TOO_LARGE
from .sessions import read_session

__all__ = ["State", "read_text", "reading", "state_of"]

OF_TEXT = ("CT-1402", "CT-1601", "CT-4001")
"""Codes of YAML, of drafts, of job files."""

LARGEST_TEXT = 2**20
"""Bytes of a job file, of terms, of a description. The node's own limits are lower and name the reason."""


@dataclass(frozen=True)
class State:
    """The options of every command."""

    home: Path
    as_json: bool

    def client(self) -> Client:
        """A connection to the node: as who has signed in here, else as the owner of the home.

        :raises CoterieError: CT-6006.
        """
        session = read_session(self.home)
        if session is None:
            return Client(home=self.home)
        return Client(session.url, session.secret, session.fingerprint)

    def command(self, words: str) -> str:
        """A command line for this home, to be copied."""
        return f"coterie --home {self.home} {words}"


def state_of(context: typer.Context) -> State:
    """What the root command made of its options."""
    found = context.find_object(State)
    assert found is not None, "the root callback always runs first"
    return found


@contextmanager
def reading(path: Path) -> Iterator[None]:
    """Errors of a file's text name the file, which the node was not told."""
    try:
        yield
    except CoterieError as error:
        if error.code in OF_TEXT:
            raise all_codes()[error.code](
                f"{path}: {error.detail}", next_step=error.next_step, party=error.party, step=error.step
            ) from error
        raise


def read_text(path: Path) -> str:
    """A file that a person wrote.

    :raises CoterieError: CT-6001, CT-6003.
    """
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_TEXT + 1)
    except OSError as error:
        raise FILE_MISSING(f"{path}: {error.strerror}") from error
    if len(content) > LARGEST_TEXT:
        raise FILE_TOO_LARGE(f"{path}: more than {LARGEST_TEXT:,} bytes")
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FILE_MISSING(f"{path}: it is not UTF-8 text, byte {error.start + 1}") from error
