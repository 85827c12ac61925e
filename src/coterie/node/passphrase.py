"""Where a node's passphrase comes from: a file, a credential of systemd's, the environment, or a person.

Never the command line, which all users of the machine can read.
"""

from __future__ import annotations

import getpass
import os
import sys
from functools import cached_property
from pathlib import Path

from coterie.crypto import NO_PASSPHRASE, read_at_most
from coterie.errors import ErrorCode

__all__ = ["CREDENTIAL", "VARIABLE", "PassphraseOf", "read_secret_line"]

VARIABLE = "COTERIE_PASSPHRASE"
CREDENTIAL = "passphrase"
"""Name of the file in the folder of systemd's credentials."""

_LONGEST = 4096


def read_secret_line(path: Path, unusable: ErrorCode) -> str:
    """The line of text in a file that nobody else may read; ``unusable`` where it is not so."""
    try:
        status = path.stat()
        # A credential of systemd's is root's; its access list shows as rights of the group.
        handed_over = path.parent == Path(os.environ.get("CREDENTIALS_DIRECTORY") or "/nowhere")
        known = status.st_uid in (os.geteuid(), 0)
        if not known or status.st_mode & (0o007 if handed_over else 0o077):
            raise unusable(f"{path.name}: others have rights to it")
        text = read_at_most(path, _LONGEST).decode().strip()
    except (OSError, ValueError) as error:
        raise unusable(f"{path.name}: it cannot be read") from error
    if not text or len(text) > _LONGEST or not text.isprintable():
        raise unusable(f"{path.name}: not a single line of text")
    return text


class PassphraseOf:
    """A :data:`coterie.crypto.Passphrase` for one home: it is looked for once, and only when it is needed."""

    def __init__(self, file: Path | None) -> None:
        """:param file: which settings name."""
        self._file = file

    def __call__(self) -> bytes:
        """:raises CoterieError: CT-1107."""
        return self._found

    def __repr__(self) -> str:
        return "PassphraseOf(…)"

    def forget(self) -> None:
        """Let go of it, as far as Python does."""
        self.__dict__.pop("_found", None)

    @cached_property
    def _found(self) -> bytes:
        if self._file is not None:
            return read_secret_line(self._file, NO_PASSPHRASE).encode()
        if (folder := os.environ.get("CREDENTIALS_DIRECTORY")) and (Path(folder) / CREDENTIAL).exists():
            return read_secret_line(Path(folder) / CREDENTIAL, NO_PASSPHRASE).encode()
        # Taken out, so that no process that is started from here has it.
        if text := os.environ.pop(VARIABLE, None):
            return text.encode()
        if sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty():
            return getpass.getpass("Passphrase of this node's keys: ").encode()
        raise NO_PASSPHRASE("no file, credential or variable has one, and this is no terminal")
