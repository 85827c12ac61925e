"""A naive Bayes model, and how it is stored: an envelope around its numbers as little-endian float64."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, TypeAlias

import numpy as np
from pydantic import Field, StrictStr, ValidationError

from coterie.data import VerticalFrame
from coterie.errors import CoterieError
from coterie.learn.component import RunContext
from coterie.learn.errors import MODEL_MISSING
from coterie.learn.joined import JoinedFacts, JoinedModel, Stored, opened, sealed_header, wrapped
from coterie.learn.linear import MODEL_UNFIT, Floats, Place
from coterie.learn.naive_bayes.clear import Categories, Fitted, Numbers, places_in, texts_of
from coterie.learn.naive_bayes.params import NaiveBayesParams
from coterie.learn.naive_bayes.record import BayesCategory, BayesFeature, BayesRecord
from coterie.learn.pooled import complete_values
from coterie.learn.scoring import ScoreUnit

__all__ = ["Bayes", "BayesFacts", "load_model"]

KIND = NaiveBayesParams.kind
BLOCK = 1 << 16
"""Rows that are scored at once."""
FARTHEST = 1e300
"""Squared distance, in variances, from which on values are as far: so that logarithms stay finite."""

Text = Annotated[StrictStr, Field(max_length=256)]
Known: TypeAlias = Annotated[tuple[Text, ...], Field(max_length=1000)]
Rows = Annotated[int, Field(ge=1, lt=2**53, strict=True)]


class _Header(Stored):
    categories: Annotated[tuple[Known | None, ...], Field(max_length=10_000)]
    """Of each feature in model order; null for numbers."""
    rows: Annotated[tuple[Rows, ...], Field(min_length=2, max_length=100)]


@dataclass(frozen=True)
class BayesFacts(JoinedFacts):
    """What is public of a model."""

    params: NaiveBayesParams

    @property
    def unit(self) -> ScoreUnit:
        """As :attr:`ScoringFacts.unit`."""
        return "probability" if self.params.classes is None else "class"

    @property
    def classes(self) -> int | None:
        """As :attr:`ScoringFacts.classes`."""
        return self.params.classes

    def run_shares(self, context: RunContext, step: str, frame: str) -> Floats:
        """As :meth:`ScoringFacts.run_shares`."""
        model = context.models.get(step)
        if not isinstance(model, Bayes):
            raise MODEL_MISSING(f"'{step}'", step=context.step, party=context.me)
        return model.shares(context.frames[frame])


@dataclass(frozen=True)
class Bayes(JoinedModel):
    """What a training has learnt."""

    facts: BayesFacts
    params: NaiveBayesParams
    numeric: tuple[Place, ...]
    """The columns that are numbers, in model order."""
    categorical: tuple[Place, ...]
    """Those of categories."""
    found: Fitted

    @property
    def priors(self) -> tuple[float, ...]:
        """Of each label value."""
        if self.params.prior is not None:
            return 1.0 - self.params.prior, self.params.prior
        return tuple(one / sum(self.found.rows) for one in self.found.rows)

    def scores(self, frame: VerticalFrame) -> Floats:
        """(rows,): see :class:`JoinedModel`; of several classes the most probable one.

        A category that is not known is one of the others, and so is a missing one.

        Errors: CT-1422, CT-1433, CT-3027, CT-3028, CT-3285.
        """
        shares = self.shares(frame)
        return shares[:, 1] if self.params.classes is None else shares.argmax(axis=1).astype(np.float64)

    def shares(self, frame: VerticalFrame) -> Floats:
        """(rows, values of the label) the probability of each. Errors: as :meth:`scores`."""
        found = np.empty((frame.rows, self.params.values))
        for start in range(0, frame.rows, BLOCK):
            stop = min(start + BLOCK, frame.rows)
            logs = self._logs(frame.block(start, stop))
            weights = np.exp(logs - logs.max(axis=1, keepdims=True))
            found[start:stop] = weights / weights.sum(axis=1, keepdims=True)
        return found

    def _logs(self, frame: VerticalFrame) -> Floats:
        """(rows, values of the label) logarithms of likelihood times prior, but for what all have."""
        logs = np.tile(np.log(self.priors), (frame.rows, 1))
        numbers = self.found.numbers
        if self.numeric:
            values = complete_values(frame, self.numeric)
            for label, (means, variances) in enumerate(zip(numbers.means, numbers.variances, strict=True)):
                far = np.minimum((values - means) ** 2 / variances, FARTHEST)
                logs[:, label] -= 0.5 * (np.log(variances) + far).sum(axis=1)
        for (owner, name), known in zip(self.categorical, self.found.categories, strict=True):
            logs += np.log(known.shares).T[places_in(texts_of(frame.column(owner, name), name), known.known)]
        return logs

    def record(self) -> BayesRecord:
        """As people read it."""
        numbers, features = self.found.numbers, {}
        for place, (owner, name) in enumerate(self.numeric):
            features[owner, name] = BayesFeature(
                party=owner,
                column=name,
                means=tuple(numbers.means[:, place].tolist()),
                variances=tuple(numbers.variances[:, place].tolist()),
            )
        for (owner, name), known in zip(self.categorical, self.found.categories, strict=True):
            shares = known.shares.T.tolist()
            categories = tuple(
                BayesCategory(name=text, shares=tuple(pair))
                for text, pair in zip([*known.known, None], shares, strict=True)
            )
            features[owner, name] = BayesFeature(party=owner, column=name, categories=categories)
        return BayesRecord(
            rows=self.found.rows,
            priors=self.priors,
            features=tuple(features[place] for place in self.facts.places),
        )

    def to_bytes(self) -> bytes:
        known = dict(zip(self.categorical, self.found.categories, strict=True))
        header = {
            **sealed_header(self.facts.columns, self.params.model_dump(mode="json")),
            "categories": [
                list(known[place].known) if place in known else None for place in self.facts.places
            ],
            "rows": list(self.found.rows),
        }
        numbers = self.found.numbers
        arrays = [numbers.means, numbers.variances, *(one.shares for one in self.found.categories)]
        return wrapped(KIND, header, b"".join(one.astype("<f8").tobytes() for one in arrays))

    def __repr__(self) -> str:
        return f"<Bayes of {len(self.numeric)} numbers and {len(self.categorical)} columns of categories>"


def load_model(data: bytes) -> Bayes:
    """The model that ``to_bytes`` wrote. Errors: CT-3053 for any other bytes."""
    try:
        header, body = opened(KIND, data, _Header)
        params = NaiveBayesParams.model_validate(header.params)
        facts = BayesFacts(header.ordered(), params)
        if len(header.categories) != facts.width:
            raise ValueError("categories")
        if any(len(set(one)) != len(one) for one in header.categories if one is not None):
            raise ValueError("a category twice")
        return _model(facts, params, header, np.frombuffer(body, "<f8").astype(np.float64))
    except (CoterieError, ValidationError, ValueError) as error:
        raise MODEL_UNFIT(type(error).__name__) from error


def _model(facts: BayesFacts, params: NaiveBayesParams, header: _Header, numbers: Floats) -> Bayes:
    """Raises ValueError where the numbers are not those of such a model."""
    pairs = list(zip(facts.places, header.categories, strict=True))
    numeric = tuple(place for place, known in pairs if known is None)
    categorical = tuple((place, known) for place, known in pairs if known is not None)
    named = {f"{owner}.{name}" for (owner, name), _ in categorical}
    if not named.issuperset(params.categorical):
        raise ValueError("categorical columns")
    values, numbers_of = params.values, 2 * params.values * len(numeric)
    size = numbers_of + sum(values * (len(known) + 1) for _, known in categorical)
    if len(header.rows) != values or len(numbers) != size or not np.isfinite(numbers).all():
        raise ValueError("size, or a number that is not finite")
    means, variances = numbers[:numbers_of].reshape(2, values, len(numeric))
    if not (variances > 0).all():
        raise ValueError("a variance")
    place, categories = numbers_of, []
    for _, known in categorical:
        width = len(known) + 1
        shares = numbers[place : place + values * width].reshape(values, width)
        if not ((shares > 0).all() and np.abs(shares.sum(axis=1) - 1).max() < 1e-9):
            raise ValueError("shares")
        categories.append(Categories(known, shares))
        place += values * width
    found = Fitted(header.rows, Numbers(means, variances), tuple(categories))
    return Bayes(facts, params, numeric, tuple(one for one, _ in categorical), found)
