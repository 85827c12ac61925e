"""The owners' sealed data at a host: files by owner and root, and beside each what it is and for what.

::

    <owner>/<root>.sealed    the container, see coterie.tee.Receiver
    <owner>/<root>.leaves
    <owner>/<root>.json      a Holding
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, StringConstraints

from coterie.crypto import atomic_write, canonical, sync_directory, write_error
from coterie.errors import CoterieError
from coterie.jobs.errors import HOLDING_UNREADABLE
from coterie.tee import DatasetRecord, read_document

LIMIT: Final = 9 * 1024 * 1024
"""Bytes of a holding's document: its record's, and a little more."""


class Holding(BaseModel):
    """Sealed data that a host has of an owner."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    agreement: Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]
    """Under which it came."""
    record: DatasetRecord

    def path(self, store: Path) -> Path:
        """Where the container lies."""
        return place(store, self.record)

    def keep(self, store: Path) -> None:
        """Write down what the container is. Errors: CT-1120, CT-1121."""
        atomic_write(self.path(store).with_suffix(".json"), canonical(self))

    def remove(self, store: Path) -> None:
        """Delete the container and all that is beside it; it is off the disk when this returns. Errors:
        CT-1121.
        """
        path = self.path(store)
        try:
            for suffix in (
                ".sealed",
                ".part",
                ".leaves",
                ".json",
            ):  # the document last: until then it is listed
                path.with_suffix(suffix).unlink(missing_ok=True)
            sync_directory(path.parent)
        except OSError as error:
            raise write_error(path, error) from error


def place(store: Path, record: DatasetRecord) -> Path:
    """Where the container of a record lies, if it is here."""
    return store / record.owner.name / f"{record.root_bytes.hex()}.sealed"


def holdings(store: Path) -> Iterator[Holding]:
    """All that lies there, and can be read. Errors: CT-1121 where the folder cannot be."""
    try:
        paths = sorted(store.glob("*/*.json"))
    except OSError as error:
        raise write_error(store, error) from error
    for path in paths:
        try:
            yield read_document(Holding, path.read_bytes()[: LIMIT + 1], LIMIT, HOLDING_UNREADABLE)
        except (CoterieError, OSError):
            continue  # a crash left half of it: its container is found, and described, by the next job
