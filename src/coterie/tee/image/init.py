"""The first program of the machine, ``/init`` of its first file system: it has the kernel check every block
of the image from here on, and gives the machine over to what lies there.

No shell, no configuration, no network. It knows one word of the kernel's command line, which is measured at
launch: ``coterie.verity=ROOT,BLOCKS``. Whatever fails ends the machine.

It is run by the image's interpreter with little of the standard library, and imports nothing of the house.
"""

import ctypes
import fcntl
import os
import struct
import sys
import time

LIBRARY = f"coterie/lib/python{sys.version_info[0]}.{sys.version_info[1]}"
PYTHON = f"/coterie/bin/python{sys.version_info[0]}.{sys.version_info[1]}"
PACKAGES = f"import sys; sys.path.append('/{LIBRARY}/site-packages')"
GUEST = f"{PACKAGES}; import coterie.tee.image.guest as it; it.main()"
DISK = "/dev/vda"
BLOCK, SECTOR = 4096, 512
PATIENCE = 30.0
"""Seconds for the disk to be there."""

READ_ONLY, NO_SUID, NO_DEV, NO_EXEC, MOVE = 1, 2, 4, 8, 8192
"""MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_MOVE (linux/mount.h)."""
INIT_MODULE = 175
EXISTS, NO_DEVICE = 17, 19
POWER_OFF = 0x4321FEDC
CREATE, RESUME, LOAD = 0xC138FD03, 0xC138FD06, 0xC138FD09
"""DM_DEV_CREATE, DM_DEV_SUSPEND, DM_TABLE_LOAD (linux/dm-ioctl.h)."""
HEADER = struct.Struct("=IIIIIIiIIIQ128s129s7x")
TARGET = struct.Struct("=QQiI16s")

libc = ctypes.CDLL(None, use_errno=True)


def mount(
    source: str, target: str, kind: str, flags: int = NO_SUID | NO_DEV | NO_EXEC, data: str = ""
) -> None:
    """mount(2). Raises OSError."""
    os.makedirs(target, exist_ok=True)  # noqa: PTH103 - few imports: what is not there is not measured
    words = (source.encode(), target.encode(), kind.encode(), ctypes.c_ulong(flags), data.encode())
    if libc.mount(*words) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"mount {target}: {os.strerror(number)}")


def load_modules() -> None:
    """In the order of their names; one for another platform finds no device, and is left."""
    for name in sorted(os.listdir("/modules")):  # noqa: PTH208
        with open(f"/modules/{name}", "rb") as file:  # noqa: PTH123
            code = file.read()
        call = (ctypes.c_long(INIT_MODULE), code, ctypes.c_ulong(len(code)), b"")
        if libc.syscall(*call) != 0 and ctypes.get_errno() not in (EXISTS, NO_DEVICE):
            number = ctypes.get_errno()
            raise OSError(number, f"module {name}: {os.strerror(number)}")


def expected(line: str) -> tuple[str, int]:
    """Root of the tree of hashes, in hex, and blocks of data, by the kernel's command line."""
    found = [word.partition("=")[2] for word in line.split() if word.startswith("coterie.verity=")]
    root, _, blocks = found[0].partition(",") if len(found) == 1 else ("", "", "")
    if len(root) != 64 or root.strip("0123456789abcdef") or not blocks.isdecimal():
        raise ValueError("the command line does not name the image")
    return root, int(blocks)


def request(flags: int = 0, *, target: bytes = b"") -> bytearray:
    """``struct dm_ioctl`` for the device ``coterie``, with one target or none."""
    size = HEADER.size + len(target)
    count = 1 if target else 0
    head = HEADER.pack(4, 0, 0, size, HEADER.size, count, 0, flags, 0, 0, 0, b"coterie", b"")
    return bytearray(head + target)


def checked_disk(root: str, blocks: int) -> str:
    """Put dm-verity before the disk, and give the path of the device that it makes."""
    deadline = time.monotonic() + PATIENCE
    while not os.path.exists(DISK):  # noqa: PTH110
        if time.monotonic() > deadline:
            raise OSError(f"there is no {DISK}")
        time.sleep(0.01)
    words = f"1 {DISK} {DISK} {BLOCK} {BLOCK} {blocks} {blocks + 1} sha256 {root} -"
    line = words.encode() + b"\0"
    line += bytes(-len(line) % 8)
    target = TARGET.pack(0, blocks * (BLOCK // SECTOR), 0, TARGET.size + len(line), b"verity") + line
    control = os.open("/dev/mapper/control", os.O_RDWR | os.O_CLOEXEC)
    try:
        fcntl.ioctl(control, CREATE, request())
        fcntl.ioctl(control, LOAD, request(READ_ONLY, target=target))
        fcntl.ioctl(control, RESUME, request())
    finally:
        os.close(control)
    return "/dev/dm-0"


def go() -> None:
    """Everything up to the program in the image, which takes this process's place."""
    mount("proc", "/proc", "proc")
    mount("sysfs", "/sys", "sysfs")
    mount("devtmpfs", "/dev", "devtmpfs", NO_SUID | NO_EXEC)
    load_modules()
    with open("/proc/cmdline", encoding="ascii", errors="replace") as file:  # noqa: PTH123
        root, blocks = expected(file.read())
    mount(checked_disk(root, blocks), "/image", "erofs", READ_ONLY | NO_SUID | NO_DEV)
    mount("configfs", "/sys/kernel/config", "configfs")
    for name in ("proc", "sys", "dev"):
        mount(f"/{name}", f"/image/{name}", "", MOVE)
    for name in ("in", "tmp"):
        mount("tmpfs", f"/image/{name}", "tmpfs", data="mode=0755" if name == "in" else "mode=1777")
    os.chdir("/image")
    mount(".", "/", "", MOVE)
    os.chroot(".")
    os.chdir("/")
    environment = {"LC_ALL": "C.UTF-8", "LD_LIBRARY_PATH": "/coterie/lib", "TZ": "UTC"}
    os.execve(PYTHON, [PYTHON, "-I", "-S", "-B", "-X", "utf8", "-c", GUEST], environment)  # noqa: S606


if __name__ == "__main__":
    try:
        go()
    except BaseException as error:  # noqa: BLE001 - whatever it is: the machine must not go on
        os.write(2, f"coterie: {error}\n".encode(errors="replace")[:1000])
    time.sleep(0.2)  # the console is slow
    libc.reboot(POWER_OFF)
