"""Where a program is, for errors: its own line, not the engine's."""

from __future__ import annotations

import inspect
from pathlib import Path

__all__ = ["program_line"]

_HERE = str(Path(__file__).parent)


def program_line() -> str:
    """`` at file.py:123``: the innermost line outside this package; nothing where there is none."""
    frame = inspect.currentframe()
    while frame is not None and frame.f_code.co_filename.startswith(_HERE):
        frame = frame.f_back
    return f" at {Path(frame.f_code.co_filename).name}:{frame.f_lineno}" if frame else ""
