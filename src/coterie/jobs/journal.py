"""What a worker has done so far, one line a step, on disk before the next step begins."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from coterie.crypto import canonical, now, parse_json, timestamp

__all__ = ["Journal"]

MAX_LINE = 1024 * 1024


class Journal:
    """An append-only file of canonical JSON lines."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)

    def append(self, event: str, **fields: Any) -> None:
        line = canonical({"time": timestamp(now()), "event": event, **fields}) + b"\n"
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, line)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def entries(self) -> list[dict[str, Any]]:
        """All whole lines; a line cut by a crash is left out."""
        if not self._path.exists():
            return []
        lines = self._path.read_bytes().split(b"\n")[:-1]
        return [parse_json(line, limit=MAX_LINE) for line in lines]
