"""What a worker has done so far, one line a step, on disk before the next step begins."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from coterie.crypto import append, canonical, now, parse_json, sync_directory, timestamp, write_error

__all__ = ["Journal"]

MAX_LINE = 1024 * 1024


class Journal:
    """An append-only file of canonical JSON lines."""

    def __init__(self, path: Path) -> None:
        """Lines of an earlier attempt stay. What a crash has left of a line is taken away: nothing may follow
        it.

        :raises CoterieError: CT-1120, CT-1121, as all writing.
        """
        self._path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600), "r+b") as file:
                file.truncate(file.read().rfind(b"\n") + 1)
                os.fsync(file.fileno())
            sync_directory(path.parent)
        except OSError as error:
            raise write_error(path, error) from error

    def append(self, event: str, **fields: Any) -> None:
        append(self._path, canonical({"time": timestamp(now()), "event": event, **fields}) + b"\n")

    def entries(self) -> list[dict[str, Any]]:
        """All whole lines; a line cut by a crash is left out."""
        if not self._path.exists():
            return []
        lines = self._path.read_bytes().split(b"\n")[:-1]
        return [parse_json(line, limit=MAX_LINE) for line in lines]
