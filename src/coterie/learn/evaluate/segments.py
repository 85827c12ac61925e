"""The score apart by the values of a column of the label holder."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from coterie.learn.measures import Floats, Labels, auc_interval, ks, tally

from .record import NAME, SEGMENTS, Segment, Segmentation

__all__ = ["segmented", "values_of"]

VALUES = 6
"""Most different numbers that are segments of their own; more are cut into parts of about equal size."""
PARTS = 5
OTHER, MISSING = "other", "missing"
Codes = NDArray[np.int64]


def values_of(column: pa.ChunkedArray) -> tuple[list[str], Codes]:
    """Names of a column's segments, and (rows,) which one each row is in; texts and truth values as they are,
    numbers by range where they are many."""
    numeric = pa.types.is_integer(column.type) or pa.types.is_floating(column.type)
    if numeric and len(pc.unique(column)) > VALUES:
        return _ranges(column.to_numpy(zero_copy_only=False).astype(np.float64))
    coded = column.combine_chunks().dictionary_encode(null_encoding="encode")
    names = [MISSING if value is None else _name(value) for value in coded.dictionary.to_pylist()]
    return names, coded.indices.to_numpy(zero_copy_only=False).astype(np.int64)


def _name(value: object) -> str:
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return re.sub(r"[\x00-\x1f\x7f-\x9f]", " ", text)[:NAME]


def _ranges(values: Floats) -> tuple[list[str], Codes]:
    """Parts of about equal size between quantiles; the missing ones for themselves."""
    there = np.isfinite(values)
    edges = np.unique(np.quantile(values[there], np.arange(1, PARTS) / PARTS, method="higher"))
    edges = edges[edges > values[there].min()]
    codes = np.searchsorted(edges, values, side="right")
    codes[~there] = len(edges) + 1
    ends = ["-inf", *(f"{edge:g}" for edge in edges), "inf"]
    names = [f"[{low}, {high})" for low, high in itertools.pairwise(ends)]
    return [names[0].replace("[-inf", "(-inf"), *names[1:], MISSING], codes.astype(np.int64)


def segmented(name: str, column: pa.ChunkedArray, labels: Labels, scores: Floats, least: int) -> Segmentation:
    """Measures of each segment. Segments with fewer than ``least`` rows of either label, and the smallest
    ones beyond twenty, are "other"; where these are too few together, the smallest one that is left joins
    them.

    :param column: (rows,) of any type.
    :param labels: (rows,) 0 or 1.
    """
    names, codes = values_of(column)
    counts = np.stack([np.bincount(codes[labels == value], minlength=len(names)) for value in (0, 1)])
    kept = _kept(counts, least)
    order = np.flatnonzero(np.bincount(codes, minlength=len(names)))
    place = np.full(len(names), len(kept))
    place[kept] = np.arange(len(kept))
    found = [_segment(names[code], codes == code, labels, scores) for code in kept]
    if len(kept) < len(order):
        found.append(_segment(OTHER, place[codes] == len(kept), labels, scores))
    return Segmentation(column=name, segments=tuple(found))


def _kept(counts: NDArray[np.int64], least: int) -> Codes:
    """Segments that stand alone, the most rows first."""
    enough: NDArray[np.bool_] = np.all(counts >= max(1, least), axis=0)
    order = np.argsort(-counts.sum(axis=0), kind="stable")
    kept = [int(code) for code in order if enough[code]][: SEGMENTS - 1]
    while kept:
        others = np.delete(counts, kept, axis=1).sum(axis=1)
        if not others.any() or (others >= least).all():
            break
        kept.pop()
    return np.array(kept, np.int64)


def _segment(name: str, inside: NDArray[np.bool_], labels: Labels, scores: Floats) -> Segment:
    labels, scores = labels[inside], scores[inside]
    positives = int(labels.sum())
    both = 0 < positives < len(labels)
    area, low, high = auc_interval(labels, scores) if both else (None, None, None)
    return Segment(
        name=name,
        rows=len(labels),
        positives=positives,
        rate=positives / len(labels),
        predicted=float(scores.mean()),
        auc=area,
        auc_low=low,
        auc_high=high,
        ks=ks(tally(labels, scores))[0] if both else None,
    )
