"""A kernel's folder of modules, with files that say what they need as real ones do."""

from __future__ import annotations

import gzip
import lzma
from pathlib import Path

BUILTIN = "kernel/drivers/virtio/virtio_pci.ko\nkernel/drivers/char/virtio_console.ko\n"


def module(*strings: str) -> bytes:
    return b"\x7fELF of a test\0" + b"".join(one.encode() + b"\0" for one in strings)


def kernel(folder: Path) -> Path:
    """Modules as Debian's kernel has them: some built in, some packed, some that need others."""
    files = {
        "kernel/drivers/block/virtio_blk.ko": module("license=GPL", "depends=", "name=virtio_blk"),
        "kernel/drivers/md/dm-mod.ko": module("depends="),
        "kernel/drivers/md/dm-verity.ko": module("depends=dm-mod,reed_solomon", "name=dm_verity"),
        "kernel/lib/reed_solomon.ko": module("depends="),
        "kernel/fs/erofs/erofs.ko": module("softdep=pre: crc32c-x dm-mod nothing", "depends="),
        "kernel/crypto/crc32c-x.ko": module("depends="),
        "kernel/fs/configfs.ko": module("depends="),
        "kernel/drivers/virt/tsm.ko": module("depends=configfs"),
        "kernel/drivers/virt/sev-guest.ko": module("depends=tsm"),
        "kernel/net/never.ko": module("depends="),
    }
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    packed = folder / "kernel/drivers/md/dm-verity.ko"
    packed.with_name("dm-verity.ko.xz").write_bytes(lzma.compress(packed.read_bytes()))
    packed.unlink()
    packed = folder / "kernel/fs/configfs.ko"
    packed.with_name("configfs.ko.gz").write_bytes(gzip.compress(packed.read_bytes()))
    packed.unlink()
    (folder / "modules.builtin").write_text(BUILTIN)
    return folder
