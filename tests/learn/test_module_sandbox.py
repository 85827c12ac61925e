"""Users' modules that try to get out of their sandbox, to use it up, or to answer what nobody asked.

None of them loads PyTorch: what they do, they do before that, or in the place of what would.
"""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from coterie.errors import CoterieError
from coterie.jobs import CANCELLED
from coterie.learn.modules import Building, ModuleProcess, SandboxedTrainer
from coterie.learn.modules.layout import difference
from coterie.learn.neural import Local, Rows

pytestmark = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed here")

ROWS = Rows(np.arange(6, dtype=np.float32).reshape(3, 2), np.zeros(3, np.float32))
LOCAL = Local("binary", 1, "sgd", 0.0, 0.1, 0.0, 10, 1, 0.0, 1)
TRIED = """
import ctypes, mmap, os, resource, socket, subprocess

got = []

def tried(name, work):
    try:
        work()
    except OSError:
        return
    got.append(name)

tried("random numbers", lambda: open("/dev/urandom", "rb").read(1))
tried("own scratch", lambda: open("/tmp/own", "w").write("x"))
tried("socket", lambda: socket.socket())
tried("socket pair", lambda: socket.socketpair())
tried("home", lambda: os.listdir("/root") + os.listdir("/home"))
tried("rows", lambda: open(ROWS).read())
tried("settings of the system", lambda: open("/etc/passwd").read())
tried("other processes", lambda: os.listdir("/proc"))
tried("environment of others", lambda: open("/proc/1/environ").read())
tried("fork", os.fork)
tried("program", lambda: subprocess.run(["/usr/bin/true"]))
tried("symbolic link", lambda: os.symlink("/coterie", "/tmp/link"))
tried("the house", lambda: open("/coterie/house/coterie/errors.py", "a"))
tried("a package", lambda: open("/coterie/packages/0/mine.py", "w"))
tried("scratch without end", lambda: open("/tmp/much", "wb").write(bytes(17 << 20)))
tried("signal", lambda: os.kill(1, 9))
tried("a stack that grows", lambda: mmap.mmap(-1, 4096, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x100))
tried("page tables", lambda: mmap.mmap(-1, 1 << 37, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, mmap.PROT_READ))
if resource.getrlimit(resource.RLIMIT_STACK)[1] > 8 << 20:
    got.append("a stack without end")
if set(os.environ) - {"HOME", "JOBLIB_MULTIPROCESSING", "LC_ALL", "LD_LIBRARY_PATH", "OMP_NUM_THREADS", "PWD",
                      "TMPDIR", "TZ"}:
    got.append("variables")
raise RuntimeError("; ".join(got))
"""
FAKE = """
import sys

inside = sys.modules["coterie.learn.modules.inside"]

class Fake:
    def named_buffers(self):
        return []

def build(inputs, outputs, settings):
    pass

inside.Network._built = lambda self, seed: Fake()
inside.Network.layout = lambda self: b'[["w", [2], "parameter"]]'
"""


def building(source: str) -> Building:
    return Building(source.encode(), 2, 1, {}, seconds=20, memory=1)


def failure(work: Callable[[], object]) -> CoterieError:
    with pytest.raises(CoterieError) as caught:
        work()
    return caught.value


