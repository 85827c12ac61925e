"""Error codes of images of machines: CT-2300 to CT-2305."""

from __future__ import annotations

from coterie.errors import BadInput, Unavailable, define

TOOL_MISSING = define(
    "CT-2300",
    Unavailable,
    "A program that makes images is not here",
    "Install it (Debian, Ubuntu: `apt-get install erofs-utils`).",
)
IMAGE_FAILED = define(
    "CT-2301",
    Unavailable,
    "The image was not made",
    "See that the disk has room for three times the image, and what the program said.",
)
KERNEL_UNFIT = define(
    "CT-2302",
    BadInput,
    "The kernel's modules do not fit the image",
    "Give the folder lib/modules/VERSION of the kernel that the machine will boot.",
)
DIGEST_MISSING = define(
    "CT-2303",
    Unavailable,
    "Launch digests cannot be computed here",
    "Install the extra: `pip install 'coterie[images]'`.",
)
FIRMWARE_UNFIT = define(
    "CT-2304",
    BadInput,
    "No launch digest can be computed of this",
    "Use an OVMF that is built for SEV-SNP with hashes of the kernel (Debian: `ovmf-amdsev`).",
)
MACHINE_FAILED = define(
    "CT-2305",
    Unavailable,
    "The machine for a run did not start",
    "Run the command that starts it by hand and look at its console; docs/deploy has one that works.",
)
