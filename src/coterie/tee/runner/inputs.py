"""Data sets inside the runner: opened in memory, shown as far as they were granted, wiped."""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from coterie.data import id_names
from coterie.tee.container.opening import open_in_memory
from coterie.tee.container.record import DatasetRecord
from coterie.tee.documents.manifest import ManifestDataset
from coterie.tee.runner.errors import RUN_REFUSED

if TYPE_CHECKING:
    import pyarrow as pa

R = TypeVar("R")
_MOMENT, _MOMENTS = 0.001, 20
"""Seconds, and how often: Arrow's threads let go of what they have read a little later."""


class OpenedDataset:
    """One owner's data in clear, in this process's memory alone."""

    def __init__(self, used: ManifestDataset, record: DatasetRecord, content: memoryview) -> None:
        self.used = used
        self.record = record
        self._content = content

    @property
    def owner(self) -> str:
        """Whose data it is."""
        return self.used.owner

    def table(self) -> pa.Table:
        """The id, the features and the label that the manifest names, in this order; no other column is
        read. Errors: CT-2294 for content that is not the table of its record.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        label = () if self.used.label is None else (self.used.label,)
        names = [*id_names(self.used.id), *self.used.columns, *label]
        try:
            table = pq.read_table(pa.BufferReader(pa.py_buffer(self._content)), columns=names)
        except (pa.ArrowException, OSError) as error:
            raise RUN_REFUSED(f"{self.used.dataset} holds no Parquet table", party=self.owner) from error
        if sorted(table.column_names) != sorted(names) or table.num_rows != self.record.rows:
            raise RUN_REFUSED(f"{self.used.dataset} is not the table of its record", party=self.owner)
        return table.select(names)

    def lend(self, read: Callable[[pa.Buffer], R]) -> R:
        """Show the Parquet file that was sealed to ``read``, and wipe it after that. Once.

        Where what ``read`` gives still looks into the file, it stays until the run ends.
        """
        import pyarrow as pa

        shown = self._content[:]
        result = read(pa.py_buffer(shown))
        for _ in range(_MOMENTS):
            try:
                shown.release()
            except BufferError:
                time.sleep(_MOMENT)
                continue
            self.wipe()
            break
        return result

    def wipe(self) -> None:
        """The pages of the content go back to the kernel, which gives zeros from now on."""
        if isinstance(self._content.obj, mmap.mmap):
            self._content.obj.madvise(mmap.MADV_DONTNEED)

    def __repr__(self) -> str:
        return f"OpenedDataset({self.used.dataset!r})"

    def __reduce__(self) -> str:
        raise TypeError("opened data does not leave its process")


def open_dataset(path: Path, used: ManifestDataset, record: DatasetRecord, key: bytes) -> OpenedDataset:
    """Open a container whole, and check it against its record; the key is overwritten in any case.

    Errors: CT-2201 to CT-2205, CT-2208, CT-2294 where there is no such file.
    """
    try:
        with path.open("rb") as file:
            preamble, content = open_in_memory(file, key, root=record.root_bytes)
        record.require(preamble)
    except OSError as error:
        raise RUN_REFUSED(f"the container of {used.dataset}: {error.strerror}", party=used.owner) from error
    finally:
        overwrite(key)
    return OpenedDataset(used, record, content)


def overwrite(secret: bytes) -> None:
    """Zeros in place of a key that nobody else holds. CPython's bytes lie at the end of their object; copies
    that libraries made are theirs to clear, and the process ends soon.
    """
    if len(secret) > 1:  # shorter ones are shared by the interpreter
        with contextlib.suppress(ValueError):
            ctypes.memset(id(secret) + bytes.__basicsize__ - 1, 0, len(secret))
