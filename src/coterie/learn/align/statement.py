"""What ``align`` assumes and shows."""

from dataclasses import asdict

from coterie.learn.component import Statement
from coterie.psi import STATEMENT, STATEMENT_MANY

__all__ = ["statement"]


def statement(parties: int) -> Statement:
    """Of engine ``mpc``. In engine ``clear`` there is nobody to learn anything."""
    return Statement(**asdict(STATEMENT if parties == 2 else STATEMENT_MANY))
