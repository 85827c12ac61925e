"""Making a prepared table: any number of ids, in bounded memory, to be taken up again after a crash.

Ids come in chunks. The tags of each chunk are sorted and kept as a file, a *run*, before the next begins. At
the end all runs are merged, a range of tags after the other. What was begun goes on with the first chunk that
has no run: a run says of which ids and which key it is, so that nothing stale is used.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from coterie._kernels import sort_tags
from coterie.crypto import CANNOT_READ, Draft, Signer, canonical, now, timestamp, write_error
from coterie.psi.errors import NO_ROWS, ROWS_CHANGED
from coterie.psi.prepared import TableKey
from coterie.psi.prepared_table import (
    DOMAIN,
    MOST_ENTRIES,
    Owner,
    TableBinding,
    TableHead,
    begin,
    bucket_bytes,
    table_tag_bytes,
)
from coterie.psi.rows import Progress, chunks, gathered

RUN_ROWS = 1 << 20
"""Ids of a run, at most: some 64 MB of work at a time, and ten seconds at most that a crash can cost."""
PIECE = 1 << 16
"""Ids between two words on progress: half a second at most."""
MERGED = 1 << 22
"""Tags of a range that is merged at once, about."""
_RANGES = 1 << 16
"""Runs are cut by their two leading bytes."""
_DIGEST = 32


def prepare(
    ids: Iterable[NDArray[np.uint8]],
    rows: int,
    key: TableKey,
    binding: TableBinding,
    signer: Signer,
    target: Path,
    work: Path,
    *,
    rules: Sequence[Sequence[str]] = (),
    check: Callable[[int], None] | None = None,
    progress: Progress | None = None,
) -> TableHead:
    """Make the table of these ids at ``target``. It is there whole or not at all, readable by its owner
    alone.

    :param ids: chunks of shape (n, 32), any n: the keyed hashes. An id that occurs twice counts once.
    :param rows: how many there are.
    :param work: a folder for what is half done, kept where this fails and gone when it is done. It takes
        about as many bytes as the table three times.
    :param check: called with the number of different ids before the table is there; may raise, so that none
        is made.
    :param progress: called as ``progress(done, total, what)``, in ids; may raise to cancel.

    Errors: CT-2001 (no ids), CT-2035 (more or fewer than ``rows``), CT-1120, CT-1121, CT-1122 (disk).
    """
    if not 1 <= rows <= MOST_ENTRIES:
        raise NO_ROWS(f"{rows} ids for a table")
    width = table_tag_bytes(rows, binding.lookups)
    try:
        work.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise write_error(work, error) from error
    runs, done = [], 0
    for number, chunk in enumerate(_even(ids, RUN_ROWS)):
        if done + len(chunk) > rows:
            done += len(chunk)
            break
        path = work / f"{number:06}.run"
        _make_run(path, chunk, key, width, partial(_tell, progress, done, rows))
        runs.append(path)
        done += len(chunk)
    if done != rows:
        raise ROWS_CHANGED(f"{'more than ' if done > rows else ''}{min(done, rows)}, and not {rows}")
    merged = work / "merged"
    entries, limits = _merge(runs, width, bucket_bytes(rows), merged)
    if check:
        check(entries)
    head = TableHead(
        **binding.model_dump(),
        owner=Owner(name=signer.public.name, key=signer.public.key),
        table=key.table,
        entries=entries,
        width=width,
        bucket=bucket_bytes(rows),
        rules=tuple(tuple(rule) for rule in rules),
        created=timestamp(now()),
    )
    _assemble(head, merged, limits, signer, target)
    shutil.rmtree(work, ignore_errors=True)
    return head


def _tell(progress: Progress | None, before: int, total: int, done: int) -> None:
    if progress:
        progress(before + done, total, "preparing ids")


def _even(ids: Iterable[NDArray[np.uint8]], rows: int) -> Iterator[NDArray[np.uint8]]:
    """Chunks of that many, the last of what is left."""
    held: list[NDArray[np.uint8]] = []
    count = 0
    for chunk in ids:
        rest = chunk
        while len(rest):
            part = rest[: rows - count]
            held.append(part)
            count += len(part)
            rest = rest[len(part) :]
            if count == rows:
                yield np.concatenate(held)
                held, count = [], 0
    if held:
        yield np.concatenate(held)


def _make_run(
    path: Path, chunk: NDArray[np.uint8], key: TableKey, width: int, tell: Callable[[int], None]
) -> None:
    """The sorted tags of a chunk behind a digest of what they are of."""
    named = hashlib.sha256(f"{key.table} {width}\n".encode())
    named.update(chunk.data)
    digest = named.digest()
    try:
        if path.stat().st_size == _DIGEST + width * len(chunk):
            with path.open("rb") as file:
                if file.read(_DIGEST) == digest:
                    tell(len(chunk))
                    return
    except FileNotFoundError:
        pass
    except OSError as error:
        raise CANNOT_READ(f"{path}: {error.strerror}") from error
    tags = np.empty((len(chunk), width), dtype=np.uint8)
    for start, end in chunks(len(chunk), PIECE):
        tags[start:end] = key.tags(chunk[start:end], width)
        tell(end)
    with Draft(path) as draft:
        draft.write(digest)
        draft.write(gathered(tags, sort_tags(tags)).data)
        draft.publish()


def _merge(runs: list[Path], width: int, bucket: int, target: Path) -> tuple[int, NDArray[np.uint64]]:
    """Write the rests of all different tags in ascending order; how many, and how many are before each
    bucket.
    """
    cuts = np.stack([_cuts(_read(run, width)) for run in runs])
    counts = np.zeros(256**bucket, dtype=np.uint64)
    entries = 0
    with Draft(target) as draft:
        for first, last in _ranges(cuts.sum(axis=0)):
            parts = [_read(run, width, cut[first], cut[last]) for run, cut in zip(runs, cuts, strict=True)]
            together = np.concatenate(parts)
            together = gathered(together, sort_tags(together))
            fresh = np.ones(len(together), dtype=bool)
            fresh[1:] = (together[1:] != together[:-1]).any(axis=1)
            together = together[fresh]
            place = np.zeros(len(together), dtype=np.int64)
            for column in together[:, :bucket].T:
                place = place * 256 + column
            counts += np.bincount(place, minlength=len(counts)).astype(np.uint64)
            entries += len(together)
            draft.write(np.ascontiguousarray(together[:, bucket:]).data)
        draft.publish()
    return entries, np.concatenate([np.zeros(1, np.uint64), np.cumsum(counts, dtype=np.uint64)])


def _read(run: Path, width: int, first: int = 0, last: int | None = None) -> NDArray[np.uint8]:
    """Tags of a run. Read and not mapped: pages of all runs would be in memory together."""
    count = -1 if last is None else width * (last - first)
    try:
        tags = np.fromfile(run, np.uint8, count, offset=_DIGEST + width * first)
    except OSError as error:
        raise CANNOT_READ(f"{run}: {error.strerror}") from error
    return tags.reshape(-1, width)


def _cuts(run: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Where in a run each pair of leading bytes begins; its length at the end."""
    leading = run[:, 0].astype(np.uint32) * 256 + run[:, 1]
    return np.searchsorted(leading, np.arange(_RANGES + 1, dtype=np.uint32))


def _ranges(before: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Ranges of leading bytes with about MERGED tags each, or one pair of bytes; ``before`` counts tags
    below.
    """
    first = 0
    while first < _RANGES:
        last = int(np.searchsorted(before, before[first] + MERGED, side="right")) - 1
        last = min(max(last, first + 1), _RANGES)
        yield first, last
        first = last


def _assemble(
    head: TableHead, merged: Path, limits: NDArray[np.uint64], signer: Signer, target: Path
) -> None:
    whole, data = hashlib.sha256(), canonical(head)
    with Draft(target) as draft:

        def put(part: bytes | memoryview) -> None:
            whole.update(part)
            draft.write(part)

        put(begin(data))
        try:
            with merged.open("rb") as file:
                while part := file.read(1 << 20):
                    put(part)
        except OSError as error:
            raise CANNOT_READ(f"{merged}: {error.strerror}") from error
        put(limits.astype("<u8").tobytes())
        draft.write(signer.sign(DOMAIN, whole.digest()))
        draft.publish()
