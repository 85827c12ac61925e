"""What ``describe`` assumes and shows."""

from coterie.learn.component import Statement

__all__ = ["STATEMENT"]

STATEMENT = Statement(
    protocol="each owner counts in its own columns; the receivers get its record, of a length that depends "
    "on names and parameters alone",
    threshold="any number of parties",
    leaks="nothing beyond what receivers are told, which is of groups of the agreed size",
)
