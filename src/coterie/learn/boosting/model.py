"""A trained model, and how it is stored: an envelope with columns and categories around XGBoost's UBJSON."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, StrictStr, ValidationError

from coterie.data import VerticalFrame
from coterie.errors import CoterieError
from coterie.learn.boosting import clear, trees
from coterie.learn.boosting.columns import Categories, Feature, Matrix, blocks
from coterie.learn.boosting.params import BoostingParams
from coterie.learn.joined import JoinedFacts, JoinedModel, Stored, opened, sealed_header, wrapped
from coterie.learn.linear import MODEL_UNFIT, Floats

__all__ = ["BoostedTrees", "Made", "load_model"]

KIND = BoostingParams.kind


class Made(BaseModel):
    """How a model came about."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    library: str = Field(max_length=64)
    """XGBoost's version."""
    threads: int = Field(ge=1, le=4096)
    rows: int = Field(ge=1, lt=2**53)
    """Of training, without those held back."""
    held_back: int = Field(ge=0, lt=2**53)
    trees: int = Field(ge=1, le=10_000)


Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Text = Annotated[StrictStr, Field(max_length=1 << 16)]


class _Header(Stored):
    categories: tuple[tuple[Text, ...] | tuple[Number, ...] | None, ...] = Field(max_length=10_000)
    """Of each feature in model order; null for numbers."""
    made: Made


@dataclass(frozen=True)
class BoostedTrees(JoinedModel):
    """Trees over joined columns, as they are at the one place where they were trained."""

    facts: JoinedFacts
    features: tuple[Feature, ...]
    booster: Any
    """``xgboost.Booster``."""
    made: Made

    @property
    def kinds(self) -> list[str]:
        """ "q" or "c" of each feature."""
        return [feature.kind for feature in self.features]

    def scores(self, frame: VerticalFrame) -> Floats:
        """(rows,): see :class:`JoinedModel`. A category that training has not seen counts as missing.

        Errors: CT-1422, CT-1433, CT-3028, CT-3054.
        """
        found = np.empty(frame.rows)
        for start, block in blocks(frame, self.features):
            found[start : start + len(block)] = clear.predicted(self.booster, block)
        return found

    def shares(self, frame: VerticalFrame, rows: int | None = None) -> Matrix:
        """(rows, width + 1) SHAP values: see :func:`coterie.learn.boosting.clear.shares`.

        :param rows: only of the first so many. Errors: as :meth:`scores`.
        """
        parts = [
            clear.shares(self.booster, block, self.kinds) for _, block in blocks(frame, self.features, rows)
        ]
        return np.concatenate(parts)

    def to_bytes(self) -> bytes:
        header = {
            **sealed_header(self.facts.columns, self.facts.params.model_dump(mode="json")),
            "categories": [None if one.categories is None else list(one.categories) for one in self.features],
            "made": self.made.model_dump(mode="json"),
        }
        return wrapped(KIND, header, bytes(self.booster.save_raw("ubj")))

    def __repr__(self) -> str:
        return f"<BoostedTrees of {len(self.features)} features, {self.made.trees} trees>"


def load_model(data: bytes) -> BoostedTrees:
    """The model that ``to_bytes`` wrote. Nothing of it is executed, and XGBoost sees it only when every tree
    has passed :mod:`coterie.learn.boosting.trees`.

    Errors: CT-3053 for any other bytes, CT-3080 without XGBoost.
    """
    try:
        header, body = opened(KIND, data, _Header)
        params = BoostingParams.model_validate(header.params)
        facts = JoinedFacts(header.ordered(), params)
        features = _features(facts, header.categories)
        if trees.check(body, features, params) != header.made.trees:
            raise ValueError("number of trees")
    except (CoterieError, ValidationError, ValueError) as error:
        raise MODEL_UNFIT(type(error).__name__) from error
    clear.need_xgboost()
    try:
        return BoostedTrees(facts, features, clear.loaded(bytes(body)), header.made)
    except ValueError as error:
        raise MODEL_UNFIT("XGBoost does not take it") from error


def _features(facts: JoinedFacts, categories: tuple[Categories | None, ...]) -> tuple[Feature, ...]:
    assert isinstance(facts.params, BoostingParams)
    if len(categories) != facts.width:
        raise ValueError("categories")
    found = []
    for (owner, name), known in zip(facts.places, categories, strict=True):
        if (known is not None) != (f"{owner}.{name}" in facts.params.categorical):
            raise ValueError("categorical columns")
        if known is not None and not _ascending(known):
            raise ValueError("order of categories")
        found.append(Feature(owner, name, known))
    return tuple(found)


def _ascending(values: Sequence[Any]) -> bool:
    return len(values) > 0 and all(first < second for first, second in pairwise(values))
