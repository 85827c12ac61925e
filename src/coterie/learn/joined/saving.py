"""What models on joined columns leave for later jobs: they are whole at one place."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Annotated

from pydantic import Field, JsonValue

from coterie.crypto import PartyName
from coterie.data import ColumnName, Many
from coterie.learn.documents import Document
from coterie.learn.joined.facts import JoinedFacts, JoinedModel, JoinedParams
from coterie.learn.linear import MODEL_UNFIT
from coterie.learn.saving import SavesModel

__all__ = ["SavesJoined"]


class _Own(Document):
    party: PartyName
    columns: Annotated[Many[ColumnName], Field(min_length=1, max_length=10_000)]


class _Public(Document):
    features: Annotated[Many[_Own], Field(min_length=1, max_length=16)]


class SavesJoined(SavesModel):
    """Of components whose parameters are :class:`JoinedParams`."""

    @abstractmethod
    def loaded(self, content: bytes) -> JoinedModel:
        """A stored model. Errors: CT-3053, CT-3080."""

    def public_facts(self, facts: JoinedFacts) -> Mapping[str, JsonValue]:
        features: list[JsonValue] = [
            {"party": party, "columns": list(names)} for party, names in facts.columns.items()
        ]
        return {"features": features}

    def facts_again(self, params: JoinedParams, public: Mapping[str, JsonValue]) -> JoinedFacts:
        known = _Public.model_validate(public)
        columns = {own.party: tuple(own.columns) for own in known.features}
        if len(columns) != len(known.features):
            raise ValueError("a party twice")
        return JoinedFacts(columns, params)

    def kept_model(self, left: JoinedModel) -> bytes:
        return left.to_bytes()

    def model_again(self, content: bytes, facts: JoinedFacts) -> JoinedModel:
        """Errors: CT-3053, CT-3080."""
        model = self.loaded(content)
        if model.facts != facts:
            raise MODEL_UNFIT("it is not the model of these features")
        return model
