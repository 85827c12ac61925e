"""Code inside of the walls that tries to get out: each attempt fails, and each of the limits holds."""

from __future__ import annotations

import json
import platform
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from coterie.errors import CoterieError
from coterie.tee.sandbox import landlock
from coterie.tee.sandbox.command import Sandbox
from coterie.tee.sandbox.limits import RunLimits
from tests.tee.runner.world import SMALL, World

Make = Callable[[str], World]

DENIED = "PermissionError 1"
CLOSED = "PermissionError 13"
READ_ONLY = "OSError 30"
EXPECTED: dict[str, tuple[str, ...]] = {
    "socket": (DENIED,),
    "unix socket": (DENIED,),
    "socket pair": (DENIED,),
    "network": (DENIED,),
    "fork": (DENIED,),
    "vfork": (DENIED,),
    "clone": (DENIED,),
    "clone3": ("OSError 38",),
    "namespace": (DENIED,),
    "exec": (DENIED,),
    "subprocess": (DENIED,),
    "write root": (READ_ONLY,),
    "write image": (READ_ONLY, CLOSED),
    "write input": (READ_ONLY, CLOSED),
    "write shm": ("FileNotFoundError 2",),
    "scratch without end": ("OSError 28",),
    "link": (DENIED,),
    "device": (DENIED,),
    "list proc": (CLOSED,),
    "own memory": (CLOSED,),
    "memory of others": (CLOSED,),
    "maps of others": (CLOSED,),
    "environment of others": (CLOSED,),
    "ptrace": (DENIED,),
    "read process": (DENIED,),
    "signal others": (DENIED,),
    # Libraries signal their own threads so. Before version 6 of Landlock the kernel sends it, to no effect:
    # the first process of a namespace takes no signal from inside.
    "signal others by thread": (DENIED, "done: 0"),
    "memory file": (DENIED,),
    "shared memory": (DENIED,),
    "all memory": ("MemoryError",),
    "dumpable": (DENIED,),
    "core limit": ("ValueError",),
    "memory limit": ("ValueError",),
    "keys": (DENIED,),
    "io_uring": (DENIED,),
    "bpf": (DENIED,),
    "perf": (DENIED,),
    "mount": (DENIED,),
    "pass a descriptor": (DENIED,),
    "is dumpable": ("done: 0",),
    "thread": (f"done: '{CLOSED}'",),
}


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the numbers of its raw calls are those of x86-64")
def test_every_attempt_from_inside_fails(world: Make) -> None:
    made = world("attacks")
    (output,) = made.run().outputs
    found = json.loads(made.open(output, "lender"))
    assert {name: said for name, said in found.items() if said not in EXPECTED[name]} == {}
    assert sorted(found) == sorted(EXPECTED)


@pytest.mark.parametrize(
    ("attempt", "code", "detail"),
    [
        ("large", "CT-2295", "100,001 bytes of metrics of step train, where 100,000 are allowed"),
        ("many", "CT-2295", "more than 1 of metrics of step train"),
        ("kind", "CT-2295", "a kind and step that are not listed"),
        ("few", "CT-2295", "metrics of step train is over fewer than 100 rows"),
        ("unsaid", "CT-2295", "metrics of step train does not say how many rows are behind it"),
        ("other", "CT-2295", "metrics of step train to others than the manifest lists"),
        ("nobody", "CT-2295", "metrics of step train to others than the manifest lists"),
        ("twice", "CT-2295", "two of one name for one receiver, metrics of step train among them"),
        ("name", "CT-2295", "metrics of step train under a name that is none"),
        ("raise", "CT-2296", "ValueError"),  # and nothing of the row that its message holds
        ("memory", "CT-2292", ""),
        ("crash", "CT-2290", "by signal 6"),
        ("print", "CT-2290", "by signal 6"),  # what it printed is nowhere
    ],
)
def test_what_fails_inside_says_no_word_of_the_data(
    world: Make, attempt: str, code: str, detail: str
) -> None:
    made = world(attempt)
    steps: list[str] = []
    made.watch = steps.append
    with pytest.raises(CoterieError) as caught:
        made.run(replace(SMALL, memory=1 << 29))
    assert (caught.value.code, caught.value.detail) == (code, detail)
    assert made.canary not in repr(vars(caught.value)) + repr(steps)
    assert list((made.home / "results").iterdir()) == []


def test_time_is_limited(world: Make) -> None:
    made = world("spin")
    with pytest.raises(CoterieError) as caught:
        made.run(replace(SMALL, seconds=3))
    assert caught.value.code == "CT-2291"


class Little(RunLimits):
    """Of the processor's time there are two seconds, whatever the clock says."""

    def arguments(self) -> list[str]:
        memory, _, scratch = super().arguments()
        return [memory, "3", scratch]


def test_time_of_the_processor_is_limited(world: Make) -> None:
    with pytest.raises(CoterieError) as caught:
        world("spin").run(Little(1 << 30, 60, 1 << 20))
    assert (caught.value.code, caught.value.detail) == ("CT-2291", "60 s on every core")


class Odd(RunLimits):
    """Limits that are none."""

    def arguments(self) -> list[str]:
        return ["all", "of", "it"]


def test_what_is_not_confined_does_not_run(world: Make) -> None:
    with pytest.raises(CoterieError) as caught:
        world("sum").run(Odd())
    assert caught.value.code == "CT-2287"
    assert "invalid literal" in caught.value.detail


def test_a_run_ends_when_its_host_says_so(world: Make) -> None:
    made = world("wait")
    cancelled = threading.Event()
    made.watch = lambda where: cancelled.set() if where == "step train" else None
    with pytest.raises(CoterieError) as caught:
        made.run(cancelled=cancelled)
    assert caught.value.code == "CT-2297"


def test_without_bubblewrap_there_is_no_run(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, sandbox: Sandbox
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CoterieError) as caught:
        sandbox.command([], SMALL)
    assert caught.value.code == "CT-2285"


def test_where_namespaces_are_forbidden_the_host_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, world: Make
) -> None:
    fake = tmp_path / "bin" / "bwrap"
    fake.parent.mkdir()
    fake.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    fake.chmod(0o755)
    made = world("sum")
    monkeypatch.setenv("PATH", str(fake.parent), prepend=":")
    with pytest.raises(CoterieError) as caught:
        made.run()
    assert (caught.value.code, caught.value.detail) == ("CT-2286", "No permissions to create new namespace")


def test_a_process_with_threads_is_not_confined() -> None:
    code = (
        "import threading, time; threading.Thread(target=time.sleep, args=(9,), daemon=True).start();"
        "from coterie.tee.sandbox.confine import confine; confine(1 << 30, 60, 1)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "CT-2287" in ended.stderr
    assert "other threads" in ended.stderr


def test_a_kernel_without_landlock_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landlock, "version", lambda: 0)
    with pytest.raises(CoterieError) as caught:
        landlock.restrict_files([], [])
    assert caught.value.code == "CT-2287"


def test_to_do_without_landlock_is_seen_in_the_measurement(sandbox: Sandbox) -> None:
    without = replace(sandbox, landlock=False).measure()
    assert without.measurement != sandbox.measure().measurement
    assert b"env COTERIE_WITHOUT_LANDLOCK=1\n" in without.listing


@pytest.mark.parametrize("limits", [(0, 1, 1), (1, 0, 1), (1, 1, -1)])
def test_limits_are_more_than_nothing(limits: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="limits"):
        RunLimits(*limits)
