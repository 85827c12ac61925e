"""What an AMD SEV-SNP machine will measure at its launch, computed from what it is launched with.

By ``sev-snp-measure`` (Apache-2.0), after AMD 56860, *SEV-SNP Firmware ABI*, 8.17, and QEMU's table of the
hashes of kernel, first file system and command line.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from coterie.tee.evidence.reference import ReferenceValues
from coterie.tee.image.errors import DIGEST_MISSING, FIRMWARE_UNFIT

SNP_ACTIVE: Final = 1
"""SEV_FEATURES of a machine that uses nothing but SNP (AMD 24593, table B-4)."""


@dataclass(frozen=True)
class SnpLaunch:
    """All that QEMU's launch digest is made of."""

    firmware: Path
    """OVMF that is built for SNP and checks the hashes of the kernel."""
    kernel: Path
    initrd: Path
    command_line: str
    vcpus: int
    vcpu_type: str
    """QEMU's word, such as EPYC-Milan."""
    features: int = SNP_ACTIVE


def launch_digest(launch: SnpLaunch) -> bytes:
    """The 48 bytes that stand in a report's MEASUREMENT.

    Errors: CT-2303 where the library is not installed, CT-2304 for files or words that make no launch.
    """
    try:
        from sevsnpmeasure import guest, vcpu_types
    except ImportError as error:
        raise DIGEST_MISSING("the package sev-snp-measure is not installed") from error
    signature = vcpu_types.CPU_SIGS.get(launch.vcpu_type)
    if signature is None:
        raise FIRMWARE_UNFIT(f"vCPU types are {', '.join(vcpu_types.CPU_SIGS)}")
    files = (str(launch.firmware), str(launch.kernel), str(launch.initrd))
    try:
        digest: bytes = guest.snp_calc_launch_digest(
            launch.vcpus, signature, *files, launch.command_line, launch.features, ""
        )
    except OSError as error:
        raise FIRMWARE_UNFIT(f"{error.filename}: {error.strerror}") from error
    except (RuntimeError, ValueError, AssertionError, LookupError, AttributeError) as error:
        raise FIRMWARE_UNFIT(f"{launch.firmware.name}: {str(error)[:200]}") from error
    return digest


def reference_values(digest: bytes, launch: SnpLaunch) -> str:
    """A file of reference values for this launch. Which chips, and which of their versions, its reader
    decides: until then it refuses all.
    """
    text = (
        "# What this image measures. It refuses every machine until `chips` says which will do (or: any),\n"
        "# and `minimum_svns` says for each product how old its firmware may be.\n"
        "version: coterie/reference/v1\n"
        "measurements:\n"
        "  snp:\n"
        f"    # {launch.vcpus} vCPUs {launch.vcpu_type}, features {launch.features:#x}\n"
        f'    - {{measurement: "{digest.hex()}"}}\n'
        "platform:\n"
        "  types: [snp]\n"
        "  chips: []\n"
        "  # minimum_svns: {snp-milan: {bootloader: 4, tee: 0, snp: 24, microcode: 219}}\n"
    )
    ReferenceValues.parse(text.encode())
    return text
