"""What the sandbox of these tests runs. In the image it is the module ``tee_work``."""

# ruff: noqa: PTH208, PTH211, SIM115, BLE001 - attacks are written as attackers write them

from __future__ import annotations

import contextlib
import ctypes
import json
import mmap
import os
import resource
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from coterie.tee.documents.manifest import JobManifest
from coterie.tee.runner.inside import Task, serve
from coterie.tee.runner.outputs import Output

PREPARED: list[str] = []


def work(task: Task) -> Iterator[Output]:
    task.progress("align")
    tables = {owner: dataset.table() for owner, dataset in task.datasets.items()}
    task.progress("train")
    params = task.manifest.steps[1].params
    attempt = globals()[f"do_{params['attempt']}"]
    yield from attempt(task, tables, task.progress)


def metrics(value: Any, **changes: Any) -> Output:
    content = json.dumps(value).encode()
    fields = {"step": "train", "kind": "metrics", "name": "run/metrics", "content": content, "rows": 1000}
    return Output(**{**fields, **changes})


def do_sum(inputs: Any, tables: Any, progress: Any) -> Iterator[Output]:
    columns = {owner: table.column_names for owner, table in tables.items()}
    total = sum(tables["payments"].column("spend").to_pylist())
    yield metrics({"columns": columns, "spend": total, "prepared": PREPARED})
    yield Output("train", "scores", "run/scores", b"\x01" * 2_500_000, None)


def do_wait(inputs: Any, tables: Any, progress: Any) -> Iterator[Output]:
    """Data in clear everywhere that it can be, for as long as the host likes."""
    held = tables["lender"].to_pylist()
    Path("/tmp/clear").write_text(repr(held))
    progress("train")
    time.sleep(60)
    yield metrics(len(held))


def do_attacks(inputs: Any, tables: Any, progress: Any) -> Iterator[Output]:
    yield metrics({name: tried(attack) for name, attack in ATTACKS.items()})


def tried(attack: Callable[[], object]) -> str:
    try:
        return f"done: {attack()!r}"[:200]
    except OSError as error:
        return type(error).__name__ + f" {error.errno}"
    except BaseException as error:
        return type(error).__name__


def syscall(*numbers: int) -> Any:
    libc = ctypes.CDLL(None, use_errno=True)
    made = libc.syscall(*(ctypes.c_long(number) for number in numbers))
    if made < 0:
        raise OSError(ctypes.get_errno(), "refused")
    return made


def network() -> object:
    with socket.create_connection(("127.0.0.1", 9), timeout=1):
        return "connected"


ATTACKS: dict[str, Callable[[], object]] = {
    "socket": socket.socket,
    "unix socket": lambda: socket.socket(socket.AF_UNIX),
    "socket pair": socket.socketpair,
    "network": network,
    "fork": os.fork,
    "vfork": lambda: syscall(58),
    "clone": lambda: syscall(56, 17, 0, 0, 0, 0),
    "clone3": lambda: syscall(435, 0, 0),
    "namespace": lambda: syscall(272, 0x10000000),
    "exec": lambda: os.execv("/coterie/bin/python3", ["python3"]),
    "subprocess": lambda: subprocess.run(["/coterie/bin/python3"], check=False),
    "write root": lambda: Path("/clear").write_text("x"),
    "write image": lambda: Path("/coterie/start.pyc").write_bytes(b"x"),
    "write input": lambda: Path("/in/0").write_bytes(b"x"),
    "write shm": lambda: Path("/dev/shm/x").write_text("x"),
    "scratch without end": lambda: [Path(f"/tmp/{n}").write_bytes(bytes(1 << 20)) for n in range(64)],
    "link": lambda: os.symlink("/in/0", "/tmp/link"),
    "device": lambda: os.mknod("/tmp/device", 0o20600, os.makedev(1, 3)),
    "list proc": lambda: os.listdir("/proc"),
    "own memory": lambda: Path("/proc/self/mem").open("rb").read(1),
    "memory of others": lambda: Path("/proc/1/mem").open("rb").read(1),
    "maps of others": lambda: Path("/proc/1/maps").read_bytes(),
    "environment of others": lambda: Path("/proc/1/environ").read_bytes(),
    "ptrace": lambda: syscall(101, 16, 1, 0, 0),
    "read process": lambda: syscall(310, 1, 0, 0, 0, 0, 0),
    "signal others": lambda: os.kill(1, signal.SIGTERM),
    "signal others by thread": lambda: syscall(234, 1, 1, 9),
    "memory file": lambda: os.memfd_create("clear"),
    "shared memory": lambda: mmap.mmap(-1, 1 << 20),
    "all memory": lambda: bytearray(1 << 36),
    "dumpable": lambda: ctypes_prctl(4, 1),
    "core limit": lambda: resource.setrlimit(resource.RLIMIT_CORE, (-1, -1)),
    "memory limit": lambda: resource.setrlimit(resource.RLIMIT_DATA, (-1, -1)),
    "keys": lambda: syscall(248, 0, 0, 0, 0, 0),
    "io_uring": lambda: syscall(425, 8, 0),
    "bpf": lambda: syscall(321, 0, 0, 0),
    "perf": lambda: syscall(298, 0, 0, -1, -1, 0),
    "mount": lambda: syscall(165, 0, 0, 0, 0, 0),
    "pass a descriptor": lambda: syscall(46, 3, 0, 0),
    "is dumpable": lambda: ctypes_prctl(3, 0),
    "thread": lambda: thread(),  # noqa: PLW0108 - defined below
}


