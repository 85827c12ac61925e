"""What sections read: the findings of one party, and what is public of the job."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from coterie.crypto import canonical
from coterie.learn.component import Finding, ResultKind
from coterie.learn.report.errors import DOCUMENT_UNFIT
from coterie.learn.report.facts import PageFacts

__all__ = ["Reading"]

D = TypeVar("D", bound=BaseModel)


@dataclass(frozen=True)
class Reading:
    """Everything that a page is made of."""

    facts: PageFacts
    findings: tuple[Finding, ...]

    def of(self, component: str, kind: ResultKind) -> tuple[Finding, ...]:
        """In the order in which they were told."""
        return tuple(one for one in self.findings if (one.component, one.kind) == (component, kind))

    def documents(self, component: str, kind: ResultKind, shape: type[D]) -> tuple[tuple[str, D], ...]:
        """With the names of their steps. Errors: CT-3178."""
        return tuple((one.step, document_of(one, shape)) for one in self.of(component, kind))


def document_of(finding: Finding, shape: type[D]) -> D:
    """As its component's own class reads it. Errors: CT-3178."""
    try:
        return shape.model_validate_json(canonical(finding.document))
    except ValidationError as error:
        raise DOCUMENT_UNFIT(f"{finding.kind} of '{finding.component}'", step=finding.step) from error
