"""What ``align`` assumes and shows."""

from coterie.learn.component import Statement

__all__ = ["STATEMENT"]

STATEMENT = Statement(
    protocol="intersection of keyed id hashes by Diffie-Hellman on Ristretto255",
    threshold="one of the two parties",
    leaks="how many rows are common, and to each party which of its own rows they are",
)
