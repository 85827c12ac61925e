"""Landlock: which files this process may open, by the kernel, whatever its mounts and its user allow.

landlock(7), Linux Documentation/userspace-api/landlock.rst. A restriction holds for the thread that asks
for it and those that it starts: it has to come before the first library that starts threads.
"""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from coterie.tee.sandbox.errors import NOT_CONFINED

_CREATE, _ADD, _RESTRICT = 444, 445, 446
"""The same numbers on every architecture."""
_VERSION, _BENEATH = 1, 1
_NO_NEW_PRIVILEGES: Final = 38

_EXECUTE, _WRITE, _READ, _READ_DIR = 1 << 0, 1 << 1, 1 << 2, 1 << 3
_REMOVE_DIR, _REMOVE_FILE = 1 << 4, 1 << 5
_MAKE_DIR, _MAKE_REG = 1 << 7, 1 << 8
_REFER, _TRUNCATE = 1 << 13, 1 << 14

_FILES_BY_VERSION: Final = (13, 14, 15, 15, 16)
"""How many rights over files versions 1 to 5 know; version 5 knows ioctl on devices too."""
_NET: Final = 0b11
"""From version 4: bind and connect by TCP."""
_SCOPE: Final = 0b11
"""From version 6: abstract sockets and signals to processes outside."""

_ON_FILES: Final = _EXECUTE | _WRITE | _READ | _TRUNCATE | 1 << 15
READ: Final = _READ | _READ_DIR
WRITE: Final = (
    READ | _WRITE | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_REG | _REFER | _TRUNCATE
)  # no sockets, pipes, devices or symbolic links


class _Rules(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def version() -> int:
    """Version of Landlock in this kernel; 0 where it has none."""
    libc = ctypes.CDLL(None, use_errno=True)
    return max(
        0, int(libc.syscall(ctypes.c_long(_CREATE), None, ctypes.c_size_t(0), ctypes.c_uint(_VERSION)))
    )


def restrict_files(read: Iterable[Path], write: Iterable[Path]) -> int:
    """From now on only what lies beneath ``read`` can be read, only what lies beneath ``write`` be written;
    nothing can be executed; and where the kernel knows it, no TCP port bound or connected to. For good.

    Paths that are not there are skipped. Gives the version of Landlock. Errors: CT-2287.
    """
    known = version()
    if known == 0:
        raise NOT_CONFINED("this kernel has no Landlock")
    files = (1 << _FILES_BY_VERSION[min(known, len(_FILES_BY_VERSION)) - 1]) - 1
    rules = _Rules(files, _NET if known >= 4 else 0, _SCOPE if known >= 6 else 0)
    libc = ctypes.CDLL(None, use_errno=True)
    # A kernel refuses fields that it does not know: it gets those of its version.
    size = 24 if known >= 6 else 16 if known >= 4 else 8
    made = libc.syscall(ctypes.c_long(_CREATE), ctypes.byref(rules), ctypes.c_size_t(size), ctypes.c_uint(0))
    if made < 0:
        raise _failed("a set of rules")
    try:
        for rights, paths in ((READ, read), (WRITE, write)):
            for path in paths:
                _allow(libc, made, path, rights & files)
        if libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) != 0:
            raise _failed("no new privileges")
        if libc.syscall(ctypes.c_long(_RESTRICT), ctypes.c_int(made), ctypes.c_uint(0)) != 0:
            raise _failed("the restriction")
    finally:
        os.close(made)
    return known


def _allow(libc: ctypes.CDLL, rules: int, path: Path, rights: int) -> None:
    try:
        parent = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        allowed = rights if path.is_dir() else rights & _ON_FILES
        rule = _Beneath(allowed, parent)
        call = (ctypes.c_long(_ADD), ctypes.c_int(rules), ctypes.c_int(_BENEATH))
        if libc.syscall(*call, ctypes.byref(rule), ctypes.c_uint(0)) != 0:
            raise _failed(f"a rule for {path}")
    finally:
        os.close(parent)


def _failed(what: str) -> Exception:
    number = ctypes.get_errno()
    return NOT_CONFINED(f"Landlock, {what}: {errno.errorcode.get(number, number)}")
