"""What linear models leave for later jobs: coefficients where they are known, or one party's shares."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, JsonValue

from coterie.crypto import PartyName
from coterie.data import ColumnName, Many
from coterie.learn.documents import Document
from coterie.learn.linear.errors import MODEL_UNFIT
from coterie.learn.linear.model import ClearModel, ModelFacts, ParamsType, SharedModel, load_model
from coterie.learn.linear.params import LinearParams
from coterie.learn.saving import SavesModel

__all__ = ["SavesLinear"]


class _Own(Document):
    party: PartyName
    columns: Annotated[Many[ColumnName], Field(min_length=1, max_length=10_000)]


class _Public(Document):
    features: Annotated[Many[_Own], Field(min_length=1, max_length=16)]
    frac: Annotated[int, Field(ge=0, le=60)]
    bound: Annotated[float, Field(ge=0)]


class SavesLinear(SavesModel):
    """Of components whose parameters are :class:`LinearParams`."""

    def public_facts(self, facts: ModelFacts) -> Mapping[str, JsonValue]:
        features: list[JsonValue] = [
            {"party": party, "columns": list(names)} for party, names in facts.columns.items()
        ]
        return {"features": features, "frac": facts.frac, "bound": facts.bound}

    def facts_again(self, params: LinearParams, public: Mapping[str, JsonValue]) -> ModelFacts:
        known = _Public.model_validate(public)
        columns = {own.party: tuple(own.columns) for own in known.features}
        if len(columns) != len(known.features):
            raise ValueError("a party twice")
        return ModelFacts(columns, known.frac, known.bound, params)

    def kept_model(self, left: ClearModel | SharedModel) -> bytes:
        return left.to_bytes()

    def model_again(self, content: bytes, facts: ModelFacts) -> ClearModel | SharedModel:
        """Errors: CT-3053."""
        of: Any = type(facts.params)
        kind: ParamsType = of
        model = load_model(content, kind)
        if model.facts.columns != facts.columns or model.facts.params != facts.params:
            raise MODEL_UNFIT("it is not the model of these features")
        return model
