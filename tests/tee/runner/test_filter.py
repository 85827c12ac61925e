"""The filter of system calls, held against the kernel's own tables and run as the kernel runs it."""

from __future__ import annotations

import errno
import re
import struct
from pathlib import Path

import pytest

from coterie.errors import CoterieError
from coterie.tee.sandbox.seccomp import ARCHITECTURES, program
from coterie.tee.sandbox.syscalls import ALLOWED, CONDITIONAL

HEADERS = {
    "x86_64": (
        Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
        Path("/usr/include/asm/unistd_64.h"),
    ),
    "aarch64": (Path("/usr/include/asm-generic/unistd.h"),),
}
ALLOW, KILL = 0x7FFF0000, 0x80000000
REFUSE = 0x00050000 | errno.EPERM
OTHER_NAMES = {"newfstatat": ("fstatat",)}
FORBIDDEN = (
    *(
        "socket",
        "socketpair",
        "connect",
        "bind",
        "sendmsg",
        "recvmsg",
        "sendto",
        "execve",
        "execveat",
        "kill",
    ),
    *("ptrace", "process_vm_readv", "process_vm_writev", "memfd_create", "io_uring_setup", "perf_event_open"),
    *("bpf", "keyctl", "add_key", "mount", "unshare", "setns", "seccomp", "chroot", "mknodat", "symlinkat"),
    *("linkat", "userfaultfd", "pidfd_open", "shmget", "msgget", "personality", "setuid", "clock_settime"),
)


def table(machine: str) -> dict[str, int]:
    """The kernel's numbers. Names like ``__NR3264_lseek`` are those of both sizes of machine."""
    path = next((path for path in HEADERS[machine] if path.exists()), None)
    if path is None:
        pytest.skip(f"the kernel's headers for {machine} are not installed (Debian: linux-libc-dev)")
    found = re.findall(r"#define\s+__NR(?:3264)?_(\w+)\s+(\d+)", path.read_text())
    return {name: int(number) for name, number in found}


@pytest.mark.parametrize("machine", sorted(ARCHITECTURES))
def test_the_numbers_are_the_kernels(machine: str) -> None:
    known, column = table(machine), ARCHITECTURES[machine][0]
    for name, numbers in {**ALLOWED, **CONDITIONAL}.items():
        names = (name, *OTHER_NAMES.get(name, ()))
        told = next((known[one] for one in names if one in known), None)
        if told is not None or numbers[column] is None:  # headers may be older than a call
            assert numbers[column] == told, name


@pytest.mark.parametrize("machine", sorted(ARCHITECTURES))
def test_what_is_forbidden_is_not_in_the_list(machine: str) -> None:
    known = table(machine)
    assert [name for name in FORBIDDEN if judged(machine, known[name]) != REFUSE] == []


def judged(machine: str, number: int, *arguments: int, audit: int | None = None) -> int:
    """What the filter says: the classic BPF machine in Python (seccomp(2), linux/filter.h)."""
    audit = ARCHITECTURES[machine][1] if audit is None else audit
    data = struct.pack("<IIQ6Q", number, audit, 0, *(arguments + (0,) * (6 - len(arguments))))
    code, at, held = program(machine), 0, 0
    while True:
        operation, yes, no, value = struct.unpack_from("=HBBI", code, 8 * at)
        at += 1
        if operation == 0x20:
            (held,) = struct.unpack_from("<I", data, value)
        elif operation == 0x54:
            held &= value
        elif operation == 0x06:
            return int(value)
        else:
            true = {0x15: held == value, 0x35: held >= value, 0x45: bool(held & value)}[operation]
            at += yes if true else no


@pytest.mark.parametrize("machine", sorted(ARCHITECTURES))
def test_arguments_decide_where_they_must(machine: str) -> None:
    number = {name: numbers[ARCHITECTURES[machine][0]] or 0 for name, numbers in CONDITIONAL.items()}
    thread = 0x3D0F00
    cases = [
        (("clone", thread), ALLOW),
        (("clone", 17), REFUSE),  # fork
        (("clone", 0x4111), REFUSE),  # vfork
        (("clone", thread | 0x10000000), REFUSE),  # a thread in a user namespace of its own
        (("mmap", 0, 4096, 3, 0x22), ALLOW),
        (("mmap", 0, 4096, 1, 0x01, 5), ALLOW),  # a file, shared
        (("mmap", 0, 4096, 3, 0x21), REFUSE),
        (("mmap", 0, 4096, 3, 0x23), REFUSE),
        (("mmap", 0, 4096, 3, 0x122), REFUSE),  # a stack that grows
        (("mmap", 0, 4096, 3, 0x101, 5), REFUSE),
        (("mmap", 0, 4096, 3, 0x20022), ALLOW),  # MAP_STACK: a thread's
        (("ioctl", 0, 0x5421), ALLOW),
        (("ioctl", 0, 0x5412), REFUSE),  # TIOCSTI
        (("fcntl", 0, 1030), ALLOW),
        (("fcntl", 0, 8), REFUSE),  # F_SETOWN
        (("prctl", 15), ALLOW),
        (("prctl", 4, 1), REFUSE),  # PR_SET_DUMPABLE
        (("prlimit64", 0, 4, 0, 1), ALLOW),
        (("prlimit64", 0, 4, 1, 0), REFUSE),
        (("prlimit64", 0, 4, 1 << 32, 0), REFUSE),  # a pointer whose lower half is zero
        (("clone3",), 0x00050000 | errno.ENOSYS),
    ]
    for (name, *arguments), expected in cases:
        assert judged(machine, number[str(name)], *arguments) == expected, (name, arguments)


@pytest.mark.parametrize("machine", sorted(ARCHITECTURES))
def test_calls_of_another_architecture_end_the_process(machine: str) -> None:
    assert judged(machine, 0, audit=0x40000003) == KILL  # 32-bit
    assert judged(machine, 0x40000000) == KILL  # x32
    assert judged(machine, 100_000) == REFUSE


def test_other_machines_have_no_filter() -> None:
    with pytest.raises(CoterieError) as caught:
        program("riscv64")
    assert caught.value.code == "CT-2287"
