"""Runs in machines: over the machine's only port, with evidence by the machine's own platform; and every end
that a machine can find.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from coterie.errors import CoterieError
from coterie.tee.evidence.attest.home import SimulatedHome
from coterie.tee.image import machine
from coterie.tee.image.machine import Machine, MachineProcess, OwnPlatform
from tests.tee.image import stand_in
from tests.tee.joint import NOW
from tests.tee.runner.world import SMALL, World

Worlds = Callable[[str], World]


@pytest.fixture
def inside(tmp_path: Path) -> Path:
    made = tmp_path / "inside"
    made.mkdir()
    return made


def stand(image: Path, inside: Path, root: Path | str = "-", module: str = "tee_work") -> Machine:
    words = (sys.executable, "-m", stand_in.__name__, "{socket}", str(image), str(inside), str(root), "{job}")
    return Machine((*words, module))


def test_a_run_in_a_machine(world: Worlds, image: Path, inside: Path) -> None:
    made = world("sum")
    plain = made.run()
    run = made.run(machine=stand(image, inside))
    assert [one.described.name for one in run.outputs] == ["run/metrics", "run/scores"]
    for before, after in zip(plain.outputs, run.outputs, strict=True):
        assert made.open(after, "lender") == made.open(before, "lender")
    assert run.receipt.manifest == made.manifest.digest


def test_the_machines_own_platform_answers_and_the_host_is_not_asked(
    world: Worlds, image: Path, inside: Path
) -> None:
    made = world("sum")
    SimulatedHome(made.home / "sim", NOW)
    asked: list[str] = []
    made.watch = asked.append
    own = stand(image, inside, made.home / "sim")
    run = made.run(machine=own, attest=lambda *_: OwnPlatform())
    assert len(run.outputs) == 2
    assert "evidence" not in asked


def test_a_host_has_no_evidence_for_a_machine_without_a_platform(
    world: Worlds, image: Path, inside: Path
) -> None:
    made = world("sum")
    with pytest.raises(CoterieError) as caught:
        made.run(machine=stand(image, inside), attest=lambda *_: OwnPlatform())
    assert caught.value.code == "CT-2247"
    assert list((made.home / "results").iterdir()) == []


def test_an_owners_refusal_ends_the_run(world: Worlds, image: Path, inside: Path) -> None:
    made = world("sum")
    other = stand(image, inside, made.home / "other")  # a simulated root that nobody pins
    with pytest.raises(CoterieError) as caught:
        made.run(machine=other, attest=lambda *_: OwnPlatform())
    assert caught.value.code == "CT-2235"


def test_a_runner_that_dies_in_its_machine_is_told(world: Worlds, image: Path, inside: Path) -> None:
    made = world("sum")
    with pytest.raises(CoterieError) as caught:
        made.run(machine=stand(image, inside, module="no_such_module"))
    assert (caught.value.code, "last word" in caught.value.detail) == ("CT-2290", True)


def process(*words: str, seconds: int = 30, cancelled: threading.Event | None = None) -> MachineProcess:
    return MachineProcess(Machine(words, start_seconds=seconds), bytes(32), [], SMALL, cancelled)


def python(program: str) -> tuple[str, ...]:
    return (sys.executable, "-c", program, "{socket}")


def refused(*words: str, seconds: int = 30) -> CoterieError:
    with pytest.raises(CoterieError) as caught:
        process(*words, seconds=seconds)
    return caught.value


def test_a_machine_that_does_not_start_says_why() -> None:
    assert refused("/nowhere/qemu").code == "CT-2305"
    error = refused(*python("print('coterie: no image'); print('later'); exit(3)"))
    assert (error.code, error.detail) == ("CT-2305", "it ended with status 3: coterie: no image")


def test_a_machine_that_says_nothing_is_not_waited_for() -> None:
    error = refused(*python("import time; time.sleep(60)"), seconds=1)
    assert (error.code, error.detail) == ("CT-2305", "it did not connect its port")


CONNECT = "import socket, sys, time; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); "


def test_somebody_else_at_the_port_is_refused() -> None:
    assert refused(*python(CONNECT + "s.send(b'x' * 19); time.sleep(60)")).code == "CT-2293"


def test_a_machine_that_hangs_up_is_gone() -> None:
    error = refused(*python(CONNECT + "print('bye')"))
    assert (error.code, error.detail) == ("CT-2290", "the machine's last word: bye")


def test_a_run_that_is_cancelled_ends_its_machine(tmp_path: Path) -> None:
    cancelled = threading.Event()
    threading.Timer(0.5, cancelled.set).start()
    left = tmp_path / "left"
    child = f"import time; time.sleep(1.5); open({str(left)!r}, 'w')"
    program = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    with pytest.raises(CoterieError) as caught:
        process(*python(program), cancelled=cancelled)
    assert caught.value.code == "CT-2297"
    time.sleep(1.5)
    assert not left.exists()


@pytest.mark.parametrize("hears", [True, False])
def test_a_script_is_told_to_end_before_it_is_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hears: bool
) -> None:
    monkeypatch.setattr(machine, "_GRACE", 10.0 if hears else 0.2)
    script = tmp_path / "script"
    trap = "trap 'exit 1' TERM; trap 'echo ended > cleaned' EXIT" if hears else "trap '' TERM"
    script.write_text(f"#!/bin/sh\ncd {tmp_path}\n{trap}\ntouch begun\nsleep 60\n")
    script.chmod(0o755)
    cancelled = threading.Event()

    def cancel() -> None:
        while not (tmp_path / "begun").exists():
            time.sleep(0.01)
        cancelled.set()

    threading.Thread(target=cancel).start()
    began = time.monotonic()
    with pytest.raises(CoterieError) as caught:
        process(str(script), cancelled=cancelled)
    assert caught.value.code == "CT-2297"
    assert (tmp_path / "cleaned").exists() == hears
    assert time.monotonic() - began < 30


def test_the_command_is_told_where_and_what_for() -> None:
    made = Machine(("qemu", "path={socket},server=off", "host-data={job_base64}", "{job}", "{job_tdx}"))
    assert made.words(Path("/run/port"), bytes(range(32))) == [
        "qemu",
        "path=/run/port,server=off",
        "host-data=AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
        bytes(range(32)).hex(),
        "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8AAAAAAAAAAAAAAAAAAAAA",
    ]
