"""What steps leave behind, kept under the hash of its content."""

from __future__ import annotations

import hashlib
from pathlib import Path

from coterie.crypto import atomic_write, digest

from .errors import ARTEFACT_DAMAGED

__all__ = ["Artefacts"]


class Artefacts:
    """A folder of files named by SHA-256. Equal content is kept once; a damaged file is never handed out."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)

    def _path(self, name: str) -> Path:
        algorithm, _, value = name.partition(":")
        if algorithm != "sha256" or len(value) != hashlib.sha256().digest_size * 2 or not value.isalnum():
            raise ARTEFACT_DAMAGED(f"{name!r} is not the digest of an artefact")
        return self._directory / value

    def put(self, content: bytes) -> str:
        """Keep ``content``; gives its digest."""
        name = digest(content)
        path = self._path(name)
        if not path.exists():
            atomic_write(path, content)
        return name

    def get(self, name: str) -> bytes:
        """:raises CoterieError: CT-4022 where it is not there or not what it was."""
        path = self._path(name)
        content = path.read_bytes() if path.exists() else b""
        if digest(content) != name:
            raise ARTEFACT_DAMAGED(name)
        return content

    def path(self, name: str) -> Path:
        return self._path(name)
