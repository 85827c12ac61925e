"""An authenticated peer that breaks the rules: a coded error on both sides, never a hang or a crash."""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from coterie.crypto import Identity
from coterie.errors import CoterieError
from coterie.wire import LinkMesh
from tests.wire.network import Network
from tests.wire.rawpeer import RawPeer, frame, message, tls_client

MIB = 1 << 20


@pytest.fixture
def beta(network: Network) -> LinkMesh:
    """A mesh that waits for alpha; alpha is played by hand."""
    return LinkMesh(
        network.identities["beta"],
        network.job,
        {"alpha": network.address("alpha")},
        patience=20,
        windows={"alpha": 4 * MIB},
    )


@pytest.fixture
def alpha(network: Network, identities: dict[str, Identity], beta: LinkMesh) -> Iterator[RawPeer]:
    network.meshes["beta"] = beta
    peer = RawPeer(identities["alpha"], network.doors["beta"].port, network.job, "beta")
    yield peer
    peer.close()


def _take_all(mesh: LinkMesh) -> None:
    while True:
        mesh.to("alpha").recv_bytes("x", 4 * MIB)


def _dead(mesh: LinkMesh, code: str) -> CoterieError:
    """Both a waiting and a later call raise ``code``."""
    with pytest.raises(CoterieError) as caught:
        _take_all(mesh)
    assert caught.value.code == code, caught.value
    with pytest.raises(CoterieError, match=code):
        mesh.to("alpha").send_bytes("x", b"")
    return caught.value


ONE = message(1, b"x", b"1")

BAD_FRAMES = {
    "garbage": (b"\xa5" * 200, "CT-1213"),
    "zeros": (b"\0" * 48, "CT-1213"),
    "http": (b"GET / HTTP/1.1\r\nHost: beta\r\n\r\n" * 3, "CT-1213"),
    "unknown kind": (frame(9, seq=1), "CT-1213"),
    "reserved bytes": (frame(3, reserved=1), "CT-1213"),
    "frame length": (frame(2, seq=1, length=0xFFFFFFFF), "CT-1213"),
    "first chunk too long": (message(1, b"x", b"", total=2 * MIB, length=2 * MIB), "CT-1213"),
    "first chunk too short": (message(1, b"x", b"", total=2 * MIB, length=10), "CT-1213"),
    "tag length": (message(1, b"", b"", tag_length=65535), "CT-1213"),
    "no tag": (message(1, b"", b"1"), "CT-1213"),
    "tag not utf-8": (message(1, b"\xff\xfe", b"1"), "CT-1213"),
    "tag not printable": (message(1, b"a\x1b[2J", b"1"), "CT-1213"),
    "message kind": (message(1, b"x", b"1", kind=7), "CT-1213"),
    "depth of 2^30": (message(1, b"x", b"1", depth=1 << 30), "CT-1213"),
    "depth of 2^32 - 1": (message(1, b"x", b"1", depth=2**32 - 1), "CT-1213"),
    "message of 2^63 bytes": (message(1, b"x", b"", total=1 << 63, length=MIB), "CT-1213"),
    "state with payload": (frame(3, data=b"x"), "CT-1213"),
    "state with number": (frame(3, seq=1), "CT-1213"),
    "data without number": (message(0, b"x", b"1"), "CT-1213"),
    "failure too long": (frame(4, length=MIB), "CT-1213"),
    "failure no record": (frame(4, data=b"[]"), "CT-1204"),
    "chunk of no message": (frame(2, seq=1, data=b"x"), "CT-1213"),
    "message within a message": (
        message(1, b"x", bytes(MIB), total=2 * MIB) + message(2, b"y", b"1"),
        "CT-1213",
    ),
    "farewell within a message": (message(1, b"x", bytes(MIB), total=2 * MIB) + frame(5, seq=2), "CT-1213"),
    "wrong next chunk": (message(1, b"x", bytes(MIB), total=2 * MIB) + frame(2, seq=2, data=b"x"), "CT-1213"),
    "number skipped": (message(2, b"x", b"1"), "CT-1214"),
    "replayed": (ONE + ONE, "CT-1214"),
    "old number": (ONE + message(2, b"x", b"2") + message(1, b"x", b"1"), "CT-1214"),
    "after farewell": (ONE + frame(5, seq=2) + message(3, b"x", b"1"), "CT-1214"),
    "acknowledges what was not sent": (frame(3, acked=5), "CT-1214"),
    "takes what was not sent": (frame(3, taken=5), "CT-1215"),
    "acknowledges 2^64 - 1": (frame(3, acked=2**64 - 1), "CT-1213"),
    "beyond the window": (b"".join(message(n, b"y", bytes(MIB)) for n in range(1, 6)), "CT-1215"),
    "empty messages beyond the window": (b"".join(message(n, b"y", b"") for n in range(1, 17000)), "CT-1215"),
}


