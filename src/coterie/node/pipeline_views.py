"""What the REST API says of saved pipelines."""

from __future__ import annotations

from .views import View

__all__ = ["PipelineColumnView", "PipelineView"]


class PipelineColumnView(View):
    """A column that new rows must have."""

    name: str
    type: str


class PipelineView(View):
    """A saved pipeline, as this node knows it. What it learnt of this party's rows is in its file alone."""

    name: str
    number: int
    reference: str
    """``name@number``: as jobs name it here."""
    identity: str
    """``sha256:…``: as jobs can name it at all of its parties."""
    engine: str
    label_holder: str
    label: str
    columns: dict[str, tuple[PipelineColumnView, ...]]
    """By party."""
    steps: tuple[str, ...]
    """What is done to them."""
    model: str
    """The step whose model scores."""
    job: str
    agreement: str
    made: str
    size: int
    """Bytes of the own file."""
