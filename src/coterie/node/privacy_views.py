"""What the REST API says of privacy budgets."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

__all__ = ["PlanPrivacyView", "PrivacyView"]


class PrivacyView(BaseModel):
    """A dataset's budget of differential privacy under an agreement, and what this node knows was spent."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    agreement: str
    """Its name."""
    owner: str
    dataset: str
    unit: Literal["record", "party"]
    epsilon: float
    """Of all jobs, at most."""
    delta: float
    spent: float | None
    """Epsilon of all jobs so far together, at this delta; None where ``dp_accounting`` is not installed."""
    jobs: int
    """That have cost something."""


class PlanPrivacyView(BaseModel):
    """What a planned job would cost of a dataset's budget, as far as this node knows."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    owner: str
    dataset: str
    unit: Literal["record", "party"]
    epsilon: float
    """Of all jobs, at most."""
    delta: float
    cost: float | None
    """Epsilon of this job alone, at this delta; None where ``dp_accounting`` is not installed."""
    together: float | None
    """Of this job and all others so far: less than the sum of what each costs."""
