"""What ``align`` assumes and shows."""

from __future__ import annotations

from dataclasses import asdict

from coterie.learn.component import Statement
from coterie.psi import ProtocolStatement

__all__ = ["statement"]


def statement(protocol: ProtocolStatement, left: str | None) -> Statement:
    """Of engine ``mpc``. In engine ``clear`` there is nobody to learn anything.

    :param left: the party whose rows all stay.
    """
    said = Statement(**asdict(protocol))
    if left is None:
        return said
    more = (
        f". The frame has the other rows of {left} too, after the common ones and in an order that {left} "
        "draws; the other parties learn how many these are, and nothing else about them"
    )
    return Statement(**{**asdict(said), "leaks": said.leaks + more})
