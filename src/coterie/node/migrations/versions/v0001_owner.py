"""The store knows whose it is."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Add the table; the node that opens the store writes its key into it."""
    op.create_table("owner", sa.Column("key", sa.String(collation=_binary()), primary_key=True))


def _binary() -> str | None:
    return "C" if op.get_bind().dialect.name == "postgresql" else None
