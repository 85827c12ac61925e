"""The filter of system calls: a program of the classic BPF machine that the kernel runs before each call.

seccomp(2), Linux Documentation/userspace-api/seccomp_filter.rst. Everything that is not allowed is refused
with EPERM, so that a library which can do without goes on; another architecture's calls end the process.
"""

from __future__ import annotations

import ctypes
import errno
import os
import platform
import struct
from typing import Final

from coterie.tee.sandbox.errors import NOT_CONFINED
from coterie.tee.sandbox.syscalls import ALLOWED, CONDITIONAL

ARCHITECTURES: Final = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
"""Column of the tables of calls, and AUDIT_ARCH (linux/audit.h)."""
SECCOMP_CALL: Final = {"x86_64": 317, "aarch64": 277}

_LOAD, _EQUAL, _ABOVE, _ANY, _AND, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
_NUMBER, _ARCHITECTURE = 0, 4
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_X32: Final = 0x40000000
_SET_FILTER, _TSYNC = 1, 1
_NO_NEW_PRIVILEGES: Final = 38

_CLONE_THREAD: Final = 0x10000
_CLONE_NAMESPACES: Final = 0x7E020080
"""CLONE_NEWTIME, NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET."""
_SHARED_ANONYMOUS: Final = 0x21
_GROWS_DOWN: Final = 0x100
_IOCTLS: Final = (0x5401, 0x5413, 0x541B, 0x5421, 0x5450, 0x5451)
"""TCGETS, TIOCGWINSZ, FIONREAD, FIONBIO, FIONCLEX, FIOCLEX."""
_FCNTLS: Final = (0, 1, 2, 3, 4, 5, 6, 7, 1030)
"""F_DUPFD, F_GETFD to F_SETFL, record locks, F_DUPFD_CLOEXEC: not F_SETOWN, F_NOTIFY, leases, seals."""
_PRCTLS: Final = (3, 15, 16, 39, 0x53564D41)
"""PR_GET_DUMPABLE, PR_SET_NAME, PR_GET_NAME, PR_GET_NO_NEW_PRIVS, PR_SET_VMA (names of mappings)."""

Instruction = tuple[int, int, int, int]


def program(machine: str) -> bytes:
    """The filter for ``x86_64`` or ``aarch64``: instructions of 8 bytes. Errors: CT-2287 for other machines.

    - ``clone`` makes threads, never processes or namespaces; ``clone3``, whose flags a filter cannot see, is
      not there (ENOSYS: the C library then uses ``clone``).
    - ``mmap`` makes neither shared anonymous memory nor stacks that grow by themselves, which the limit on
      memory does not count.
    - ``ioctl``, ``fcntl`` and ``prctl`` do a few named things; ``prlimit64`` asks and does not set.
    """
    if machine not in ARCHITECTURES:
        raise NOT_CONFINED(f"there is no filter of system calls for {machine}")
    column, audit = ARCHITECTURES[machine]
    number = {name: numbers[column] for name, numbers in CONDITIONAL.items()}
    made: list[Instruction] = [
        (_LOAD, 0, 0, _ARCHITECTURE),
        (_EQUAL, 1, 0, audit),
        (_RETURN, 0, 0, _KILL),
        (_LOAD, 0, 0, _NUMBER),
        (_ABOVE, 0, 1, _X32),
        (_RETURN, 0, 0, _KILL),
    ]
    made += _case(number["clone3"], [_refuse(errno.ENOSYS)])
    made += _case(number["clone"], _clone())
    made += _case(number["mmap"], _mmap())
    made += _case(number["ioctl"], _one_of(1, _IOCTLS))
    made += _case(number["fcntl"], _one_of(1, _FCNTLS))
    made += _case(number["prctl"], _one_of(0, _PRCTLS))
    made += _case(number["prlimit64"], _null(2))
    for numbers in ALLOWED.values():
        made += _case(numbers[column], [(_RETURN, 0, 0, _ALLOW)])
    made.append(_refuse(errno.EPERM))
    return b"".join(struct.pack("=HBBI", *one) for one in made)


def _refuse(error: int) -> Instruction:
    return (_RETURN, 0, 0, _ERRNO | error)


def _case(number: int | None, body: list[Instruction]) -> list[Instruction]:
    """``body``, which returns, for one call; the number stays loaded for the next case."""
    return [] if number is None else [(_EQUAL, 0, len(body), number), *body]


def _argument(index: int, *, high: bool = False) -> Instruction:
    return (_LOAD, 0, 0, 16 + 8 * index + (4 if high else 0))


def _clone() -> list[Instruction]:
    return [
        _argument(0),
        (_ANY, 2, 0, _CLONE_NAMESPACES),
        (_ANY, 0, 1, _CLONE_THREAD),
        (_RETURN, 0, 0, _ALLOW),
        _refuse(errno.EPERM),
    ]


def _mmap() -> list[Instruction]:
    return [
        _argument(3),
        (_ANY, 2, 0, _GROWS_DOWN),
        (_AND, 0, 0, _SHARED_ANONYMOUS),
        (_EQUAL, 0, 1, _SHARED_ANONYMOUS),
        _refuse(errno.EPERM),
        (_RETURN, 0, 0, _ALLOW),
    ]


def _one_of(index: int, values: tuple[int, ...]) -> list[Instruction]:
    """Allowed where the argument's lower half, all that the kernel reads of it, is one of these."""
    tests: list[Instruction] = [(_EQUAL, len(values) - at, 0, value) for at, value in enumerate(values)]
    return [_argument(index), *tests, _refuse(errno.EPERM), (_RETURN, 0, 0, _ALLOW)]


def _null(index: int) -> list[Instruction]:
    return [
        _argument(index),
        (_EQUAL, 0, 2, 0),
        _argument(index, high=True),
        (_EQUAL, 1, 0, 0),
        _refuse(errno.EPERM),
        (_RETURN, 0, 0, _ALLOW),
    ]


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def restrict_calls() -> None:
    """Put all threads of this process under the filter, for good. Errors: CT-2287."""
    machine = platform.machine()
    code = program(machine)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) != 0:
        raise NOT_CONFINED(f"no new privileges: {os.strerror(ctypes.get_errno())}")
    held = ctypes.create_string_buffer(code, len(code))
    asked = _Program(len(code) // 8, ctypes.cast(held, ctypes.c_char_p))
    call = ctypes.c_long(SECCOMP_CALL[machine])
    done = libc.syscall(call, ctypes.c_ulong(_SET_FILTER), ctypes.c_ulong(_TSYNC), ctypes.byref(asked))
    if done != 0:
        raise NOT_CONFINED(f"the filter of system calls: {os.strerror(ctypes.get_errno())}")
