"""Kernel modules that the image's first program loads: found in a kernel's folder, unpacked, in order.

A module names those that it needs in its section ``.modinfo`` (Linux scripts/mod/modpost.c): strings
``name=value``, each ended by a zero byte.
"""

from __future__ import annotations

import gzip
import lzma
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from coterie.tee.image.errors import KERNEL_UNFIT

NEEDED: Final = ("virtio_pci", "virtio_blk", "dm_verity", "erofs", "virtio_console", "configfs", "tsm")
"""The disk, what checks it, its file system, the way to the host, where evidence is asked for."""
PLATFORMS: Final = ("sev_guest", "tdx_guest")
"""Whose device each hides where it is on the other's platform."""
_LARGEST: Final = 64 * 1024 * 1024
_DEPENDS = re.compile(rb"\0depends=([A-Za-z0-9_,-]*)(?=\0)")
_BEFORE = re.compile(rb"\0softdep=pre: ([A-Za-z0-9_ -]*)(?=\0)")
_SUFFIX = re.compile(r"\.ko(?:\.xz|\.gz)?$")


def modules_of(folder: Path) -> list[tuple[str, bytes]]:
    """Names and contents of the modules to load, each behind those that it needs.

    :param folder: ``lib/modules/VERSION`` of one kernel. What the kernel has built in (``modules.builtin``)
        is left out, and so are modules for a platform that it does not know.

    Errors: CT-2302.
    """
    builtin = folder / "modules.builtin"
    try:
        inside = {_name(Path(line)) for line in builtin.read_text(encoding="ascii").splitlines()}
        files = {_name(path): path for path in sorted(folder.rglob("*.ko*")) if _SUFFIX.search(path.name)}
    except (OSError, UnicodeDecodeError) as error:
        raise KERNEL_UNFIT(f"{builtin} cannot be read") from error
    found: dict[str, bytes] = {}
    for name in (*NEEDED, *(name for name in PLATFORMS if name in files)):
        _add(name, files, inside, found, ())
    return list(found.items())


def _add(
    name: str, files: dict[str, Path], inside: set[str], found: dict[str, bytes], waiting: tuple[str, ...]
) -> None:
    if name in inside or name in found:
        return
    if name in waiting:
        raise KERNEL_UNFIT(f"{name} needs itself")
    if name not in files:
        if name == "tsm":  # from Linux 6.7 on; its interface is optional for machines that only simulate
            return
        raise KERNEL_UNFIT(f"there is no module {name}")
    content = _unpacked(files[name])
    for needed in _depends(name, content):
        _add(needed, files, inside, found, (*waiting, name))
    for match in _BEFORE.finditer(content):
        for wished in match[1].decode().replace("-", "_").split():
            if wished in files:  # or an alias, of which the kernel knows what it means
                _add(wished, files, inside, found, (*waiting, name))
    found[name] = content


def _depends(name: str, content: bytes) -> Iterator[str]:
    match = _DEPENDS.search(content)
    if match is None:
        raise KERNEL_UNFIT(f"{name} is no kernel module")
    for needed in match[1].decode().split(","):
        if needed:
            yield needed.replace("-", "_")


def _unpacked(path: Path) -> bytes:
    try:
        if path.suffix == ".xz":
            with lzma.open(path) as packed:
                content = packed.read(_LARGEST + 1)
        elif path.suffix == ".gz":
            with gzip.open(path) as packed:
                content = packed.read(_LARGEST + 1)
        else:
            content = path.read_bytes()
    except (OSError, lzma.LZMAError, EOFError) as error:
        raise KERNEL_UNFIT(f"{path} cannot be unpacked") from error
    if len(content) > _LARGEST:
        raise KERNEL_UNFIT(f"{path} is larger than {_LARGEST:,} bytes")
    return content


def _name(path: Path) -> str:
    return _SUFFIX.sub("", path.name).replace("-", "_")
