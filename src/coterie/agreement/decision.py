"""May this job run? Every reason against it is told; without a reason for it the answer is no."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from coterie.data import Many

from .agreement import Agreement, Revocation
from .terms import Engine, ResultKind

__all__ = ["Decision", "Refusal", "Request", "RequestedDataset", "RequestedStep", "decide"]


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class RequestedDataset(_Document):
    """A dataset that a job wants to use, and its columns."""

    name: str
    owner: str
    id: str
    columns: Many[str]
    label: str | None = None
    rows: Annotated[int, Field(ge=0)]


class RequestedStep(_Document):
    """A component that a job wants to run."""

    component: str
    params: dict[str, JsonValue]
    """Every parameter with the value that it will have."""
    defaults: dict[str, JsonValue]
    """The component's default values, as this node's own registry has them; parameters without one are left out."""


class Request(_Document):
    """All that an agreement has a say in, of one job."""

    agreement: str
    """Id of the agreement that the job names."""
    submitter: str
    engine: Engine
    parties: Many[str]
    """Compute parties."""
    dealer: str | None = None
    datasets: Many[RequestedDataset]
    steps: Many[RequestedStep]
    results: dict[ResultKind, Many[str]]
    """Receivers by kind of result, from the plan."""
    common_rows: Annotated[int, Field(ge=0)] | None = None
    """Rows common to all datasets, once alignment has told them."""


class Refusal(_Document):
    """One reason against a job."""

    code: str
    reason: str


class Decision(_Document):
    """The answer, with every reason against."""

    allowed: bool
    refusals: Many[Refusal]

    def require(self) -> None:
        """Raise the first refusal as an error of the family NotAgreed, with all reasons in its detail."""
        raise NotImplementedError


def decide(
    agreement: Agreement,
    request: Request,
    *,
    now: datetime,
    runs_used: int,
    revocations: Iterable[Revocation],
    keys: Mapping[str, str],
) -> Decision:
    """Check a job against an agreement, signatures included. Same arguments, same answer.

    :param runs_used: runs of this agreement that were started before this job.
    :param revocations: all that this node has received; those of other agreements have no effect.
    :param keys: hex public key by name of all parties and services known at this node, its own among them.
    """
    raise NotImplementedError
