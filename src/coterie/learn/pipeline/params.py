"""Parameters of ``save`` and ``predict``."""

from __future__ import annotations

from pydantic import Field

from coterie.learn.component import Params

__all__ = ["PIPELINE_NAME", "PredictParams", "SaveParams"]

PIPELINE_NAME = r"^[a-z][a-z0-9_-]{0,62}$"
REFERENCE = r"^(sha256:[0-9a-f]{64}|[a-z][a-z0-9_-]{0,62}@[1-9][0-9]{0,8})$"


class SaveParams(Params):
    """What a job may choose of ``save``."""

    name: str = Field("pipeline", pattern=PIPELINE_NAME)
    """Each node numbers the pipelines of one name: the first is ``name@1``."""
    model: str | None = Field(None, pattern=r"^[a-z][a-z0-9_-]{0,30}$")
    """The step whose model scores; the last one if none is named."""


class PredictParams(Params):
    """What a job may choose of ``predict``."""

    pipeline: str = Field(pattern=REFERENCE)
    """``name@number``, as the nodes of all parties with data know it, or its digest, ``sha256:…``."""
