"""A party's append-only log: one process writes, any number read at the same time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from coterie.crypto import Identity, PublicIdentity

from .entry import Countersignature, Entry, Kind, SignedHead

__all__ = ["Ledger", "read_entries"]


class Ledger:
    """The own ledger, open for writing. Only one process can have it open (CT-1301).

    The folder holds ``ledger.jsonl`` (an entry a line, canonical JSON), ``head.json`` (the signed head) and
    ``party.json`` (the party's public identity). All calls are safe from several threads.
    """

    def __init__(self, directory: Path, identity: Identity) -> None:
        """Open or create. An unfinished last line, left by a crash, is cut off and an entry ``repair`` says so.

        Raises CT-1301 where another process writes, CT-1302 where the folder is damaged, CT-1305 where it is
        another party's.
        """
        raise NotImplementedError

    def append(self, kind: Kind, body: Mapping[str, Any]) -> Entry:
        """Write one entry; when this returns, it is on disk. Raises CT-1303 (disk) and leaves the ledger as it was;
        CT-1304 for a body that is not JSON or too large (1 MiB)."""
        raise NotImplementedError

    def head(self) -> SignedHead:
        """The present end, signed: what peers countersign."""
        raise NotImplementedError

    def countersign(self, peer: PublicIdentity, head: SignedHead) -> Countersignature:
        """Check a peer's head, note it in an entry ``head``, and sign that it was seen.

        Raises CT-1308 where the head is not the peer's, CT-1309 where an earlier one contradicts it.
        """
        raise NotImplementedError

    def record_countersignature(self, peer: PublicIdentity, countersignature: Countersignature) -> Entry:
        """Keep a peer's countersignature of an own head as an entry (CT-1308)."""
        raise NotImplementedError

    def entries(self, kind: Kind | None = None, job: str | None = None) -> Iterator[Entry]:
        """The entries so far, in order, of that kind and of that job (``body["job"]``)."""
        raise NotImplementedError

    def close(self) -> None:
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def read_entries(directory: Path, kind: Kind | None = None, job: str | None = None) -> Iterator[Entry]:
    """Entries of a ledger that another process may be writing to. Nothing is verified but their form (CT-1302)."""
    raise NotImplementedError
