"""What is public of a saved pipeline. Equal at all its parties; its digest is its identity."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

from pydantic import Field, JsonValue, StringConstraints, model_validator

from coterie.crypto import PartyName, canonical, digest
from coterie.data import ColumnName, ColumnType, Many
from coterie.learn.component import Engine, FrameShape
from coterie.learn.documents import Document
from coterie.learn.pipeline.params import PIPELINE_NAME

__all__ = ["Drift", "DriftColumn", "OwnColumns", "Pipeline", "PipelineColumn", "PipelineStep"]

StepName = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_-]{0,30}$")]
Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]


class PipelineColumn(Document):
    """A column of the data, before the first step."""

    name: ColumnName
    type: ColumnType


class OwnColumns(Document):
    """One party's feature columns, in model order."""

    party: PartyName
    columns: Annotated[Many[PipelineColumn], Field(max_length=10_000)]


class Left(Document):
    """One party's feature columns after a step."""

    party: PartyName
    columns: Annotated[Many[ColumnName], Field(max_length=10_000)]


class PipelineStep(Document):
    """A step that scoring does again."""

    step: StepName
    component: StepName
    version: Annotated[int, Field(ge=1, lt=2**31)]
    """Of what the component keeps."""
    params: dict[str, JsonValue]
    left: Annotated[Many[Left], Field(max_length=16)] = ()
    """Of a step that changes columns: those that there are after it."""
    facts: dict[str, JsonValue] | None = None
    """Of a step that made a model: what is public of it."""


class Pipeline(Document):
    """All that participants plan with: the private parts stay with their parties."""

    version: Literal[1] = 1
    name: Annotated[str, StringConstraints(pattern=PIPELINE_NAME)]
    engine: Engine
    job: Annotated[str, StringConstraints(max_length=64)]
    agreement: Annotated[str, StringConstraints(max_length=100)]
    columns: Annotated[Many[OwnColumns], Field(min_length=1, max_length=16)]
    """Of every party with data, in model order."""
    label_holder: PartyName
    label: ColumnName
    steps: Annotated[Many[PipelineStep], Field(min_length=1, max_length=100)]
    """In their order; those that change columns before those whose models score."""
    model: StepName
    """The step whose model scores."""

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        names = [one.step for one in self.steps]
        if len(set(names)) != len(names):
            raise ValueError("a step twice")
        if any(one.facts is None for one in self.steps if one.step == self.model) or self.model not in names:
            raise ValueError("no model")
        if len(set(self.parties)) != len(self.columns):
            raise ValueError("a party twice")
        if any(len(set(names)) != len(names) for names in self.features.values()):
            raise ValueError("a column twice")
        if self.label_holder not in self.parties:
            raise ValueError("the label is nobody's")
        return self

    @property
    def parties(self) -> tuple[str, ...]:
        """Those with data."""
        return tuple(one.party for one in self.columns)

    @property
    def features(self) -> dict[str, tuple[str, ...]]:
        """Columns before the first step, by party in model order."""
        return {one.party: tuple(column.name for column in one.columns) for one in self.columns}

    @property
    def identity(self) -> str:
        """``sha256:…`` of the canonical form."""
        return digest(canonical(self.to_document()))

    def to_document(self) -> dict[str, Any]:
        """As it is stored and hashed."""
        return self.model_dump(mode="json")

    def shape(self, rows: int) -> FrameShape:
        """Of rows before the first step."""
        return FrameShape(rows, self.features, self.label_holder, self.label)


class DriftColumn(Document):
    """How new values of a column differ from the training rows'."""

    name: ColumnName
    missing: Annotated[float, Field(ge=0, le=1)]
    """Share of the new rows."""
    missing_in_training: Annotated[float, Field(ge=0, le=1)]
    below: Annotated[int, Field(ge=0)] | None = None
    """New values below the least one of the training rows; null for texts."""
    above: Annotated[int, Field(ge=0)] | None = None
    unseen: Annotated[int, Field(ge=0)] | None = None
    """New values that no training row had, of texts; null for numbers, and where training had more different
    ones than are remembered."""


class Drift(Document):
    """For the owner of the columns: counts of new values that training has not seen."""

    version: Literal[1] = 1
    pipeline: Digest
    party: PartyName
    rows: Annotated[int, Field(ge=0)]
    columns: Annotated[Many[DriftColumn], Field(max_length=10_000)]