@pytest.mark.parametrize("name", BAD_FRAMES)
def test_bad_frames(name: str, alpha: RawPeer, beta: LinkMesh, pool: ThreadPoolExecutor) -> None:
    data, code = BAD_FRAMES[name]
    alpha.hello()
    if "window" not in name:
        waiting = pool.submit(_dead, beta, code)
        alpha.send(data)
    else:
        alpha.send(data)  # nobody reads meanwhile
        deadline = time.monotonic() + 10
        while not beta.error and time.monotonic() < deadline:
            time.sleep(0.01)
        waiting = pool.submit(_dead, beta, code)
    assert alpha.read_failure()["code"] == code
    assert waiting.result(10).party == "alpha"


def test_a_record_of_10_gigabytes_is_refused_before_anything_is_allocated(
    alpha: RawPeer, beta: LinkMesh
) -> None:
    from pydantic import BaseModel

    alpha.hello()
    alpha.send(message(1, b"x", b"", total=10 << 30, kind=3, length=MIB))
    with pytest.raises(CoterieError, match="CT-1203"):
        beta.to("alpha").recv_record("x", BaseModel)
    assert alpha.read_failure()["code"] == "CT-1203"


def test_an_array_of_10_gigabytes_that_nobody_awaits_costs_the_window_at_most(
    alpha: RawPeer, beta: LinkMesh
) -> None:
    alpha.hello()
    alpha.send(message(1, b"x", bytes(MIB), total=10 << 30, kind=1))
    deadline = time.monotonic() + 5
    while not beta.has_unread() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert beta._links["alpha"].inbox.messages[0].data.nbytes == 4 * MIB
    with pytest.raises(CoterieError, match="CT-1202"):
        beta.to("alpha").recv_array("x", np.uint8, (MIB,))


BAD_HELLOS = {
    "other version": ({"version": 2}, "CT-1217"),
    "wrong job": ({"job": "0" * 32}, "CT-1216"),
    "wrong party": ({"party": "gamma"}, "CT-1216"),
    "knows another session": ({"peer_session": "1" * 32}, "CT-1218"),
    "extra field": ({"extra": 1}, "CT-1204"),
    "text for a number": ({"received": "0"}, "CT-1204"),
    "negative": ({"received": -1}, "CT-1204"),
    "tiny window": ({"window": 1}, "CT-1204"),
    "no status": ({"status": "strange"}, "CT-1204"),
    "received what was not sent": ({"received": 3}, "CT-1214"),
    "took what was not sent": ({"taken": 3}, "CT-1215"),
}


