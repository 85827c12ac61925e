"""A trained model: in the clear, or one party's shares of it. As bytes: JSON header, then a raw little-endian
array."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from coterie.crypto import canonical, parse_json
from coterie.errors import CoterieError
from coterie.learn.component import PlanContext, RunContext, StepPlan
from coterie.learn.linear.errors import MODEL_UNFIT
from coterie.learn.linear.params import Floats, LinearParams
from coterie.learn.scoring import ScoreUnit, ScoringFacts

__all__ = ["ClearModel", "ModelFacts", "ParamsType", "SharedModel", "load_model"]

_HEADER_LIMIT = 4 << 20


@dataclass(frozen=True)
class ModelFacts(ScoringFacts):
    """What is public of a model."""

    columns: Mapping[str, tuple[str, ...]]
    """Features by owner, in model order."""
    frac: int
    """Fractional bits of shared coefficients; 0 in the clear."""
    bound: float
    """Of every coefficient and the intercept."""
    params: LinearParams
    """Of the training."""

    @property
    def width(self) -> int:
        return sum(map(len, self.columns.values()))

    @property
    def size(self) -> int:
        """Coefficients, and the intercept where there is one."""
        return self.width + self.params.intercept

    @property
    def unit(self) -> ScoreUnit:
        return "probability" if self.params.classifies else "value"

    @property
    def training(self) -> LinearParams:
        return self.params

    def plan_scores(self, context: PlanContext, step: str, frame: str, to: Sequence[str]) -> StepPlan:
        """Errors: CT-3001, CT-3002, CT-3050, CT-3054."""
        from coterie.learn.linear.scores import score_plan

        return score_plan(context, step, frame, to)

    def run_scores(self, context: RunContext, step: str, frame: str, to: Sequence[str]) -> Floats | None:
        """Errors: CT-3002, and those of the engine."""
        from coterie.learn.linear.scores import score_run

        return score_run(context, step, frame, to)


class ParamsType(Protocol):
    """Where a stored model's parameters are read with: a class of parameters."""

    kind: str
    """Of model, in the first line of a stored one."""

    def model_validate(self, obj: Any) -> LinearParams:
        """The parameters of a document."""


class _Header(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: Literal["clear", "shared"]
    party: str
    columns: dict[str, tuple[str, ...]]
    order: tuple[str, ...]
    frac: int
    bound: float
    params: dict[str, Any]
    scale: tuple[int, float] = (0, 0.0)


@dataclass(frozen=True)
class ClearModel:
    """Coefficients that this party may see."""

    facts: ModelFacts
    weights: NDArray[np.float64]
    """In model order."""
    intercept: float
    end: Any = field(default=None, compare=False, repr=False)
    """Where its training over sums ended, for steps of the same job that ask who did what for it; not
    stored."""

    @staticmethod
    def of(facts: ModelFacts, values: NDArray[np.float64]) -> ClearModel:
        """From coefficients in model order, then the intercept where there is one."""
        return ClearModel(facts, values[: facts.width], float(values[-1]) if facts.params.intercept else 0.0)

    def coefficients(self) -> dict[str, Any]:
        """As people read them: by owner and column, and the intercept."""
        values = iter(self.weights.tolist())
        owners = {
            owner: {name: next(values) for name in names} for owner, names in self.facts.columns.items()
        }
        return {"coefficients": owners, "intercept": self.intercept}

    def logits(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """(rows,) for features (rows, width) in model order."""
        return np.asarray(features @ self.weights + self.intercept)

    def to_bytes(self) -> bytes:
        values = np.append(self.weights, self.intercept) if self.facts.params.intercept else self.weights
        return _pack("clear", "", self.facts, values.astype("<f8"))


@dataclass(frozen=True)
class SharedModel:
    """One party's shares. Without the other parties' they tell nothing."""

    facts: ModelFacts
    party: str
    shares: NDArray[np.uint64]
    """Coefficients in model order, then the intercept."""
    scale: tuple[int, float] = (0, 0.0)
    """Exponent and location, at the holder of a label that has a unit: a label is (predictor + location)
    times 2^exponent."""

    def in_units(self, predictor: NDArray[np.float64]) -> NDArray[np.float64]:
        """A predictor in the label's unit, at its holder."""
        exponent, location = self.scale
        return np.asarray(np.ldexp(predictor + location, exponent))

    def to_bytes(self) -> bytes:
        return _pack("shared", self.party, self.facts, self.shares.astype("<u8"), self.scale)

    def __repr__(self) -> str:
        return f"<SharedModel of {self.party}, {self.facts.size} numbers>"


def _pack(
    kind: str, party: str, facts: ModelFacts, values: NDArray[Any], scale: tuple[int, float] = (0, 0.0)
) -> bytes:
    header: dict[str, Any] = {
        "kind": kind,
        "party": party,
        "columns": {owner: list(names) for owner, names in facts.columns.items()},
        "order": list(facts.columns),
        "frac": facts.frac,
        "bound": facts.bound,
        "params": facts.params.model_dump(mode="json"),
    }
    if scale != (0, 0.0):
        header["scale"] = list(scale)
    text = canonical(header)
    return _magic(facts.params.kind) + len(text).to_bytes(4, "little") + text + values.tobytes()


def _magic(kind: str) -> bytes:
    return f"coterie.{kind}/1\n".encode()


def load_model(data: bytes, of: ParamsType) -> ClearModel | SharedModel:
    """The model that ``to_bytes`` wrote, of that class of parameters. Errors: CT-3053 for any other bytes."""
    try:
        return _load(data, of)
    except (CoterieError, ValidationError, ValueError, KeyError) as error:
        raise MODEL_UNFIT(type(error).__name__) from error


def _load(data: bytes, of: ParamsType) -> ClearModel | SharedModel:
    magic = _magic(of.kind)
    if not data.startswith(magic):
        raise ValueError("no magic")
    start = len(magic) + 4
    length = int.from_bytes(data[len(magic) : start], "little")
    header = _Header.model_validate(parse_json(data[start : start + length], limit=_HEADER_LIMIT))
    columns = {owner: header.columns[owner] for owner in header.order}
    facts = ModelFacts(columns, header.frac, header.bound, of.model_validate(header.params))
    body = data[start + length :]
    if len(columns) != len(header.columns) or len(body) != 8 * facts.size:
        raise ValueError("sizes")
    if header.kind == "shared":
        shares = np.frombuffer(body, "<u8").astype(np.uint64)
        return SharedModel(facts, header.party, shares, header.scale)
    values = np.frombuffer(body, "<f8").astype(np.float64)
    if not np.isfinite(values).all():
        raise ValueError("not finite")
    return ClearModel.of(facts, values)
