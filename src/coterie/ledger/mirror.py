"""A copy of somebody else's ledger, in the form of a ledger's folder: ``coterie audit verify`` reads it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from coterie.crypto import PublicIdentity, atomic_write, canonical, write_error

from .entry import Entry, SignedHead, first_link
from .errors import HEAD_INVALID, HEAD_WENT_BACK, LEDGER_DAMAGED, LEDGER_OF_ANOTHER
from .files import ENTRIES, HEAD, PARTY, read_entries, read_party

__all__ = ["Mirror"]


class Mirror:
    """Entries that another party has signed, as they came. Nothing is added that does not follow. One process
    at a time writes to it.
    """

    def __init__(self, directory: Path, party: PublicIdentity) -> None:
        """Open or make the folder. Errors: CT-1302, CT-1305; CT-1120 and CT-1121 from the disk."""
        self._directory, self._party = directory, party
        self._seq, self._hash = 0, first_link(party)
        try:
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            if not (directory / PARTY).exists():
                atomic_write(directory / PARTY, canonical(party), 0o644)
            self._check_party()
            if (directory / ENTRIES).exists():
                self._cut_unfinished()
                for entry in read_entries(directory):
                    self._follow(entry)
            else:
                (directory / ENTRIES).touch(mode=0o600)
        except OSError as error:
            raise write_error(directory, error) from error

    @staticmethod
    def party_of(directory: Path) -> PublicIdentity:
        """Whose ledger a copy is of, as the folder says. Errors: CT-1302."""
        try:
            return read_party(directory)
        except ValueError as error:
            raise LEDGER_DAMAGED(f"{directory}: {error}") from error

    @property
    def seq(self) -> int:
        """The last entry that is here."""
        return self._seq

    def add(self, entries: Iterable[Entry], head: SignedHead) -> None:
        """Further entries, and the head that ends with the last; on the disk when this returns. What is here
        already must be the same.

        Errors: CT-1308 for what the party did not sign, CT-1309 for what does not follow; CT-1120, CT-1121.
        Nothing is added then.
        """
        before = self._seq, self._hash
        fresh: list[Entry] = []
        try:
            for entry in entries:
                if entry.seq > self._seq:
                    self._follow(entry)
                    fresh.append(entry)
            self._check_head(head)
            self._write(fresh, head)
        except BaseException:
            self._seq, self._hash = before
            raise

    def _check_head(self, head: SignedHead) -> None:
        if not head.signed_by(self._party):
            raise HEAD_INVALID(f"a head that '{self._party.name}' did not sign", party=self._party.name)
        if (head.seq, head.hash) != (self._seq, self._hash):
            raise HEAD_WENT_BACK(
                f"a head of entry {head.seq}, and the copy ends with {self._seq}", party=self._party.name
            )

    def _follow(self, entry: Entry) -> None:
        if not entry.hash_fits() or not entry.signed_by(self._party):
            raise HEAD_INVALID(
                f"entry {entry.seq}, which '{self._party.name}' did not sign", party=self._party.name
            )
        if (entry.seq, entry.prev) != (self._seq + 1, self._hash):
            raise HEAD_WENT_BACK(
                f"entry {entry.seq} does not follow entry {self._seq}", party=self._party.name
            )
        self._seq, self._hash = entry.seq, entry.hash

    def _write(self, entries: list[Entry], head: SignedHead) -> None:
        path = self._directory / ENTRIES
        try:
            with path.open("ab", buffering=0) as file:
                before = file.tell()
                try:
                    view = memoryview(b"".join(canonical(entry) + b"\n" for entry in entries))
                    while view:
                        view = view[file.write(view) :]
                    os.fsync(file.fileno())
                    atomic_write(self._directory / HEAD, canonical(head))
                except BaseException:
                    file.truncate(before)
                    raise
        except OSError as error:
            raise write_error(path, error) from error

    def _cut_unfinished(self) -> None:
        """A crash can leave a piece of a line; whoever signed it will hand it out again."""
        with (self._directory / ENTRIES).open("r+b") as file:
            content = file.read()
            file.truncate(content.rfind(b"\n") + 1)

    def _check_party(self) -> None:
        known = self.party_of(self._directory)
        if known.key != self._party.key:
            raise LEDGER_OF_ANOTHER(f"{self._directory} is of '{known.name}'")
