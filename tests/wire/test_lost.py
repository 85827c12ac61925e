"""Peers that a job can do without: what ends the channel to one of them ends nothing else."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable

import numpy as np
import pytest

from coterie.errors import CoterieError
from coterie.wire import Mesh, linkmesh, local_meshes
from coterie.wire.errors import BAD_ADDRESS
from tests.wire.network import Network

NAMES = ("alpha", "beta", "gamma")
Ends = Callable[[Mesh], None]
Make = Callable[[], list[Mesh]]


@pytest.fixture(params=["local", "network"])
def make(request: pytest.FixtureRequest, network: Network) -> Make:
    if request.param == "local":
        return lambda: list(local_meshes(NAMES, window=1 << 20).values())
    return lambda: list(network.join(*NAMES, windows=dict.fromkeys(NAMES, 1 << 20)))


def fails(beta: Mesh) -> None:
    beta.fail(BAD_ADDRESS("beta's own"))


def says_what_is_not_due(beta: Mesh) -> None:
    beta.to("alpha").send_bytes("other", b"1")


def sends_too_much(beta: Mesh) -> None:
    beta.to("alpha").send_bytes("due", b"123")


def finishes(beta: Mesh) -> None:
    beta.close()


@pytest.mark.parametrize(
    ("ends", "code"),
    [
        (fails, "CT-1231"),
        (says_what_is_not_due, "CT-1201"),
        (sends_too_much, "CT-1203"),
        (finishes, "CT-1211"),
    ],
)
def test_the_job_goes_on_without_a_peer_that_may_be_lost(make: Make, ends: Ends, code: str) -> None:
    alpha, beta, gamma = make()
    for mesh in (alpha, gamma):
        mesh.may_lose(["beta"])
    beta.to("alpha").send_bytes("due", b"1")
    assert alpha.to("beta").recv_bytes("due", 1) == b"1"
    ends(beta)
    with pytest.raises(CoterieError, match=rf"CT-1250.*{code}") as lost:
        alpha.to("beta").recv_bytes("due", 2)
    assert lost.value.party == "beta"
    with pytest.raises(CoterieError, match="CT-1250"):
        alpha.to("beta").send_bytes("more", b"2")
    assert {name: error.code for name, error in alpha.lost().items()} == {"beta": code}
    alpha.to("gamma").send_bytes("on", b"3")
    assert gamma.to("alpha").recv_bytes("on", 1) == b"3"
    alpha.check()


def test_who_is_given_up_is_told_and_others_end_the_job(make: Make) -> None:
    alpha, beta, gamma = make()
    for mesh in (alpha, gamma):
        mesh.may_lose(["beta"])
    alpha.lose("beta", BAD_ADDRESS("it sent nonsense"))
    with pytest.raises(CoterieError, match="CT-1231"):
        beta.to("alpha").recv_bytes("due", 1)
    with pytest.raises(CoterieError, match="CT-1250"):
        alpha.to("beta").recv_bytes("due", 1)
    gamma.fail(BAD_ADDRESS("gamma's"))
    with pytest.raises(CoterieError, match="CT-1231"):
        alpha.to("gamma").recv_bytes("due", 1)
    with pytest.raises(CoterieError, match="CT-1231"):
        alpha.check()


def test_a_message_that_is_late_comes_later(make: Make) -> None:
    alpha, beta, _ = make()
    started = time.monotonic()
    for seconds in (0.0, 0.05):
        with pytest.raises(CoterieError, match=r"CT-1251.*'due'"):
            alpha.to("beta").recv_bytes("due", 1, seconds)
    assert time.monotonic() - started < 5
    beta.to("alpha").send_bytes("due", b"1")
    assert alpha.to("beta").recv_bytes("due", 1, 10) == b"1"


def test_messages_lift_the_depth_no_further_than_the_step_goes(make: Make) -> None:
    """One that is late comes from a longer step; one of a peer that may be lost may say anything."""
    alpha, beta, gamma = make()
    for mesh in (alpha, gamma):
        mesh.may_lose(["beta"])
    beta.account._depth = 1 << 29  # type: ignore[attr-defined]
    beta.to("alpha").send_bytes("late", b"1")
    with alpha.step("short", None, 4), gamma.step("short", None, 5):
        alpha.to("beta").recv_bytes("late", 1)
        assert alpha.depth == 4
        for _ in range(2):
            alpha.to("gamma").send_bytes("on", b"1")
            gamma.to("alpha").recv_bytes("on", 1)
            gamma.to("alpha").send_bytes("back", b"1")
            alpha.to("gamma").recv_bytes("back", 1)
        assert (alpha.depth, gamma.depth) == (4, 5)
    with beta.step("all are needed", None, 4):
        gamma.to("beta").send_bytes("1", b"1")
        beta.to("gamma").recv_bytes("1", 1)
        assert beta.depth == 1


def test_nobody_waits_for_a_lost_peer_to_take_what_it_is_sent(make: Make) -> None:
    alpha, _, _ = make()
    alpha.may_lose(["beta"])

    def send() -> None:
        for _ in range(40):
            alpha.to("beta").send_bytes("much", bytes(1 << 20))

    with pytest.raises(CoterieError, match=r"CT-1250.*CT-1210"):
        send()


@pytest.mark.parametrize("losable", [True, False])
def test_a_peer_that_stays_and_takes_nothing_does_not_keep_a_job_from_its_end(
    network: Network, monkeypatch: pytest.MonkeyPatch, losable: bool
) -> None:
    """It says that it lives, and takes a byte now and then."""
    patience = 0.3
    monkeypatch.setattr(linkmesh, "LONGEST_END", patience)
    alpha, beta = network.join("alpha", "beta", windows=dict.fromkeys(NAMES, 4 << 20), patience=20)
    alpha._patience = patience
    if losable:
        alpha.may_lose(["beta"])
    alpha.to("beta").send_array("much", np.zeros(9 << 20, np.uint8))
    done, over = threading.Event(), threading.Event()

    def drip() -> None:
        while not over.wait(0.05):
            link = beta._links["alpha"]
            with link.lock:
                link.inbox.taken += 1

    def close() -> None:
        with contextlib.suppress(CoterieError):
            alpha.close()
        done.set()

    threads = [threading.Thread(target=each, daemon=True) for each in (drip, close)]
    for thread in threads:
        thread.start()
    ended = done.wait(10)
    over.set()
    assert ended
    assert {name: error.code for name, error in alpha.lost().items()} == (
        {"beta": "CT-1210"} if losable else {}
    )
    assert (alpha.error is None) if losable else (alpha.error is not None and alpha.error.code == "CT-1210")
    with pytest.raises(CoterieError, match="CT-1210"):
        beta.to("alpha").recv_array("much", np.uint8, (9 << 20,))
