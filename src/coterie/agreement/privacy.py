"""Terms of differential privacy: what all jobs together may cost the people in a dataset."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["PrivacyTerms"]


class PrivacyTerms(BaseModel):
    """A budget. Where a dataset has one, no step shows anything of its rows without noise."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    unit: Literal["record", "party"]
    """Whose presence is hidden: of each row of the dataset, or of the dataset as a whole."""
    epsilon: Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)]
    """The most that all jobs under the agreement may cost together, at this ``delta``."""
    delta: Annotated[float, Field(gt=0, lt=0.1, allow_inf_nan=False)]
    """The probability with which they may cost more: well below one over the number of rows, or parties."""
    colluding: Annotated[int | None, Field(ge=1, le=499, exclude_if=lambda count: count is None)] = None
    """Parties that may pool what they know, for noise to be enough against them; where it is not given, as
    many as sums allow: all but two. Fewer need less noise. The canonical form then has no such field."""
