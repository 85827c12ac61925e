"""Intel TDX and AMD SEV-SNP guests: Linux's ``configfs-tsm``.

Source: the kernel's ``Documentation/ABI/testing/configfs-tsm-report``. A report is a folder that is made
for it; it has ``inblob`` to write to, and ``outblob``, ``auxblob``, ``provider``, ``generation`` to read
from. Not run on hardware.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from coterie.tee.evidence.attest.attester import check_report_data
from coterie.tee.evidence.errors import ATTESTER_FAILED, ATTESTER_MISSING
from coterie.tee.evidence.model import MAX_BLOB, Evidence, EvidenceType

REPORTS: Final = Path("/sys/kernel/config/tsm/report")
PROVIDERS: Final[dict[str, EvidenceType]] = {"sev_guest": "snp", "tdx_guest": "tdx"}


class TsmAttester:
    """Evidence of the confidential VM that this process runs in."""

    def __init__(
        self, reports: Path = REPORTS, *, vmpl: int | None = None, kind: EvidenceType | None = None
    ) -> None:
        """:param reports: where the kernel has the reports.
        :param vmpl: privilege level to ask for (SNP); None takes the kernel's default.
        :param kind: the type of evidence that is wanted; None takes what the machine gives.

        Errors: CT-2247.
        """
        if not reports.is_dir():
            raise ATTESTER_MISSING(f"there is no {reports}")
        self._reports = reports
        self._vmpl, self._kind = vmpl, kind

    def quote(self, report_data: bytes) -> Evidence:
        """Evidence over 64 bytes; ``aux`` has the host's certificates where it gave some. Errors: CT-2247,
        CT-2248.
        """
        check_report_data(report_data)
        try:
            with self._report() as folder:
                writes = 1
                if self._vmpl is not None:
                    (folder / "privlevel").write_bytes(b"%d" % self._vmpl)
                    writes += 1
                (folder / "inblob").write_bytes(report_data)
                provider = _read(folder / "provider").decode("ascii", "replace").strip()
                blob = _read(folder / "outblob")
                auxiliary = folder / "auxblob"
                extra = _read(auxiliary) if auxiliary.exists() else b""
                generation = _read(folder / "generation").strip()
        except OSError as error:
            raise ATTESTER_FAILED(f"{error.filename or self._reports}: {error.strerror}") from error
        # "Userspace can detect conflicts by … making sure the number of writes matches expected."
        if generation != b"%d" % writes:
            raise ATTESTER_FAILED("another process wrote to this report")
        if provider not in PROVIDERS:
            raise ATTESTER_MISSING(f"the kernel's provider is '{provider[:40]}'")
        if self._kind not in (None, PROVIDERS[provider]):
            raise ATTESTER_MISSING(f"this machine gives {PROVIDERS[provider]}, not {self._kind}")
        return Evidence.of(PROVIDERS[provider], blob, {"certificates": extra} if extra else {})

    @contextmanager
    def _report(self) -> Iterator[Path]:
        folder = self._reports / f"coterie-{secrets.token_hex(8)}"
        folder.mkdir()
        try:
            yield folder
        finally:
            folder.rmdir()


def _read(path: Path) -> bytes:
    with path.open("rb", buffering=0) as file:
        content = b""
        while piece := file.read(MAX_BLOB + 1 - len(content)):
            content += piece
    if len(content) > MAX_BLOB:
        raise ATTESTER_FAILED(f"{path.name} is larger than {MAX_BLOB} bytes")
    return content
