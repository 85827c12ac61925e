"""A party's own results: in its folder, in its ledger, and known to its node."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from coterie.crypto import atomic_write, digest, sync_directory

from .artefacts import Artefacts

__all__ = ["Results"]


class Shelf(Protocol):
    """Who is told of results."""

    def ledger(self, kind: str, body: Mapping[str, Any]) -> None:
        """Write to the party's ledger. MUST return only once the entry is on disk."""

    def published(self, kind: str, name: str, path: Path, content: str, size: int) -> None:
        """A result is there: its kind, name, file, digest and size in bytes."""


class Results:
    """What one job gives to this party."""

    def __init__(self, job: str, directory: Path, shelf: Shelf) -> None:
        self._job, self._directory, self._shelf = job, directory, shelf
        self._artefacts = Artefacts(directory / "artefacts")

    def publish(self, step: str, kind: str, name: str, content: bytes) -> None:
        """Keep a result under ``results/<step>/<name>``. Errors: CT-1120, CT-1121, CT-1303."""
        key = self._artefacts.put(content)
        path = self._directory / "results" / step / Path(name).name
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        draft = path.with_name(f".{path.name}.tmp")
        try:
            draft.unlink(missing_ok=True)
            os.link(self._artefacts.path(key), draft)
            draft.replace(path)  # of a step that is repeated: the old file or the new one is there
            draft.unlink(missing_ok=True)  # two names of one file stay two
            sync_directory(path.parent)
        except OSError:  # a file system without hard links
            atomic_write(path, content)
        body = {"step": step, "kind": kind, "name": name, "content": digest(content), "size": len(content)}
        self._shelf.ledger("result", {"job": self._job, **body})
        self._shelf.published(kind, f"{step}/{name}", path, digest(content), len(content))