@pytest.mark.parametrize("name", BAD_HELLOS)
def test_bad_hellos(name: str, alpha: RawPeer, beta: LinkMesh) -> None:
    changes, code = BAD_HELLOS[name]
    try:
        answer = alpha.hello(**changes)
    except (EOFError, ConnectionError):
        answer = None
    if answer and answer["status"] == "gone":
        assert answer["failure"]["code"] == code
    assert _dead(beta, code).party == "alpha"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\xff" * 4, "CT-1203"),
        (struct.pack("<I", 1 << 20), "CT-1203"),
        (struct.pack("<I", 7) + b"garbage", "CT-1204"),
        (struct.pack("<I", 20) + b"[" * 20, "CT-1204"),
        (struct.pack("<I", 2) + b"{}", "CT-1204"),
        (struct.pack("<I", 0), "CT-1204"),
    ],
)
def test_a_hello_that_is_none(data: bytes, code: str, alpha: RawPeer, beta: LinkMesh) -> None:
    alpha.tls.sendall(data)
    _dead(beta, code)


def test_a_peer_that_was_started_anew_is_told_so(
    alpha: RawPeer, beta: LinkMesh, network: Network, identities: dict[str, Identity]
) -> None:
    alpha.hello()
    again = RawPeer(identities["alpha"], network.doors["beta"].port, network.job, "beta")
    answer = again.hello()
    again.close()
    assert (answer["status"], answer["failure"]["code"]) == ("gone", "CT-1218")
    _dead(beta, "CT-1218")


def test_a_reconnecting_peer_may_not_change_a_message_that_it_began(
    alpha: RawPeer, beta: LinkMesh, network: Network, identities: dict[str, Identity]
) -> None:
    alpha.hello()
    alpha.send(message(1, b"x", bytes(MIB - 1), total=MIB, length=MIB))
    deadline = time.monotonic() + 5
    while not beta.has_unread() and time.monotonic() < deadline:
        time.sleep(0.01)
    again = RawPeer(identities["alpha"], network.doors["beta"].port, network.job, "beta")
    again.session = alpha.session
    assert again.hello()["received"] == 0
    again.send(message(1, b"x", bytes(MIB), total=3 * MIB))
    assert again.read_failure()["code"] == "CT-1213"
    again.close()
    _dead(beta, "CT-1213")


def test_a_failure_report_of_a_peer_is_shown_harmlessly(alpha: RawPeer, beta: LinkMesh) -> None:
    alpha.hello()
    report = {
        "code": "CT-9999",
        "detail": "\x1b[2Jevil" + "a" * 900,
        "next_step": "do it",
        "party": None,
        "step": "train",
    }
    alpha.send(frame(4, data=json.dumps(report).encode()))
    error = _dead(beta, "CT-1001")
    assert (error.party, error.step) == ("alpha", "train")
    assert "\x1b" not in str(error)
    assert len(str(error)) < 1500


def test_silence_after_tls_is_bounded_and_harms_nobody(
    alpha: RawPeer, beta: LinkMesh, network: Network, identities: dict[str, Identity]
) -> None:
    """A connection that never says hello does not keep another one out."""
    second = RawPeer(identities["alpha"], network.doors["beta"].port, network.job, "beta")
    assert second.hello()["status"] == "ready"
    second.send(message(1, b"x", b"1"))
    assert beta.to("alpha").recv_bytes("x", 1) == b"1"
    second.close()


def test_connections_that_never_begin_tls_are_bounded(
    beta: LinkMesh, network: Network, identities: dict[str, Identity]
) -> None:
    import socket

    network.meshes["beta"] = beta
    port = network.doors["beta"].port
    idle = [socket.create_connection(("127.0.0.1", port)) for _ in range(16)]
    time.sleep(0.2)
    peer = tls_client(identities["alpha"], port, f"{network.job}.beta.coterie", "coterie-link/1")
    assert peer.recv(8) == b"coterie\x01"
    idle[0].settimeout(5)
    assert idle[0].recv(1) == b""  # it has waited longest, and made place
    idle[1].setblocking(False)
    with pytest.raises(BlockingIOError):
        idle[1].recv(1)
    for one in (peer, *idle):
        one.close()
