"""Changes of the store's tables from version to version, one file each in ``versions/``.

What changes a table is a new file there, and its number goes into :data:`REVISIONS`. Stores that are new
are made as :mod:`coterie.node.store` says, without going through them; a test holds one against the other.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sqlalchemy import Connection

__all__ = ["HEAD", "REVISIONS", "upgrade"]

REVISIONS = ("0001",)
"""Oldest first. Stores of before the first one have no number."""

HEAD = REVISIONS[-1]


def upgrade(connection: Connection) -> None:
    """Bring a store's tables to :data:`HEAD` within the transaction that is open."""
    from alembic.config import Config  # only a store of an earlier version needs it
    from alembic.runtime.environment import EnvironmentContext
    from alembic.script import ScriptDirectory

    script = ScriptDirectory(str(Path(__file__).parent))

    def steps(present: object, _context: object) -> object:
        return script._upgrade_revs(HEAD, present)  # type: ignore[arg-type]  # noqa: SLF001 - as its commands do

    with EnvironmentContext(Config(), script, fn=steps, destination_rev=HEAD) as environment:
        # One transaction for all steps, also in SQLite, where the library would not begin one.
        environment.configure(connection=connection, transactional_ddl=True)
        environment.run_migrations()
