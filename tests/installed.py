"""The environment of nodes in processes of their own."""

from __future__ import annotations

import os
from pathlib import Path

ABSENT = Path(__file__).parent / "absent"


def as_installed() -> dict[str, str]:
    """This process's environment, without what only tests have installed."""
    before = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(ABSENT), *([before] if before else [])])}
