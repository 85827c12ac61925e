"""A TPM 2.0 in software: Debian's ``swtpm``, spoken to by ``tpm2-tools``.

The quotes are a real TPM's in every byte; only the TPM is a process of the same machine, so the evidence is
simulated, and says so. PCR 8 holds the measurement and PCR 16 the job, each as the only extension since the
TPM started.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from coterie.crypto import now as clock
from coterie.tee.evidence import simulated
from coterie.tee.evidence.attest.attester import check_report_data
from coterie.tee.evidence.attest.home import SimulatedHome
from coterie.tee.evidence.binding import reported
from coterie.tee.evidence.errors import ATTESTER_FAILED, ATTESTER_MISSING
from coterie.tee.evidence.model import MAX_BLOB, Evidence
from coterie.tee.evidence.tpm import LAUNCH_PCR

MEASUREMENT_PCR: Final = 8
TOOLS: Final = (
    "swtpm",
    "tpm2_createprimary",
    "tpm2_evictcontrol",
    "tpm2_flushcontext",
    "tpm2_readpublic",
    "tpm2_pcrextend",
    "tpm2_pcrread",
    "tpm2_quote",
)
_HANDLE: Final = "0x81010001"
_ATTRIBUTES = "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|restricted|sign|noda"
_PATIENCE: Final = 20.0
"""Seconds for a tool, and for the TPM to start."""


class SwtpmAttester:
    """Starts a software TPM with a fresh state, and makes evidence of type ``swtpm``. Close it when done."""

    def __init__(
        self,
        home: Path,
        measurement: bytes,
        *,
        launch_bound: bytes | None = None,
        now: Callable[[], datetime] = clock,
    ) -> None:
        """:param home: folder of the simulated root; made on first use.
        :param measurement: 32 bytes that PCR 8 is extended by.
        :param launch_bound: 32-byte digest of the job, which PCR 16 is extended by.

        Errors: CT-2247 where a program is not installed, CT-2248 where the TPM does not start or answer.
        """
        missing = [tool for tool in TOOLS if shutil.which(tool) is None]
        if missing:
            raise ATTESTER_MISSING(f"not installed: {', '.join(missing)} (Debian: swtpm, tpm2-tools)")
        # swtpm takes absolute paths only, and a socket's path has 107 bytes at most.
        self._folder = Path(tempfile.mkdtemp(prefix="coterie-tpm-")).resolve()
        self._process: subprocess.Popen[bytes] | None = None
        try:
            self._start()
            key = ("-C", "e", "-G", "ecc:ecdsa-sha256:null", "-a", _ATTRIBUTES, "-c", "ak")
            self._run("tpm2_createprimary", *key)
            # Nobody manages the TPM's few places for loaded keys: this one gets a place of its own.
            self._run("tpm2_evictcontrol", "-c", "ak", _HANDLE)
            self._run("tpm2_flushcontext", "-t")
            self._run("tpm2_readpublic", "-c", _HANDLE, "-f", "der", "-o", "ak.der")
            self._extend(MEASUREMENT_PCR, measurement)
            if launch_bound is not None:
                self._extend(LAUNCH_PCR, launch_bound)
            opened = SimulatedHome(home, now())
            self._chain = opened.certify(self._read("ak.der"), now())
        except BaseException:
            self.close()
            raise
        self.pin = opened.pin
        """Digest of the simulated root's key, for :attr:`Roots.simulated`."""

    def quote(self, report_data: bytes) -> Evidence:
        """Evidence over 64 bytes, of which the quote carries SHA-256. Errors: CT-2248."""
        check_report_data(report_data)
        asked = reported("swtpm", report_data).hex()
        pcrs = f"sha256:{MEASUREMENT_PCR},{LAUNCH_PCR}"
        self._run("tpm2_quote", "-c", _HANDLE, "-l", pcrs, "-q", asked, "-m", "quote", "-s", "signature")
        self._run("tpm2_pcrread", "-o", "pcrs", pcrs)
        parts = (self._read("quote"), self._read("signature"), self._read("pcrs"))
        return Evidence.of("swtpm", simulated.seal_quote(*parts, self._chain))

    def close(self) -> None:
        """Stop the TPM; its keys are gone."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _start(self) -> None:
        socket = self._folder / "tpm"
        # tpm2-tss looks for the control socket under this name.
        line = ["swtpm", "socket", "--tpm2", "--flags", "startup-clear", "--tpmstate", f"dir={self._folder}"]
        line += ["--server", f"type=unixio,path={socket}", "--ctrl", f"type=unixio,path={socket}.ctrl"]
        if (bound := shutil.which("setpriv")) is not None:  # util-linux; who is killed cannot stop it
            line = [bound, "--pdeathsig", "KILL", *line]
        quiet = subprocess.DEVNULL
        self._process = subprocess.Popen(line, stdin=quiet, stdout=quiet, stderr=quiet)  # noqa: S603
        deadline = time.monotonic() + _PATIENCE
        while not (socket.exists() and Path(f"{socket}.ctrl").exists()):
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise ATTESTER_FAILED("swtpm did not start")
            time.sleep(0.01)

    def _extend(self, pcr: int, value: bytes) -> None:
        if len(value) != 32:
            raise ATTESTER_FAILED(f"PCR {pcr} is extended by 32 bytes, not {len(value)}")
        self._run("tpm2_pcrextend", f"{pcr}:sha256={value.hex()}")

    def _run(self, *line: str) -> None:
        environment = {
            **os.environ,
            "TPM2TOOLS_TCTI": f"swtpm:path={self._folder / 'tpm'}",
            "TSS2_LOG": "all+NONE",
        }
        try:
            done = subprocess.run(  # noqa: S603
                line, cwd=self._folder, env=environment, capture_output=True, timeout=_PATIENCE, check=False
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ATTESTER_FAILED(f"{line[0]} did not end") from error
        if done.returncode:
            words = done.stderr.decode(errors="replace").strip().splitlines()
            raise ATTESTER_FAILED(f"{line[0]}: {words[0][:200] if words else done.returncode}")

    def _read(self, name: str) -> bytes:
        content = b""
        with contextlib.suppress(OSError):
            content = (self._folder / name).read_bytes()
        if not 0 < len(content) <= MAX_BLOB:
            raise ATTESTER_FAILED(f"tpm2-tools gave no {name}")
        return content
