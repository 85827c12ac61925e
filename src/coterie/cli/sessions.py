"""Who has signed in: a file in the folder that ``--home`` names, which need not be a node's."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from coterie.crypto import atomic_write, write_error

from .errors import SESSION_UNREADABLE

__all__ = ["KeptSession", "forget_session", "keep_session", "read_session"]

_LARGEST = 16_384


class KeptSession(BaseModel):
    """A session, and where it is good."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str
    fingerprint: str
    name: str
    secret: str = Field(repr=False)


def _file(home: Path) -> Path:
    return home / "session.json"


def read_session(home: Path) -> KeptSession | None:
    """What is kept; None where nobody has signed in. :raises CoterieError: CT-6006."""
    try:
        with _file(home).open("rb") as file:
            return KeptSession.model_validate_json(file.read(_LARGEST))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValidationError) as error:
        raise SESSION_UNREADABLE(str(_file(home))) from error


def keep_session(home: Path, session: KeptSession) -> None:
    """Write it, for the user of this machine alone. :raises CoterieError: CT-11xx."""
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise write_error(home, error) from error
    atomic_write(_file(home), session.model_dump_json().encode())


def forget_session(home: Path) -> None:
    """Remove it. :raises CoterieError: CT-11xx."""
    try:
        _file(home).unlink(missing_ok=True)
    except OSError as error:
        raise write_error(_file(home), error) from error
