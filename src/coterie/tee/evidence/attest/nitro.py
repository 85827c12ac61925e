"""AWS Nitro Enclaves: the Nitro Secure Module behind ``/dev/nsm``.

Sources: the kernel's ``include/uapi/linux/nsm.h`` (NSM_IOCTL_RAW, sizes), and aws-nitro-enclaves-nsm-api
for the CBOR of requests and responses. Not run on hardware.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from coterie.errors import CoterieError
from coterie.tee.evidence import cbor
from coterie.tee.evidence.attest.attester import check_report_data
from coterie.tee.evidence.errors import ATTESTER_FAILED, ATTESTER_MISSING
from coterie.tee.evidence.model import Evidence
from coterie.tee.evidence.nitro import LAUNCH_PCR

DEVICE: Final = Path("/dev/nsm")
MOST_REQUEST, MOST_RESPONSE = 0x1000, 0x3000
_RAW: Final = 3 << 30 | 32 << 16 | 0x0A << 8  # _IOWR(NSM_MAGIC, 0, struct nsm_raw): two pairs of u64

Exchange = Callable[[bytes], bytes]


class NitroAttester:
    """Evidence of the enclave that this process runs in."""

    def __init__(self, exchange: Exchange | None = None) -> None:
        """:param exchange: takes a request in CBOR to the module and brings its response; the device's
        ioctl if None.

        Errors: CT-2247 where there is no device.
        """
        if exchange is None and not DEVICE.exists():
            raise ATTESTER_MISSING(f"there is no {DEVICE}")
        self._exchange = exchange or ioctl_exchange

    def bind_launch(self, job: bytes) -> None:
        """Extend PCR 16 by the 32-byte digest of the job and lock it, before anything else runs. Errors:
        CT-2248.
        """
        self._ask("ExtendPCR", {"index": LAUNCH_PCR, "data": job})
        self._ask("LockPCR", {"index": LAUNCH_PCR})

    def quote(self, report_data: bytes) -> Evidence:
        """Evidence over 64 bytes, as ``user_data``. Errors: CT-2248."""
        check_report_data(report_data)
        fields = {"user_data": report_data, "nonce": None, "public_key": None}
        answer = self._ask("Attestation", fields)
        document = answer.get("document") if isinstance(answer, dict) else None
        if not isinstance(document, bytes):
            raise ATTESTER_FAILED("the module's answer has no document")
        return Evidence.of("nitro", document)

    def _ask(self, name: str, fields: dict[str, Any]) -> Any:
        try:
            response = cbor.decode(self._exchange(cbor.encode({name: fields})), MOST_RESPONSE)
        except CoterieError as error:
            raise ATTESTER_FAILED(f"{name}: {error.detail}") from error
        except OSError as error:
            raise ATTESTER_FAILED(f"{name}: {error.strerror}") from error
        if response == name:  # what has nothing to say answers with its name alone
            return {}
        if isinstance(response, dict) and set(response) == {name}:
            return response[name]
        reason = response.get("Error") if isinstance(response, dict) else None
        raise ATTESTER_FAILED(f"{name}: the module says {str(reason)[:60]!r}")


class _Raw(ctypes.Structure):
    """``struct nsm_raw``: address and length of the request, then of the response."""

    _fields_ = [(name, ctypes.c_uint64) for name in ("request", "request_len", "response", "response_len")]


def ioctl_exchange(request: bytes) -> bytes:
    """Ask the device. Raises OSError."""
    if len(request) > MOST_REQUEST:
        raise ATTESTER_FAILED(f"a request of {len(request)} bytes")
    asked = ctypes.create_string_buffer(request, len(request))
    answer = ctypes.create_string_buffer(MOST_RESPONSE)
    raw = _Raw(ctypes.addressof(asked), len(request), ctypes.addressof(answer), MOST_RESPONSE)
    descriptor = os.open(DEVICE, os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.ioctl(descriptor, _RAW, raw)
    finally:
        os.close(descriptor)
    return answer.raw[: raw.response_len]
