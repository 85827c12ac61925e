"""What is wrong with the draft of an agreement by what this node knows: no job under it could run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from datetime import datetime

from coterie.agreement import Terms
from coterie.crypto import parse_timestamp, timestamp
from coterie.data import id_names
from coterie.errors import CoterieError
from coterie.jobs import component

__all__ = ["draft_problems"]

FEWEST_OF_A_SUM = 3

Problem = tuple[tuple[str | int, ...], str]


def draft_problems(
    terms: Terms, party: str, datasets: Mapping[str, Set[str]], now: datetime
) -> Iterator[Problem]:
    """The path of each field to correct, and why.

    :param party: this one.
    :param datasets: columns of its own by dataset; what others have is not known here, nor what is registered
        later.
    """
    for index, one in enumerate(terms.datasets):
        columns = datasets.get(one.name) if one.owner == party else None
        for name in (*id_names(one.id), *one.columns, *([one.label] if one.label else [])):
            if columns is not None and name not in columns:
                yield ("datasets", index), f"'{one.name}' of {party} has no column '{name}'"
    yield from _unknown_parameters(terms)
    owners = len({one.owner for one in terms.datasets})
    if set(terms.engines) == {"fl"} and owners < FEWEST_OF_A_SUM:
        told = f"'fl' alone is for data of {FEWEST_OF_A_SUM} parties or more, here are {owners}"
        yield ("engines",), told
    if now >= parse_timestamp(terms.expires):
        yield ("expires",), f"it is over: it is {timestamp(now)} now"


def _unknown_parameters(terms: Terms) -> Iterator[Problem]:
    """Components that this version does not know may be those of other versions."""
    for index, one in enumerate(terms.components):
        try:
            known = component(one.name).Parameters.model_fields
        except CoterieError:
            continue
        for name in one.params:
            if name not in known:
                names = ", ".join(known) or "none"
                yield (
                    ("components", index, "params", name),
                    f"'{one.name}' has no such parameter; there are: {names}",
                )
