"""The documents of ``select``: why each feature stays or goes, and what owners tell for it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, TypeAlias

from pydantic import Field

from coterie.crypto import canonical
from coterie.learn.component import ResultKind
from coterie.learn.documents import Document

__all__ = ["Feature", "MissingRates", "Reason", "Selection", "missing_size", "selection_size"]

Reason: TypeAlias = Literal[
    "chosen",
    "keep",
    "drop",
    "low_iv",
    "high_iv",
    "missing",
    "correlated",
    "inflated",
    "stepwise",
    "most",
]

MADE_OF: dict[str, ResultKind] = {
    "low_iv": "iv",
    "high_iv": "iv",
    "missing": "profile",
    "correlated": "correlations",
    "inflated": "correlations",
    "stepwise": "statistics",
    "chosen": "statistics",
}
"""Whose kind of result a reason's value is."""


class Feature(Document):
    """What became of one feature."""

    party: str = Field(max_length=64)
    column: str = Field(max_length=128)
    kept: bool
    reason: Reason
    """"chosen" and "keep" of what stays; else the parameter or the criterion for which it goes."""
    value: float | None = None
    """What was held against the threshold. After "stepwise" by p-values that of what is chosen, too. None
    where the reader may not see results of that kind, or above 1000 for "inflated"."""
    threshold: float | None = None
    other: str | None = Field(None, max_length=160)
    """Of "correlated": the feature, as ``party.column``, that it goes together with."""


class Selection(Document):
    """Features in model order, as they were before the step."""

    version: Literal[1] = 1
    features: tuple[Feature, ...]

    def for_reader(self, kinds: Collection[str], most: ResultKind) -> Selection:
        """Without the values that are of other kinds of result than these.

        :param most: what kind of result "most" was judged by.
        """
        shown = tuple(
            one
            if (MADE_OF | {"most": most}).get(one.reason) in kinds
            else one.model_copy(update={"value": None})
            for one in self.features
        )
        return self.model_copy(update={"features": shown})


class MissingRates(Document):
    """Of one owner's features, in model order."""

    version: Literal[1] = 1
    rates: tuple[float, ...]


NUMBER = 26
FIELDS = 160
"""Most bytes of a feature's field names and reason."""


def missing_size(count: int) -> int:
    """Bytes of the missing rates of so many features."""
    return 64 + NUMBER * count


def selection_size(places: Collection[str]) -> int:
    """Bytes of every record of these features."""
    names = [len(canonical(place)) for place in places]
    return 64 + sum(names) + len(names) * (FIELDS + 2 * NUMBER + max(names, default=0))
