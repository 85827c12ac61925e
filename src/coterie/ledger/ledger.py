"""A party's append-only log: one process writes, any number read at the same time."""

from __future__ import annotations

import fcntl
import os
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from coterie.crypto import (
    Identity,
    PublicIdentity,
    atomic_write,
    canonical,
    now,
    parse_json,
    timestamp,
)
from coterie.errors import CoterieError

from .entry import MAX_ENTRY, Countersignature, Entry, Kind, SignedHead, first_link
from .errors import (
    ENTRY_INVALID,
    HEAD_INVALID,
    HEAD_WENT_BACK,
    LEDGER_BUSY,
    LEDGER_CLOSED,
    LEDGER_DAMAGED,
    LEDGER_FULL,
    LEDGER_OF_ANOTHER,
)
from .files import ENTRIES, HEAD, PARTY, parse_entry, read_entries, read_head, read_party

__all__ = ["Ledger"]

LOCK = "ledger.lock"
REMEMBERED_HEADS = 256  # so that a countersignature that comes soon needs no search
MAX_DEPTH = 28  # of a body, so that the entry around it stays within what is read


class Ledger:
    """The own ledger, open for writing. Only one process can have it open (CT-1301).

    The folder holds ``ledger.jsonl`` (an entry a line, canonical JSON), ``head.json`` (the signed head) and
    ``party.json`` (the party's public identity). All calls are safe from several threads.
    """

    def __init__(self, directory: Path, identity: Identity) -> None:
        """Open or create. An unfinished last line, left by a crash, is cut off; an entry ``repair`` says so.

        Raises CT-1301 where another process writes, CT-1302 where the folder is damaged at its end, CT-1303
        (or CT-1120, CT-1121) from the disk, CT-1305 where it is another party's.
        """
        self._directory = Path(directory)
        self._identity = identity
        self._mutex = threading.RLock()
        self._peers: dict[str, SignedHead] | None = None
        self._shown: dict[int, str] = {}
        self._closed = False
        self._broken = False
        self._size = 0
        self._seq = 0
        self._prev = self._hash = first_link(identity.public)
        self._time = ""
        try:
            self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._lock = _locked(self._directory / LOCK)
        except OSError as error:
            raise LEDGER_FULL(f"{self._directory}: {error.strerror}") from error
        try:
            self._file = self._open()
        except BaseException:
            os.close(self._lock)
            raise

    def append(self, kind: Kind, body: Mapping[str, Any]) -> Entry:
        """Write one entry; when this returns, it is on disk.

        Raises CT-1303 (disk) and CT-1304 (a body that is not JSON, or an entry of more than 1 MiB); the
        ledger is then as it was. Raises CT-1307 after :meth:`close`.
        """
        with self._mutex:
            if self._closed:
                raise LEDGER_CLOSED(kind)
            if self._broken:
                raise LEDGER_FULL("an earlier failure could not be taken back; start the node again")
            entry = self._entry(kind, body)
            line = canonical(entry) + b"\n"
            if len(line) > MAX_ENTRY:
                raise ENTRY_INVALID(f"{kind} of {len(line)} bytes where {MAX_ENTRY} are allowed")
            self._write(line, SignedHead.make(self._identity, entry.seq, entry.hash, now()))
            self._size += len(line)
            self._seq, self._hash, self._time = entry.seq, entry.hash, entry.time
            return entry

    @property
    def length(self) -> int:
        """Number of entries."""
        return self._seq

    @property
    def writable(self) -> bool:
        """Whether it is open, and its last entry is whole on the disk. An attempt to write may still fail."""
        return not (self._closed or self._broken)

    def head(self) -> SignedHead:
        """The present end, signed: what peers countersign."""
        with self._mutex:
            self._shown[self._seq] = self._hash
            while len(self._shown) > REMEMBERED_HEADS:
                del self._shown[next(iter(self._shown))]
            return SignedHead.make(self._identity, self._seq, self._hash, now())

    def countersign(
        self, peer: PublicIdentity, head: SignedHead, *, job: str | None = None
    ) -> Countersignature:
        """Check a peer's head, note it in an entry ``head``, and sign that it was seen.

        Raises CT-1308 where the head is not the peer's, CT-1309 where an earlier one contradicts it.
        """
        if not head.signed_by(peer):
            raise HEAD_INVALID(f"a head that '{peer.name}' did not sign", party=peer.name)
        with self._mutex:
            known = self._known_heads().get(peer.name)
            if known is not None and _contradicts(known, head):
                raise HEAD_WENT_BACK(f"entry {head.seq} after entry {known.seq} was shown", party=peer.name)
            if known is not None and (known.seq, known.hash) == (head.seq, head.hash):
                return Countersignature.make(self._identity, head, now())  # it is noted already
            body = {"head": head.model_dump(mode="json"), "party": peer.model_dump(mode="json")}
            self.append("head", body if job is None else {**body, "job": job})
            self._know(head)
        return Countersignature.make(self._identity, head, now())

    def record_countersignature(
        self, peer: PublicIdentity, countersignature: Countersignature, *, job: str | None = None
    ) -> Entry:
        """Keep a peer's countersignature of an own head as an entry (CT-1308)."""
        head = countersignature.head
        if not countersignature.signed_by(peer):
            raise HEAD_INVALID(f"a countersignature that '{peer.name}' did not make", party=peer.name)
        if not head.signed_by(self._identity.public) or self._hash_of(head.seq) != head.hash:
            raise HEAD_INVALID("a countersignature of a head that is not of this ledger", party=peer.name)
        body = {
            "countersignature": countersignature.model_dump(mode="json"),
            "peer": peer.model_dump(mode="json"),
        }
        return self.append("countersignature", body if job is None else {**body, "job": job})

    def entries(self, kind: Kind | None = None, job: str | None = None) -> Iterator[Entry]:
        """The entries so far, in order, of that kind and of that job (``body["job"]``). Raises CT-1302."""
        return read_entries(self._directory, kind, job, limit=self._size)

    def holds(self, head: SignedHead) -> bool:
        """Whether ``head`` is of this ledger: signed by its party, and the chain still has that entry."""
        if head.party != self._identity.name or not head.signed_by(self._identity.public):
            return False
        return head.seq > 0 and self._hash_of(head.seq) == head.hash

    def close(self) -> None:
        """Let another process write. Twice is allowed."""
        with self._mutex:
            if not self._closed:
                self._closed = True
                os.close(self._file)
                os.close(self._lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _entry(self, kind: Kind, body: Mapping[str, Any]) -> Entry:
        # A clock that was set back must not make the order of entries look wrong.
        moment = max(timestamp(now()), self._time)
        problem = ""
        try:
            plain = parse_json(canonical(dict(body)), limit=MAX_ENTRY, depth=MAX_DEPTH)
            return Entry.make(self._identity, self._seq + 1, self._hash, moment, kind, plain)
        except CoterieError as error:
            problem = error.detail
        except ValueError:
            problem = "not an entry"
        raise ENTRY_INVALID(f"{kind}: {problem}")

    def _write(self, line: bytes, head: SignedHead) -> None:
        """The line, then the head that covers it; both or neither."""
        document = canonical(head)
        problem: str | None = None
        try:
            _write_all(self._file, line)
            os.fsync(self._file)
            atomic_write(self._directory / HEAD, document)
        except OSError as error:
            problem = str(error.strerror)
        except CoterieError as error:
            # The new head may be in place although its folder could not be synchronised. Then the entry
            # counts: a later crash can at most bring the old head back, which opening accepts.
            if not _has(self._directory / HEAD, document):
                problem = error.detail
        if problem is not None:
            self._take_back()
            raise LEDGER_FULL(problem)

    def _take_back(self) -> None:
        try:
            os.ftruncate(self._file, self._size)
            os.fsync(self._file)
        except OSError:
            self._broken = True  # nothing may follow a piece of a line; opening the ledger again cuts it off

    def _open(self) -> int:
        self._check_party()
        path = self._directory / ENTRIES
        try:
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise LEDGER_FULL(f"{path.name}: {error.strerror}") from error
        try:
            cut = self._find_end(file)
            if cut:
                os.ftruncate(file, self._size)
                os.fsync(file)
        except BaseException as error:
            os.close(file)
            if isinstance(error, OSError):
                raise LEDGER_FULL(f"{path.name}: {error.strerror}") from error
            raise
        self._file = file
        if cut:
            self.append("repair", {"reason": "an unfinished entry at the end was cut off", "bytes": cut})
        return file

    def _check_party(self) -> None:
        path = self._directory / PARTY
        if not path.exists():
            atomic_write(path, canonical(self._identity.public), 0o644)
            return
        problem = ""
        try:
            party = read_party(self._directory)
            if party.key != self._identity.public.key:
                raise LEDGER_OF_ANOTHER(f"{self._directory} is of '{party.name}'")
        except ValueError as error:
            problem = str(error)
        if problem:
            raise LEDGER_DAMAGED(f"{path}: {problem}")

    def _find_end(self, file: int) -> int:
        """Set the position after the last entry; gives the bytes of an unfinished line after it."""
        whole = os.fstat(file).st_size
        tail = os.pread(file, 2 * MAX_ENTRY, max(0, whole - 2 * MAX_ENTRY))
        torn = len(tail) - (tail.rfind(b"\n") + 1)
        self._size = whole - torn
        if self._size > 0:
            self._set_last(tail[: len(tail) - torn])
        self._check_head(fresh=self._size == 0)
        return torn

    def _set_last(self, tail: bytes) -> None:
        content = tail[:-1].rpartition(b"\n")[2] if tail else b""
        problem = ""
        try:
            last = parse_entry(content)
            if not last.signed_by(self._identity.public):
                problem = "the last entry is not signed by this party"
        except ValueError as error:
            problem = f"the last entry: {error}"
        if problem:
            raise LEDGER_DAMAGED(f"{self._directory}: {problem}")
        self._seq, self._hash, self._time, self._prev = last.seq, last.hash, last.time, last.prev

    def _check_head(self, *, fresh: bool) -> None:
        """The head is of the last entry, or of the one before: a crash can come between the two writes."""
        problem = ""
        if fresh and not (self._directory / HEAD).exists():
            atomic_write(self._directory / HEAD, canonical(self.head()))
            return
        try:
            head = read_head(self._directory)
            if not head.signed_by(self._identity.public):
                problem = "it is not signed by this party"
            elif (head.seq, head.hash) == (self._seq, self._hash):
                return
            elif not fresh and (head.seq, head.hash) == (self._seq - 1, self._prev):
                atomic_write(self._directory / HEAD, canonical(self.head()))
                return
            else:
                problem = f"it is of entry {head.seq}, the last entry is {self._seq}"
        except ValueError as error:
            problem = str(error)
        raise LEDGER_DAMAGED(f"{self._directory / HEAD}: {problem}")

    def _known_heads(self) -> dict[str, SignedHead]:
        """The longest head noted of each peer."""
        if self._peers is None:
            self._peers = {}
            for entry in self.entries("head"):
                self._know(SignedHead.model_validate(entry.body.get("head")))
        return self._peers

    def _know(self, head: SignedHead) -> None:
        known = self._known_heads().get(head.party)
        if known is None or head.seq >= known.seq:
            self._known_heads()[head.party] = head

    def _hash_of(self, seq: int) -> str | None:
        with self._mutex:
            if seq in self._shown:
                return self._shown[seq]
        return next((entry.hash for entry in self.entries() if entry.seq == seq), None)


def _contradicts(known: SignedHead, head: SignedHead) -> bool:
    """Whether no honest ledger has both. Heads of jobs that end together may come in another order."""
    if head.seq == known.seq:
        return head.hash != known.hash
    return head.seq < known.seq and head.time > known.time


def _locked(path: Path) -> int:
    """A descriptor that holds the lock until it is closed; also a crash lets go of it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
    except BaseException:
        os.close(descriptor)
        raise
    else:
        return descriptor
    raise LEDGER_BUSY(str(path.parent))


def _write_all(file: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(file, view) :]


def _has(path: Path, content: bytes) -> bool:
    try:
        return path.read_bytes() == content
    except OSError:
        return False
