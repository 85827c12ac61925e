"""Inside of a machine: its own platform, and what passes between host and runner."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from coterie.errors import CoterieError
from coterie.tee.evidence.attest import nitro
from coterie.tee.evidence.attest.nitro import NitroAttester
from coterie.tee.evidence.errors import ATTESTER_FAILED
from coterie.tee.evidence.model import Evidence
from coterie.tee.image import guest
from coterie.tee.image.guest import own_attester, relay
from coterie.tee.runner.records import Channel, Closed, Kind, read_error


def channels() -> tuple[Channel, Channel]:
    one, other = socket.socketpair()
    return Channel(one.detach()), Channel(other.detach())


class Platform:
    """Gives what it is asked for as evidence, or fails."""

    def __init__(self, fails: bool = False) -> None:
        self.fails = fails

    def quote(self, report_data: bytes) -> Evidence:
        if self.fails:
            raise ATTESTER_FAILED("no answer")
        return Evidence.of("snp", report_data)


def test_the_question_for_evidence_stays_inside() -> None:
    host, outside = channels()
    runner, inside = channels()
    thread = threading.Thread(target=relay, args=(outside, inside, Platform(), b"chain"))
    thread.start()
    runner.send(Kind.ASK_EVIDENCE, b"r" * 64)
    answer = runner.receive(Kind.EVIDENCE)
    assert (Evidence.parse(answer.parts[0]).blob, answer.parts[1]) == (b"r" * 64, b"chain")
    runner.send(Kind.ASK_CHALLENGE, b"lender")
    assert host.receive(*Kind).parts == (b"lender",)  # the first that it hears
    host.send(Kind.CHALLENGE, b"nonce")
    assert runner.receive(Kind.CHALLENGE).parts == (b"nonce",)
    runner.send(Kind.STEP, b"train")
    runner.send(Kind.RECEIPT, b"signed")
    assert host.receive(Kind.STEP).parts == (b"train",)
    assert host.receive(Kind.RECEIPT).parts == (b"signed",)
    host.send(Kind.TAKEN)
    assert runner.receive(Kind.TAKEN).parts == ()
    thread.join(10)
    assert not thread.is_alive()


def test_a_platform_that_fails_is_the_runners_to_tell() -> None:
    host, outside = channels()
    runner, inside = channels()
    thread = threading.Thread(target=relay, args=(outside, inside, Platform(fails=True)))
    thread.start()
    runner.send(Kind.ASK_EVIDENCE, b"r" * 64)
    error = read_error(runner.receive(Kind.REFUSED).parts[0])
    assert error.code == "CT-2248"
    runner.send(Kind.FAILED, b"{}")
    assert host.receive(Kind.FAILED).parts == (b"{}",)
    thread.join(10)
    assert not thread.is_alive()


@pytest.mark.parametrize("kind", [Kind.TAKEN, Kind.EVIDENCE, Kind.READY])
def test_a_host_that_answers_something_else_is_not_heard(kind: Kind) -> None:
    host, outside = channels()
    runner, inside = channels()
    parts = (b"", b"") if kind == Kind.EVIDENCE else ()
    runner.send(Kind.ASK_CHALLENGE, b"lender")
    host.send(kind, *parts)
    with pytest.raises(CoterieError) as caught:
        relay(outside, inside, None)
    assert caught.value.code == "CT-2293"


def test_a_runner_that_is_gone_ends_it() -> None:
    _, outside = channels()
    runner, inside = channels()
    runner.close()
    with pytest.raises(Closed):
        relay(outside, inside, None)


def test_a_machine_without_a_platform_has_none_of_its_own(tmp_path: Path) -> None:
    assert own_attester(bytes(32), tmp_path / "none", tmp_path / "nsm") is None
    (tmp_path / "report").mkdir()  # a kernel with the interface, and no device behind it
    assert own_attester(bytes(32), tmp_path / "report", tmp_path / "nsm") is None


def test_an_enclave_is_bound_to_the_job_first_of_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    class Module(NitroAttester):
        def __init__(self) -> None:
            super().__init__(lambda request: asked.append(nitro.cbor.decode(request, 4096)) or answers.pop(0))

    answers = [nitro.cbor.encode({"ExtendPCR": {"data": b"x"}}), nitro.cbor.encode("LockPCR")]
    monkeypatch.setattr(guest, "NitroAttester", Module)
    (tmp_path / "nsm").touch()
    job = bytes(range(32))
    assert isinstance(own_attester(job, tmp_path, tmp_path / "nsm"), NitroAttester)
    assert asked == [{"ExtendPCR": {"index": 16, "data": job}}, {"LockPCR": {"index": 16}}]