def ctypes_prctl(option: int, value: int) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    made = libc.prctl(option, value, 0, 0, 0)
    if made < 0:
        raise OSError(ctypes.get_errno(), "refused")
    return int(made)


def thread() -> str:
    """Threads are allowed, and bound like the rest."""
    said: list[str] = []
    one = threading.Thread(target=lambda: said.append(tried(lambda: os.listdir("/proc"))))
    one.start()
    one.join()
    return said[0]


def do_crash(inputs: Any, tables: Any, progress: Any) -> Iterator[Output]:
    os.abort()
    yield metrics(0)


def do_memory(inputs: Any, tables: Any, progress: Any) -> Iterator[Output]:
    held = [bytearray(1 << 24) for _ in range(1 << 12)]
    yield metrics(len(held))


def do_spin(inputs: Any, tables: Any, progress: Any) -> Iterator[Output]:
    while True:
        pass
    yield metrics(0)


def do_raise(inputs: Any, tables: Any, progress: Any) -> Iterator[Output]:
    raise ValueError(f"the first row is {tables['lender'].slice(0, 1).to_pylist()}")
    yield metrics(0)


def do_print(inputs: Any, tables: Any, progress: Any) -> Iterator[Output]:
    for descriptor in (0, 1, 2):
        with contextlib.suppress(OSError):
            os.write(descriptor, repr(tables["lender"].to_pylist()).encode())
    progress(repr(tables["lender"].slice(0, 1).to_pylist()))
    os.abort()
    yield metrics(0)


def do_large(inputs: Any, tables: Any, progress: Any) -> Iterator[Output]:
    yield metrics(0, content=bytes(100_001))


def do_many(inputs: Any, tables: Any, progress: Any) -> Iterator[Output]:
    yield metrics(0)
    yield metrics(0, name="run/again")


def do_kind(inputs: Any, tables: Any, progress: Any) -> Iterator[Output]:
    yield metrics(0, kind="common_ids", rows=None)


def do_few(inputs: Any, tables: Any, progress: Any) -> Iterator[Output]:
    yield metrics(0, rows=99)


def do_unsaid(inputs: Any, tables: Any, progress: Any) -> Iterator[Output]:
    yield metrics(0, rows=None)


def do_beside(task: Any, tables: Any, progress: Any) -> Iterator[Output]:
    """What the host put beside the case, and the owners beside their keys; each receiver gets its own."""
    secrets = {owner: secret.hex() for owner, secret in task.secrets.items()}
    for party in ("lender", "payments"):
        told = {"public": task.public.decode(), "secrets": secrets, "for": party}
        yield metrics(told, to=(party,))


def do_other(inputs: Any, tables: Any, progress: Any) -> Iterator[Output]:
    yield metrics(0, to=("hub",))


def do_nobody(inputs: Any, tables: Any, progress: Any) -> Iterator[Output]:
    yield metrics(0, to=())


def do_twice(inputs: Any, tables: Any, progress: Any) -> Iterator[Output]:
    yield metrics(0, to=("lender",))
    yield metrics(1)


def do_name(inputs: Any, tables: Any, progress: Any) -> Iterator[Output]:
    yield metrics(0, name="A name/of nothing")


def prepare(manifest: JobManifest) -> None:
    time.sleep(0.2)
    PREPARED.append(f"libraries of {manifest.steps[1].component}")
    raise ImportError("there is one that is not installed")


def main() -> None:
    serve(work, prepare)
