"""Endorsements that a node keeps: the newest for each platform, all that ever counted, and what only grows.

A folder::

    archive/<sha256>.json     every endorsements document under which evidence was verified, by its digest
    current/<key>.json        the newest for a platform: the digest of a document in the archive
    marks.json                the highest number seen of everything that only grows

The marks are raised only by endorsements that verified, so a forged list with a high number locks nobody
out. They are written, and are on the disk, before anybody is told that evidence verified: a crash can cost
the pointer to the newest, never the memory of it.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Annotated, Final, Literal

from pydantic import Field

from coterie.crypto import atomic_write, write_error
from coterie.errors import CoterieError
from coterie.tee.evidence import intel, snp
from coterie.tee.evidence.errors import ENDORSEMENTS_MISSING, ROLLED_BACK, STORE_DAMAGED
from coterie.tee.evidence.model import (
    MAX_ENDORSEMENTS,
    Claims,
    Document,
    Endorsements,
    Evidence,
    parse_document,
)
from coterie.tee.evidence.roots import Roots
from coterie.tee.evidence.verify import SELF_CONTAINED, verify

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
MAX_MARKS: Final = 1024 * 1024


class Marks(Document):
    """The highest numbers seen, by what they number."""

    version: Literal["coterie/marks/v1"] = "coterie/marks/v1"
    highest: Annotated[dict[str, int], Field(max_length=10000)]


class EndorsementStore:
    """A folder of endorsements with a memory. Several processes may use it at once."""

    def __init__(self, folder: Path) -> None:
        """Open the folder, or make it. Errors: CT-1120, CT-1121."""
        self._folder = folder
        try:
            for part in ("archive", "current"):
                (folder / part).mkdir(parents=True, exist_ok=True, mode=0o700)
            with self._alone():
                if not (folder / "marks.json").exists():
                    if any((folder / "archive").iterdir()):
                        raise STORE_DAMAGED(f"{folder}: marks.json is gone, and the archive is not empty")
                    self._write_marks({})
        except OSError as error:
            raise write_error(folder, error) from error

    def verify(
        self, evidence: Evidence, endorsements: Endorsements | None, now: datetime, roots: Roots
    ) -> tuple[Claims, str]:
        """Verify evidence with ``endorsements``, or with those stored for its platform; remember what was
        seen.

        Returns the claims, and the digest under which the endorsements are in the archive.

        Errors: those of :func:`verify`; CT-2242 where a number is lower than one seen before; CT-2243 where
        none are stored; CT-2244, CT-1120, CT-1121 from the folder.
        """
        given = endorsements if endorsements is not None else self.current(evidence)
        claims = verify(evidence, given, now, roots)
        self.remember(evidence, given, claims)
        return claims, given.digest

    def remember(self, evidence: Evidence, endorsements: Endorsements, claims: Claims) -> None:
        """Keep endorsements that verified, and raise the marks. Errors: CT-2242, CT-2244, CT-1120,
        CT-1121.
        """
        with self._alone():
            highest = self.marks()
            for name, number in sorted(claims.marks.items()):
                if number < highest.get(name, number):
                    raise ROLLED_BACK(f"{name[:80]} is {number}, and {highest[name]} was seen before")
            self._archive(endorsements)
            raised = {name: max(number, highest.get(name, number)) for name, number in claims.marks.items()}
            if any(highest.get(name) != number for name, number in raised.items()):
                self._write_marks({**highest, **raised})
            self._point(evidence, endorsements)

    def current(self, evidence: Evidence) -> Endorsements:
        """The newest endorsements for a platform; empty ones for types whose evidence brings them.

        Errors: CT-2243, CT-2244.
        """
        if evidence.type in SELF_CONTAINED:
            return Endorsements(type=evidence.type)
        pointer = self._pointer(evidence)
        if pointer is None or not pointer.exists():
            raise ENDORSEMENTS_MISSING(f"a platform of type {evidence.type}")
        digest = _read(pointer, 100).decode("ascii", "replace").strip()
        return self.archived(digest)

    def archived(self, digest: str) -> Endorsements:
        """Endorsements by their digest, as they were when they counted: for audits. Errors: CT-2243,
        CT-2244.
        """
        return archived_endorsements(self._folder, digest)

    def marks(self) -> dict[str, int]:
        """The highest numbers seen. Errors: CT-2244."""
        try:
            content = _read(self._folder / "marks.json", MAX_MARKS)
            return dict(parse_document(Marks, content, MAX_MARKS, STORE_DAMAGED).highest)
        except CoterieError as error:
            raise STORE_DAMAGED(f"marks.json: {error.detail}") from error

    def raise_marks(self, highest: Mapping[str, int]) -> None:
        """Numbers that somebody else has seen, who is believed. Errors: CT-2244, CT-1120, CT-1121."""
        with self._alone():
            known = self.marks()
            self._write_marks(
                {**known, **{name: max(seen, known.get(name, seen)) for name, seen in highest.items()}}
            )

    def _archive(self, endorsements: Endorsements) -> None:
        path = _archive_path(self._folder, endorsements.digest)
        if not path.exists():
            atomic_write(path, endorsements.to_bytes())

    def _point(self, evidence: Evidence, endorsements: Endorsements) -> None:
        pointer = self._pointer(evidence)
        # Endorsements without revocation lists, such as a host's, do not take the place of those that have
        # some.
        if pointer is None or (not endorsements.crls and pointer.exists() and self.current(evidence).crls):
            return
        atomic_write(pointer, endorsements.digest.encode())

    def _pointer(self, evidence: Evidence) -> Path | None:
        key = platform_key(evidence)
        return None if key is None else self._folder / "current" / f"{evidence.type}-{key}"

    def _write_marks(self, highest: dict[str, int]) -> None:
        atomic_write(self._folder / "marks.json", Marks(highest=highest).to_bytes())

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One process at a time reads, compares and writes."""
        descriptor = os.open(self._folder / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def archived_endorsements(folder: Path, digest: str) -> Endorsements:
    """As :meth:`EndorsementStore.archived`, from a folder in which nothing is written. Errors: CT-2243,
    CT-2244.
    """
    path = _archive_path(folder, digest)
    if not path.exists():
        raise ENDORSEMENTS_MISSING(digest[:80])
    content = _read(path, MAX_ENDORSEMENTS)
    if f"sha256:{hashlib.sha256(content).hexdigest()}" != digest:
        raise STORE_DAMAGED(f"{path.name} does not have the digest of its name")
    return Endorsements.parse(content)


def _archive_path(folder: Path, digest: str) -> Path:
    if not _DIGEST.fullmatch(digest):
        raise STORE_DAMAGED(f"'{digest[:80]}' is no digest")
    return folder / "archive" / f"{digest.removeprefix('sha256:')}.json"


def _read(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as file:
            content = file.read(limit + 1)
    except OSError as error:
        raise STORE_DAMAGED(f"{path.name}: {error.strerror}") from error
    if len(content) > limit:
        raise STORE_DAMAGED(f"{path.name} is too large")
    return content


def platform_key(evidence: Evidence) -> str | None:
    """What endorsements depend on, from evidence that nobody has verified: good for finding them, for
    nothing else.

    SNP: chip and reported TCB. Intel: the FMSPC. TPM: None, for its quote does not name its key. Errors:
    CT-2230.
    """
    if evidence.type == "snp":
        report = snp.parse(evidence.blob)
        return hashlib.sha256(report.chip_id + report.reported).hexdigest()[:32]
    if evidence.type in ("sgx", "tdx"):
        found = intel.collateral_key(evidence.blob)
        return found if found is not None and re.fullmatch(r"[0-9a-f]{12}", found) else None
    return None
