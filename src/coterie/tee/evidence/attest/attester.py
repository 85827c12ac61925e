"""What every attester does."""

from __future__ import annotations

from typing import Protocol

from coterie.tee.evidence.errors import ATTESTER_FAILED
from coterie.tee.evidence.model import REPORT_DATA, Evidence


class Attester(Protocol):
    """A platform that makes evidence of itself."""

    def quote(self, report_data: bytes) -> Evidence:
        """Evidence over 64 bytes of ``report_data``; see :class:`ReportBinding`.

        Errors: CT-2247 (no such platform here), CT-2248 (it did not give evidence).
        """
        ...


def check_report_data(report_data: bytes) -> None:
    """Errors: CT-2248 unless it has 64 bytes."""
    if len(report_data) != REPORT_DATA:
        raise ATTESTER_FAILED(f"report data has {REPORT_DATA} bytes, not {len(report_data)}")
