"""What ``align`` assumes and shows."""

from dataclasses import asdict

from coterie.learn.component import Statement
from coterie.psi import STATEMENT as INTERSECTION

__all__ = ["STATEMENT"]

STATEMENT = Statement(**asdict(INTERSECTION))
"""Of engine ``mpc``. In engine ``clear`` there is nobody to learn anything."""