def test_nothing_outside_can_be_reached(tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    rows.write_text("id,income\n1,1000\n")
    error = failure(lambda: ModuleProcess(building(TRIED.replace("ROWS", repr(str(rows))))))
    assert error.code == "CT-3260"
    said = error.detail.partition(": ")[2].split("; ")
    assert said == ["random numbers", "own scratch"]  # which it may
    assert error.for_peers().detail == ""  # a module could say the rows in its words


OUT = "import os, struct\n"
WRITE = OUT + "os.write(0, {!r})\nimport time; time.sleep(60)"
THREADS = """
import threading, time
while True: threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
"""
NO_BUILD = "AttributeError: module 'module' has no attribute 'build'"
ENDS = {
    "hangs": ("import time; time.sleep(60)", "CT-3262", "1 s"),
    "takes memory": ("held = bytearray(2 << 30)", "CT-3262", "1 GiB of memory"),
    "starts threads without end": (
        THREADS,
        "CT-3260",
        "RuntimeError, line 3: can't start new thread",
    ),
    "exits": (OUT + "os._exit(3)", "CT-3261", "with status 3"),
    "says more at its end": (OUT + "os.write(2, b'row 17'); os._exit(3)", "CT-3261", "with status 3: row 17"),
    "crashes": (OUT + "os.abort()", "CT-3261", "by signal 6"),
    "is no Python": (
        "def build(",
        "CT-3260",
        "SyntaxError, line 1: '(' was never closed (module.py, line 1)",
    ),
    "is other letters than it says": (
        "# coding: utf-7\n# A comment.  +AAo-raise SystemExit",
        "CT-3260",
        NO_BUILD,
    ),
    "has no build": ("x = 1", "CT-3260", NO_BUILD),
    "prints": ("import sys\nprint('x' * 100000); sys.stdout.flush(); 1 / 0", "CT-3260", None),
    "writes garbage": (WRITE.format(b"\xff" * 100), "CT-3263", "a head that is none"),
    "announces much": (
        WRITE.format(struct.pack("<BBQ", 1, 0, 2**60)),
        "CT-3263",
        "1,152,921,504,606,846,976 bytes, where 1,048,576 are asked for",
    ),
    "has many words": (WRITE.format(struct.pack("<BBQ", 1, 1, 2**60)), "CT-3263", None),
    "answers another question": (
        WRITE.format(struct.pack("<BBQ", 3, 0, 0)),
        "CT-3263",
        "a head that is none",
    ),
}


@pytest.mark.parametrize(("source", "code", "detail"), ENDS.values(), ids=ENDS)
def test_what_does_not_build_ends_with_a_code(source: str, code: str, detail: str | None) -> None:
    made = building(source)
    if "sleep(60)" in source and code == "CT-3262":
        made = replace(made, seconds=1)
    error = failure(lambda: ModuleProcess(made))
    assert error.code == code
    assert detail is None or error.detail == detail


LAYOUTS = [
    b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00\x8c\x02os\x94.",  # a pickle
    b"[]",
    b'{"w": 1}',
    b'[["w", [2]]]',
    b'[["w", [-1], "parameter"]]',
    b'[["w", [1e30], "parameter"]]',
    b'[["w", [1152921504606846976], "parameter"]]',
    b'[["w", [true], "parameter"]]',
    b'[["w", [1,1,1,1,1,1,1,1,1], "parameter"]]',
    b'[["w", [2], "secret"]]',
    json.dumps([["w" * 300, [2], "parameter"]]).encode(),
]


def test_weights_are_named_strictly() -> None:
    """The answers of one process, and of its successors, to what it is built of."""
    from coterie.learn.modules.process import _lines

    for layout in LAYOUTS:
        assert failure(lambda layout=layout: _lines(layout)).code == "CT-3263"
    assert _lines(b'[["a.w", [2, 3], "parameter"], ["n", [], "buffer"]]') == ("a.w 2x3", "n scalar buffer")


def test_other_weights_than_the_job_says_are_refused() -> None:
    error = failure(lambda: SandboxedTrainer(building(FAKE), ("w 3",)))
    assert (error.code, error.detail) == ("CT-3268", "'w' is 2 in the network; the job says 3")
    assert "coterie module try FILE" in error.next_step


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (("a 2", "b 3x4"), "'b' is 3x4 in the network; the job says 4x3"),
        (("a 2", "b 4x3 buffer"), "'b' is 4x3 buffer in the network; the job says 4x3"),
        (("a 2", "c 4x3"), "array 2 is 'c 4x3' in the network; the job says 'b 4x3'"),
        (("a 2",), "'b 4x3' is not in the network, which has 1 of 2 arrays"),
        (("a 2", "b 4x3", "d 1"), "the network's 'd 1' is not in the job, which has 2 of 3 arrays"),
    ],
)
def test_the_first_array_that_differs_is_named(found: tuple[str, ...], words: str) -> None:
    assert difference(("a 2", "b 4x3"), found) == words


ANSWERS = {
    "short": ("train", "b'x' * 23", "23 bytes, where 24 are asked for"),
    "long": ("train", "b'x' * 25", "25 bytes, where 24 are asked for"),
    "no number of steps": ("train", "bytes(16) + b'\\xff' * 8", "a number of steps that is none"),
    "no finite sum": ("losses", "b'\\xff' * 8", "a number that is not finite"),
    "no finite outputs": ("outputs", "b'\\xff' * 24", "a number that is not finite"),
    "no finite beginning": ("initial", "b'\\xff' * 8", "a weight that is no finite number"),
}


@pytest.mark.parametrize(("asked", "answer", "detail"), ANSWERS.values(), ids=ANSWERS)
def test_answers_have_the_sizes_that_were_asked_for(asked: str, answer: str, detail: str) -> None:
    source = FAKE + f"inside.Network.{asked} = lambda *given: {answer}\n"
    weights = [np.zeros(2, np.float32)]
    with SandboxedTrainer(building(source), ("w 2",)) as trainer:
        work = {
            "train": lambda: trainer.train(weights, ROWS, LOCAL, b"seed"),
            "losses": lambda: trainer.losses(weights, ROWS, LOCAL),
            "outputs": lambda: trainer.outputs(weights, ROWS.features),
            "initial": lambda: trainer.initial(b"seed"),
        }[asked]
        error = failure(work)
    assert (error.code, error.detail) == ("CT-3263", detail)


TELLS = """
def train(self, settings, seed, given):
    return given[0][1].tobytes() + struct.pack("<dd", 123456789.0, 1.0)

inside.Network.train = train
inside.Network.losses = lambda self, settings, given: struct.pack("<d", 0.123456789)
"""


def test_what_a_sandbox_cannot_hold_are_rows_in_weights() -> None:
    """As the documents say: who signs must read the module."""
    source = FAKE + OUT + TELLS
    with SandboxedTrainer(building(source), ("w 2",)) as trainer:
        found = trainer.train([np.zeros(2, np.float32)], ROWS, LOCAL, b"seed")
        held = trainer.losses(found.weights, ROWS, LOCAL)
    assert found.weights[0].tolist() == [2.0, 3.0]
    assert found.loss == 1000.0  # but no loss of any size and as many digits
    assert held == 3 * 2**-16 * round(0.123456789 / 3 * 2**16)


def test_who_waits_for_it_can_end_it() -> None:
    def cancelled() -> None:
        raise CANCELLED("by a person")

    made = building("import time; time.sleep(60)")
    assert failure(lambda: ModuleProcess(made, cancelled)).code == CANCELLED.code


def test_without_bubblewrap_nothing_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert failure(lambda: ModuleProcess(building("x = 1"))).code == "CT-2285"
