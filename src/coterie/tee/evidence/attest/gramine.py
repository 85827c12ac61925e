"""SGX enclaves that Gramine runs: its pseudo-files under ``/dev/attestation``.

Source: Gramine's documentation, *Attestation and Secret Provisioning*, low-level interface:
``attestation_type``, ``user_report_data`` (64 bytes, written), ``quote`` (read). Not run on hardware.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from coterie.tee.evidence.attest.attester import check_report_data
from coterie.tee.evidence.errors import ATTESTER_FAILED, ATTESTER_MISSING
from coterie.tee.evidence.model import MAX_BLOB, Evidence

FOLDER: Final = Path("/dev/attestation")


class GramineAttester:
    """Evidence of the SGX enclave that this process is."""

    def __init__(self, folder: Path = FOLDER) -> None:
        """Errors: CT-2247 outside of Gramine, and where it was built without DCAP attestation."""
        try:
            kind = (folder / "attestation_type").read_text(encoding="ascii", errors="replace").strip()
        except OSError as error:
            raise ATTESTER_MISSING(f"{folder}: {error.strerror}") from error
        if kind != "dcap":
            raise ATTESTER_MISSING(f"Gramine's attestation type is '{kind[:40]}', not dcap")
        self._folder = folder

    def quote(self, report_data: bytes) -> Evidence:
        """Evidence over 64 bytes. Errors: CT-2248."""
        check_report_data(report_data)
        try:
            (self._folder / "user_report_data").write_bytes(report_data)
            with (self._folder / "quote").open("rb") as file:
                blob = file.read(MAX_BLOB + 1)
        except OSError as error:
            raise ATTESTER_FAILED(f"{error.filename or self._folder}: {error.strerror}") from error
        if not blob:
            raise ATTESTER_FAILED("Gramine gave an empty quote")
        return Evidence.of("sgx", blob)
