"""Rows that one party chooses by its own columns, and tells the others; or that all find by the keyed ids.

What is told is one bit for each row, packed: the first row is the lowest bit of the first byte.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from coterie._kernels import keyed_hashes
from coterie.crypto import random_key
from coterie.data import VerticalFrame
from coterie.learn.component import FrameShape, PlanContext, Reveal, RunContext
from coterie.learn.errors import ONE_CLASS, RECORD_INVALID, TOO_FEW_LEFT
from coterie.learn.keys import rows_of
from coterie.learn.pooled import NOT_EQUAL

__all__ = [
    "Draws",
    "LabelKind",
    "Mask",
    "agreed",
    "check_label",
    "counted",
    "draws",
    "evenly",
    "keep_rows",
    "lowest",
    "planned_rows",
    "private_draws",
    "strata",
    "tells",
    "tells_others",
    "told_alike",
    "told_rows",
    "with_count",
    "with_counts",
]

TAG = "rows"
FEWEST = 2
"""With one row, every sum over the rows is that row."""

LabelKind = Literal["binary", "number"]
Mask = NDArray[np.bool_]
Draws = NDArray[np.uint64]


def tells_others(context: PlanContext) -> bool:
    """Whether a choice is to be sent: elsewhere all columns are in one place."""
    return context.engine == "mpc" and len(context.parties) > 1


def tells(context: PlanContext, owner: str, rows: int) -> dict[str, Any]:
    """What a plan says of a choice among so many rows that ``owner`` tells, as fields of a step plan."""
    rounds = dict.fromkeys(context.everybody, 0)
    if not tells_others(context):
        return {"rounds": rounds}
    others = [party for party in context.parties if party != owner]
    return {
        "sent": {owner: dict.fromkeys(others, _size(rows))},
        "rounds": {**rounds, **dict.fromkeys(others, 1)},
    }


def agreed(context: RunContext, owner: str, rows: int, choose: Callable[[], Mask]) -> Mask:
    """(rows,) the owner's choice, at every party with data: planned by :func:`tells`.

    :param choose: called where the owner's columns are.

    Errors: CT-3031 for bits that are no choice among so many rows.
    """
    if owner in context.mine:
        chosen = choose()
        if tells_others(context.planning):
            packed = np.packbits(chosen, bitorder="little").tobytes()
            for party in context.parties:
                if party != owner:
                    context.mesh.to(party).send_bytes(TAG, packed)
        return chosen
    received = np.frombuffer(context.mesh.to(owner).recv_bytes(TAG, _size(rows)), np.uint8)
    bits = np.unpackbits(received, bitorder="little")
    if bits[rows:].any():
        raise RECORD_INVALID(f"bits beyond {rows} rows", party=owner, step=context.step)
    return bits[:rows].astype(np.bool_)


def _size(rows: int) -> int:
    return -(-rows // 8)


def draws(keys: NDArray[np.uint8], domain: bytes, salt: str) -> Draws:
    """(n,) uniform: the keyed BLAKE3 hash of each id's keyed hash, the same at every party with data.

    A row keeps its number when other rows come or go.

    :param keys: (n, 32) keyed id hashes.
    :param domain: what the numbers are for. :param salt: part of the hash key.
    """
    key = hashlib.sha256(domain + salt.encode()).digest()
    offsets = np.arange(0, 32 * len(keys) + 1, 32, dtype=np.int64)
    drawn = keyed_hashes((np.ascontiguousarray(keys).ravel(), offsets), key)
    return drawn[:, :8].copy().view("<u8").ravel()


def lowest(drawn: Draws, share: float) -> Mask:
    """(n,) true for as many rows as the ``share`` is, rounded, and of two rows and more for neither none nor
    all: those with the least numbers.

    Where a choice hangs on each row's number alone, its count tells whether a row of this number is there.
    This count is known before, from that of all rows.

    Rows of one id have one number, and stay together. Who does not fit in any more, as it has more rows than
    are still wanted, is passed over for those who do: so the count is the same as long as there are some with
    a single row. Else it may be less, by less than the fewest rows of an id that is left out; or, where not
    even these fit in, it is these.
    """
    rows = len(drawn)
    left = max(0, min(max(1, round(rows * share)), rows - 1))
    _, places, counts = np.unique(drawn, return_inverse=True, return_counts=True)
    taken, open_ones = np.zeros(len(counts), np.bool_), np.arange(len(counts))
    if len(counts) > 1 and counts.min() > left:
        taken[np.argmin(counts)] = True
    while len(open_ones := open_ones[counts[open_ones] <= left]):
        fitting = open_ones[np.cumsum(counts[open_ones]) <= left]
        taken[fitting] = True
        left -= int(counts[fitting].sum())
        open_ones = open_ones[len(fitting) :]
    return np.asarray(taken[places])


def private_draws(context: RunContext, keys: NDArray[np.uint8], domain: bytes, salt: str) -> Draws:
    """The same for choices by values that the others must not learn.

    Where the choice is told, the hash has a key of this one run that nobody else has. By numbers that all
    know, the rows between the last one taken of one group and of another would show their groups."""
    if not tells_others(context.planning):
        return draws(keys, domain, salt)
    return draws(keys, domain + random_key(), salt)


def strata(column: pa.ChunkedArray, fewest: int) -> NDArray[np.int64]:
    """(n,) number of each row's group: of rows with the same value. Groups of fewer rows than ``fewest`` are
    one together; with the smallest of the others where they still are too few."""
    coded = column.combine_chunks().dictionary_encode(null_encoding="encode")
    if isinstance(coded, pa.ChunkedArray):
        coded = pa.chunked_array(coded.chunks, coded.type).combine_chunks()
    codes = pc.fill_null(coded.indices, len(coded.dictionary)).to_numpy().astype(np.int64)
    counts = np.bincount(codes)
    order = np.argsort(counts, kind="stable")
    small = int((counts < fewest).sum())
    while 0 < counts[order[:small]].sum() < fewest and small < len(order):
        small += 1
    new = np.empty(len(counts), np.int64)
    new[order[:small]] = 0
    new[order[small:]] = np.arange(1, len(order) - small + 1)
    groups: NDArray[np.int64] = new[codes]
    return groups


def evenly(groups: NDArray[np.int64], share: float, drawn: Draws) -> Mask:
    """(n,) ``share`` of the rows of every group, rounded so that it is the share of all rows, too: those
    with the least of the drawn numbers."""
    counts = np.bincount(groups)
    wanted = counts * share
    quota = np.floor(wanted).astype(np.int64)
    left = round(float(len(groups) * share)) - int(quota.sum())
    quota[np.argsort(quota - wanted, kind="stable")[: max(0, left)]] += 1
    order = np.lexsort((drawn, groups))
    ranks = np.arange(len(groups)) - np.repeat(np.cumsum(counts) - counts, counts)
    mask = np.zeros(len(groups), np.bool_)
    mask[order] = ranks < quota[groups[order]]
    return mask


def check_label(frame: VerticalFrame, what: str, kind: LabelKind, context: RunContext) -> None:
    """At the label holder: whether the label has more than one value; of horizontal frames a party may have
    rows of one value alone. Errors: CT-1501, CT-1502, CT-3016."""
    if frame.label_holder not in context.mine:
        return
    labels = frame.labels() if kind == "binary" else frame.target()
    if context.horizontal and context.engine == "fl":
        return
    if labels.min() == labels.max():
        raise ONE_CLASS(f"'{what}' of {frame.rows} rows", party=context.me, step=context.step)


def planned_rows(context: PlanContext, names: Sequence[str]) -> int:
    """Rows among which is chosen for these frames: those of "all", where it is one of several."""
    return context.frames["all" if "all" in names else names[0]].rows


def keep_rows(context: RunContext, names: Sequence[str], chosen: Mask, kind: LabelKind) -> None:
    """Leave the chosen rows in the frames.

    :param chosen: by rows of "all" where that is one of the frames, as the others have some of its rows;
        else of the only frame.

    Errors: CT-3125 where fewer than two rows are left; at the label holder those of :func:`check_label`.
    """
    first = "all" if "all" in names else names[0]
    whole = context.frames[first]
    for name in names:
        frame = context.frames[name]
        mine = chosen if name == first else chosen[rows_of(frame.keys, whole.keys)]
        rows = np.flatnonzero(mine)
        if len(rows) < FEWEST:
            raise TOO_FEW_LEFT(f"{len(rows)} of '{name}'", party=context.me, step=context.step)
        left = frame.take(rows)
        check_label(left, name, kind, context)
        context.frames[name] = left


def counted(frames: Mapping[str, VerticalFrame]) -> dict[str, int]:
    """Facts: rows by frame."""
    return {f"rows.{name}": frame.rows for name, frame in frames.items()}


def told_rows(context: PlanContext) -> Reveal:
    """What everybody is told by :func:`counted`."""
    what, numbers = "number of rows that are left, by frame", len(context.frames)
    if context.horizontal:
        what, numbers = "number of rows of each party that are left, by frame", numbers * len(context.parties)
    return Reveal(what, context.everybody, numbers)


def told_alike(context: PlanContext, facts: Mapping[str, int]) -> Mapping[str, int]:
    """Facts that all parties of a horizontal job must tell alike, as they have made the same of the same
    sums; those of other jobs as they are.

    Errors: CT-3237.
    """
    if not context.horizontal:
        return facts
    told: dict[str, int] = {}
    for name, value in facts.items():
        fact, _, party = name.rpartition("@")
        if told.setdefault(fact, value) != value:
            raise NOT_EQUAL(
                f"{value} of '{fact}', and {told[fact]} elsewhere", party=party, step=context.step
            )
    return told


def with_counts(context: PlanContext, facts: Mapping[str, int]) -> None:
    """Take in :func:`counted`."""
    for name, shape in context.frames.items():
        context.frames[name] = with_count(shape, f"rows.{name}", facts)


def with_count(shape: FrameShape, fact: str, facts: Mapping[str, int]) -> FrameShape:
    """The shape with the rows that a fact tells; of a horizontal frame every party tells of its own."""
    if shape.horizontal is None:
        return shape.with_rows(facts[fact])
    return shape.with_own_rows({party: facts[f"{fact}@{party}"] for party in shape.horizontal})
