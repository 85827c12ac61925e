"""What a home has registered, read without its daemon."""

from __future__ import annotations

from pathlib import Path

from coterie.data import DatasetSpec

from .errors import DATASET_UNKNOWN
from .home import Home
from .query_rows import read_spec
from .store import DatasetRow, Store

__all__ = ["registered_dataset"]


def registered_dataset(home: Path, name: str) -> DatasetSpec:
    """A dataset's description as it is read; the daemon may run or not.

    :raises CoterieError: CT-5002, CT-5003, CT-5005, CT-5007, CT-5009, CT-5031.
    """
    found = Home.open(home)
    place = found.store_place
    if place != found.store_file or found.store_file.exists():
        store = Store(place, found.store_password(), alone=False)
        try:
            with store.session() as session:
                row = session.get(DatasetRow, name)
        finally:
            store.close()
        if row is not None:
            return read_spec(found, DatasetSpec.model_validate_json(row.spec))
    raise DATASET_UNKNOWN(repr(name[:60]))
