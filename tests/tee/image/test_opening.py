"""The first words between host and machine: inputs arrive whole, and nothing is taken that should not be."""

from __future__ import annotations

import os
import socket
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from coterie.errors import CoterieError
from coterie.tee.image.opening import GREETING, send_opening, take_opening
from coterie.tee.runner.records import Channel, Closed
from coterie.tee.sandbox.limits import RunLimits

LIMITS = RunLimits(memory=1 << 30, seconds=5, scratch=1 << 20)


@pytest.fixture
def ends() -> tuple[Channel, Channel]:
    one, other = socket.socketpair()
    return Channel(one.detach()), Channel(other.detach())


def test_inputs_arrive_whole(tmp_path: Path, ends: tuple[Channel, Channel]) -> None:
    host, machine = ends
    contents = [b"sealed" * 400_000, b"x"]
    paths = [tmp_path / "a", tmp_path / "b"]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    inside = tmp_path / "in"
    inside.mkdir()
    sent = threading.Thread(
        target=send_opening, args=(host.read, host.write, bytes(32), paths, LIMITS, b"chain")
    )
    sent.start()
    opening, endorsements = take_opening(machine.read, machine.write, inside)
    sent.join()
    assert (opening.limits, endorsements) == (LIMITS, b"chain")
    assert opening.inputs == (2_400_000, 1)
    assert [(inside / name).read_bytes() for name in ("0", "1")] == contents
    assert stat.S_IMODE((inside / "0").stat().st_mode) == 0o444


RECORD = b'{"endorsements":0,"inputs":[1],"job":"' + b"0" * 64 + b'","memory":1,"scratch":1,"seconds":1}'


@pytest.mark.parametrize(
    ("record", "code"),
    [
        (b"[]", "CT-2293"),
        (RECORD.replace(b"1}", b"0}"), "CT-2293"),
        (RECORD.replace(b"[1]", b"[0]"), "CT-2293"),
        (RECORD.replace(b"[1]", b"[" + b",".join([b"1"] * 17) + b"]"), "CT-2293"),
        (RECORD.replace(b"1}", b'1,"shell":1}'), "CT-2293"),
        (RECORD.replace(b'"00', b'"0'), "CT-2293"),
        (RECORD[:-1], "CT-1110"),
        (b" " * 5000, "CT-2293"),
    ],
)
def test_an_opening_that_is_none_is_refused(
    tmp_path: Path, ends: tuple[Channel, Channel], record: bytes, code: str
) -> None:
    host, machine = ends
    host.write(memoryview(len(record).to_bytes(4, "big") + record))
    with pytest.raises(CoterieError) as caught:
        take_opening(machine.read, machine.write, tmp_path)
    assert caught.value.code == code
    assert list(tmp_path.iterdir()) == []


def test_an_input_that_never_ends_is_cut_with_the_line(tmp_path: Path, ends: tuple[Channel, Channel]) -> None:
    host, machine = ends
    host.write(memoryview(len(RECORD).to_bytes(4, "big") + RECORD))
    host.close()
    with pytest.raises(Closed):
        take_opening(machine.read, lambda _: None, tmp_path)


def _grow(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


@pytest.mark.parametrize("change", [lambda path: os.truncate(path, 1), _grow])
def test_an_input_that_changes_meanwhile_is_not_sent_as_another(
    tmp_path: Path, ends: tuple[Channel, Channel], change: Callable[[Path], None]
) -> None:
    host, machine = ends
    path = tmp_path / "a"
    path.write_bytes(b"sealed")
    sent = bytearray()

    def write(data: memoryview) -> None:
        if not sent:  # the record, which says how long it is
            change(path)
        sent.extend(data)

    machine.write(memoryview(GREETING))
    if path.stat().st_size == 6 and change is _grow:
        send_opening(host.read, write, bytes(32), [path], LIMITS)
        assert sent.endswith(b"sealed")
        return
    with pytest.raises(OSError, match="shorter"):
        send_opening(host.read, write, bytes(32), [path], LIMITS)
