"""Parameters of ``filter``."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

from coterie.crypto import PartyName
from coterie.learn.choosing import LabelKind
from coterie.learn.component import Params

__all__ = ["FilterParams"]


class FilterParams(Params):
    """What a job may choose of ``filter``."""

    party: PartyName
    """Whose columns the condition is on."""
    where: Annotated[str, StringConstraints(min_length=1, max_length=2000)]
    """A condition, as of ``derive``. Rows stay for which it is true; where it is false or missing they go."""
    with_label: bool = False
    """Whether the condition may look at the label, of its holder: the others then learn of each row what the
    condition says of its label."""
    label: LabelKind = "binary"
    """Which labels are right: 0 and 1 only, or any numbers."""
