"""Writes a report of made-up documents, one of each kind: to look at.

``python -m tests.learn.report_gallery build/report.html``
"""

from __future__ import annotations

import sys
from pathlib import Path

from coterie.learn.report.page import render

from .report_material import facts
from .report_more import everything

__all__ = ["main"]


def main(target: Path) -> None:
    """The page in both languages."""
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(render(facts(), everything(), "both"))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
