"""Where the training rows' values lay, and how many of new rows lie elsewhere. Each owner's own business."""

from __future__ import annotations

from typing import Annotated

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, StrictStr, ValidationError

from coterie.data import ColumnName, Many, VerticalFrame
from coterie.learn.component import RunContext
from coterie.learn.documents import Document
from coterie.learn.pipeline.errors import PIPELINE_INVALID
from coterie.learn.pipeline.file import PipelineFile
from coterie.learn.pipeline.record import Drift, DriftColumn

__all__ = ["drift_of", "ranges_of"]

MOST_TEXTS = 1000
"""Different texts of a column that are remembered; of a column with more, none are."""


Text = Annotated[StrictStr, Field(max_length=1 << 16)]


class _Range(Document):
    name: ColumnName
    missing: Annotated[float, Field(ge=0, le=1)]
    low: float | None = None
    high: float | None = None
    texts: Annotated[Many[Text], Field(max_length=MOST_TEXTS)] | None = None


class _Ranges(Document):
    columns: Annotated[Many[_Range], Field(max_length=10_000)]


def ranges_of(training: VerticalFrame, context: RunContext, names: tuple[str, ...]) -> bytes:
    """Of one owner's columns as they were before the first step, over the training rows."""
    dataset = context.datasets[training.owner]
    table = dataset.gather(training.places[training.owner], context.scratch, names)
    found = [_range(name, table.column(name)) for name in names]
    return _Ranges(columns=tuple(found)).model_dump_json().encode()


def _range(name: str, column: pa.ChunkedArray) -> _Range:
    missing = column.null_count / max(1, len(column))
    present = column.drop_null()
    if pa.types.is_large_string(column.type) or pa.types.is_string(column.type):
        different = pc.unique(present)
        texts = tuple(sorted(different.to_pylist())) if len(different) <= MOST_TEXTS else None
        return _Range(name=name, missing=missing, texts=texts)
    low, high = _ends(present)
    return _Range(name=name, missing=missing, low=low, high=high)


def _ends(present: pa.ChunkedArray) -> tuple[float | None, float | None]:
    """Of finite numbers."""
    numbers = pc.cast(present, pa.int8()) if pa.types.is_boolean(present.type) else present
    numbers = pc.cast(numbers, pa.float64(), safe=False)
    ends = pc.min_max(numbers.filter(pc.is_finite(numbers)))
    return ends["min"].as_py(), ends["max"].as_py()


def drift_of(frame: VerticalFrame, kept: PipelineFile) -> Drift:
    """How an owner's new values differ. Errors: CT-3181.

    :param frame: with that owner's columns alone, as they were before the first step.
    """
    try:
        known = _Ranges.model_validate_json(kept.part(kept.pipeline.model, "ranges"))
    except ValidationError as error:
        raise PIPELINE_INVALID("the ranges of the training rows", party=kept.party) from error
    if tuple(one.name for one in known.columns) != kept.pipeline.features[kept.party]:
        raise PIPELINE_INVALID("the ranges are of other columns", party=kept.party)
    columns = tuple(_compared(one, frame.column(frame.owner, one.name)) for one in known.columns)
    return Drift(pipeline=kept.pipeline.identity, party=kept.party, rows=frame.rows, columns=columns)


def _compared(known: _Range, column: pa.ChunkedArray) -> DriftColumn:
    missing = column.null_count / max(1, len(column))
    below = above = unseen = None
    present = column.drop_null()
    if pa.types.is_large_string(column.type) or pa.types.is_string(column.type):
        if known.texts is not None:
            seen = pc.is_in(present, value_set=pa.array(known.texts, column.type))
            unseen = len(present) - (pc.sum(seen).as_py() or 0)
    elif known.low is not None and known.high is not None:
        numbers = pc.cast(present, pa.int8()) if pa.types.is_boolean(column.type) else present
        numbers = pc.cast(numbers, pa.float64(), safe=False)
        below = pc.sum(pc.less(numbers, known.low)).as_py() or 0
        above = pc.sum(pc.greater(numbers, known.high)).as_py() or 0
    return DriftColumn(
        name=known.name,
        missing=missing,
        missing_in_training=known.missing,
        below=below,
        above=above,
        unseen=unseen,
    )
