"""What every mesh promises, over the network and inside one process alike."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any

import numpy as np
import pytest
from pydantic import BaseModel, ConfigDict, Field

from coterie.errors import BadInput, CoterieError
from coterie.wire import Mesh, local_meshes
from coterie.wire.errors import BAD_ADDRESS
from tests.wire.network import Network, results

Make = Callable[..., list[Mesh]]


class Order(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    item: str
    count: Annotated[int, Field(ge=0)]


@pytest.fixture(params=["local", "network"])
def make(request: pytest.FixtureRequest, network: Network) -> Make:
    def local(*names: str, window: int | None = None) -> list[Mesh]:
        return list(local_meshes(names, **({"window": window} if window else {})).values())

    def linked(*names: str, window: int | None = None) -> list[Mesh]:
        windows = dict.fromkeys(names, window) if window else None
        return list(network.join(*names, windows=windows))

    return local if request.param == "local" else linked


@pytest.mark.parametrize(
    "array",
    [
        np.arange(10, dtype=np.uint64),
        np.arange(24, dtype=np.int32).reshape(2, 3, 4),
        np.array([[1.5, -2.5], [3.25, 4.0]], order="F"),
        np.arange(20, dtype=np.float32)[::3],
        np.array([True, False, True]),
        np.arange(5, dtype=">i4"),
        np.empty((0, 7), dtype=np.float64),
        np.array(3.5),
    ],
    ids=["uint64", "3-d", "fortran", "strided", "bool", "big-endian", "empty", "0-d"],
)
def test_arrays_arrive_as_they_were(make: Make, array: np.ndarray) -> None:
    alpha, beta = make("alpha", "beta")
    alpha.to("beta").send_array("a", array)
    got = beta.to("alpha").recv_array("a", array.dtype, array.shape)
    np.testing.assert_array_equal(got, array)
    assert got.dtype == array.dtype
    assert got.flags.writeable


def test_bytes_and_records(make: Make) -> None:
    alpha, beta = make("alpha", "beta")
    alpha.to("beta").send_bytes("raw", bytearray(b"\0\xff") * 10)
    alpha.to("beta").send_record("order", Order(item="Löffel", count=3))
    assert beta.to("alpha").recv_bytes("raw", 20) == b"\0\xff" * 10
    assert beta.to("alpha").recv_record("order", Order) == Order(item="Löffel", count=3)
    assert alpha.egress()[""]["beta"].sent == 20 + len('{"count":3,"item":"Löffel"}'.encode())


def test_depth_is_the_longest_chain_of_messages(make: Make) -> None:
    alpha, beta, gamma = make("alpha", "beta", "gamma")
    with alpha.step("s"), beta.step("s"), gamma.step("s"):
        alpha.to("beta").send_bytes("1", b"x")
        alpha.to("gamma").send_bytes("1", b"x")
        assert alpha.depth == 0
        beta.to("alpha").recv_bytes("1", 1)
        assert beta.depth == 1
        beta.to("gamma").send_bytes("2", b"x")
        gamma.to("beta").recv_bytes("2", 1)
        assert gamma.depth == 2
        gamma.to("alpha").recv_bytes("1", 1)
        assert gamma.depth == 2
    with gamma.step("t"):
        assert gamma.depth == 0


def test_a_clock_as_far_as_frames_tell_ends_nothing(make: Make) -> None:
    alpha, beta, gamma = make("alpha", "beta", "gamma")
    alpha.account._depth = 2**32  # type: ignore[attr-defined]  # no program gets there
    alpha.to("beta").send_bytes("1", b"x")
    beta.to("alpha").recv_bytes("1", 1)
    assert beta.depth == 2**30 - 1
    beta.to("gamma").send_bytes("2", b"x")
    assert gamma.to("beta").recv_bytes("2", 1) == b"x"
    assert gamma.depth == 2**30 - 1


def test_what_is_exchanged_at_once_is_one_round(make: Make) -> None:
    alpha, beta = make("alpha", "beta")
    with alpha.step("s"), beta.step("s"):
        alpha.to("beta").send_bytes("first", b"x")
        beta.to("alpha").recv_bytes("first", 1)
        with alpha.at_once(), beta.at_once():
            for piece in ("a", "b", "c"):
                beta.to("alpha").send_bytes(piece, b"x")
                alpha.to("beta").recv_bytes(piece, 1)
                alpha.to("beta").send_bytes(piece, b"x")
                beta.to("alpha").recv_bytes(piece, 1)
        assert (alpha.depth, beta.depth) == (2, 1)
        alpha.to("beta").send_bytes("last", b"x")
        beta.to("alpha").recv_bytes("last", 1)
        assert beta.depth == 3


def test_traffic_is_accounted_to_steps_exactly(make: Make) -> None:
    alpha, beta = make("alpha", "beta")
    for step, size in (("one", 1000), ("two", 3_000_000)):
        with alpha.step(step), beta.step(step):
            alpha.to("beta").send_bytes("x", bytes(size))
            assert len(beta.to("alpha").recv_bytes("x", size)) == size
    sent, received = alpha.egress(), beta.egress()
    assert {s: t["beta"].sent for s, t in sent.items() if s} == {"one": 1000, "two": 3_000_000}
    assert {s: t["alpha"].received for s, t in received.items() if s} == {"one": 1000, "two": 3_000_000}
    assert received["two"]["alpha"].wire_received >= 3_000_000
    assert sent["two"]["beta"].received == received["two"]["alpha"].sent == 0


def test_a_budget_refuses_before_anything_is_sent(make: Make) -> None:
    alpha, beta, gamma = make("alpha", "beta", "gamma")
    with alpha.step("s", {"beta": 10}):
        alpha.to("beta").send_bytes("a", b"123456")
        with pytest.raises(CoterieError, match="CT-1205") as caught:
            alpha.to("beta").send_bytes("b", b"12345")
        assert caught.value.step == "s"
        with pytest.raises(CoterieError, match="CT-1205"):
            alpha.to("gamma").send_bytes("b", b"1")
        alpha.to("beta").send_bytes("c", b"1234")
    alpha.to("gamma").send_bytes("free", b"12345")
    assert beta.to("alpha").recv_bytes("a", 10) == b"123456"
    assert beta.to("alpha").recv_bytes("c", 10) == b"1234"
    assert gamma.to("alpha").recv_bytes("free", 10) == b"12345"
    assert alpha.egress()["s"]["beta"].sent == 10


def test_steps_do_not_nest(make: Make) -> None:
    alpha, _ = make("alpha", "beta")
    with alpha.step("s"), pytest.raises(CoterieError, match="CT-1206"), alpha.step("t"):
        pass
    with alpha.step("t"):
        pass


def _expect_dead(mesh: Mesh, peer: str, code: str) -> None:
    for call in (
        lambda: mesh.to(peer).recv_bytes("later", 1),
        lambda: mesh.to(peer).send_bytes("later", b"1"),
    ):
        with pytest.raises(CoterieError) as caught:
            call()
        assert caught.value.code == code


@pytest.mark.parametrize(
    ("send", "receive", "code", "words"),
    [
        (("send_bytes", "x", b"12"), ("recv_bytes", "y", 9), "CT-1201", ("'x'", "'y'")),
        (("send_bytes", "x", b"12"), ("recv_array", "x", np.uint8, (2,)), "CT-1201", ("bytes", "array")),
        (("send_array", "x", np.zeros(3)), ("recv_array", "x", np.float64, (4,)), "CT-1202", ("24", "32")),
        (("send_bytes", "x", b"12345"), ("recv_bytes", "x", 4), "CT-1203", ("5", "4")),
        (
            ("send_record", "x", Order(item="a" * 70_000, count=1)),
            ("recv_record", "x", Order),
            "CT-1203",
            ("65536",),
        ),
        (("send_array", "x", np.full(2, 7, np.uint8)), ("recv_array", "x", np.bool_, (2,)), "CT-1204", ()),
    ],
    ids=["tag", "kind", "size", "bytes-limit", "record-limit", "not-bool"],
)
def test_what_was_not_expected_ends_the_job_on_both_sides(
    make: Make, send: tuple[Any, ...], receive: tuple[Any, ...], code: str, words: tuple[str, ...]
) -> None:
    alpha, beta = make("alpha", "beta")
    getattr(alpha.to("beta"), send[0])(*send[1:])
    with pytest.raises(CoterieError) as caught:
        getattr(beta.to("alpha"), receive[0])(*receive[1:])
    assert caught.value.code == code
    assert caught.value.party == "alpha"
    assert all(word in str(caught.value) for word in words)
    _expect_dead(beta, "alpha", code)
    with pytest.raises(CoterieError, match=code):
        alpha.to("beta").recv_bytes("z", 1)
    _expect_dead(alpha, "beta", code)


class _Loose(BaseModel):
    item: Any = None
    count: Any = None
    extra: Any = None


@pytest.mark.parametrize(
    "record", [_Loose(item="a", count=-1), _Loose(item="a", count="3"), _Loose(item=1, count=1)]
)
def test_a_record_of_another_form_is_refused_without_quoting_it(make: Make, record: _Loose) -> None:
    alpha, beta = make("alpha", "beta")
    alpha.to("beta").send_record("order", record)
    with pytest.raises(CoterieError, match="CT-1204") as caught:
        beta.to("alpha").recv_record("order", Order)
    assert "input" not in caught.value.detail


@pytest.mark.parametrize("tag", ["", "a" * 256, "a\nb", "\ud800"])
def test_unusable_tags_are_refused_before_sending(make: Make, tag: str) -> None:
    alpha, _ = make("alpha", "beta")
    with pytest.raises(CoterieError, match="CT-1207"):
        alpha.to("beta").send_bytes(tag, b"")


@pytest.mark.parametrize("array", [np.array([None]), np.array(["a"]), np.array([1j]), np.zeros(1, "M8[s]")])
def test_arrays_of_other_types_are_refused(make: Make, array: np.ndarray) -> None:
    alpha, _ = make("alpha", "beta")
    with pytest.raises(CoterieError, match="CT-1207"):
        alpha.to("beta").send_array("a", array)


def test_fail_reaches_everybody_at_once_with_party_and_step(make: Make, pool: ThreadPoolExecutor) -> None:
    alpha, beta, gamma = make("alpha", "beta", "gamma")
    waiting = [
        pool.submit(beta.to("alpha").recv_bytes, "a", 1),
        pool.submit(gamma.to("beta").recv_bytes, "b", 1),
    ]
    time.sleep(0.3)
    start = time.monotonic()
    with alpha.step("train"):
        alpha.fail(BAD_ADDRESS("a cause"))
    for future in waiting:
        with pytest.raises(BadInput) as caught:
            future.result(5)
        assert (caught.value.code, caught.value.party, caught.value.step) == (
            BAD_ADDRESS.code,
            "alpha",
            "train",
        )
        assert caught.value.detail == "a cause"
    assert time.monotonic() - start < 1.5
    _expect_dead(alpha, "beta", BAD_ADDRESS.code)


def test_who_waits_for_something_else_hears_of_a_failure(make: Make) -> None:
    alpha, beta, gamma = make("alpha", "beta", "gamma")
    for mesh in (alpha, beta, gamma):
        mesh.check()
    threading.Thread(target=alpha.fail, args=(BAD_ADDRESS("x"),)).start()
    for mesh in (beta, gamma):
        with pytest.raises(CoterieError, match=BAD_ADDRESS.code):
            _check_often(mesh, time.monotonic() + 5)


def _check_often(mesh: Mesh, deadline: float) -> None:
    while time.monotonic() < deadline:
        mesh.check()
        time.sleep(0.01)


def _take_all(mesh: Mesh) -> None:
    while True:
        mesh.to("alpha").recv_array("big", np.float64, (8 << 20,))


def test_fail_overtakes_what_is_queued(make: Make) -> None:
    alpha, beta = make("alpha", "beta")
    for _ in range(4):
        alpha.to("beta").send_array("big", np.zeros(8 << 20))
    start = time.monotonic()
    threading.Thread(target=alpha.fail, args=(BAD_ADDRESS("x"),)).start()
    with pytest.raises(CoterieError, match=BAD_ADDRESS.code):
        _take_all(beta)
    assert time.monotonic() - start < 3


def test_a_peer_that_has_finished_is_named(make: Make, pool: ThreadPoolExecutor) -> None:
    alpha, beta = make("alpha", "beta")
    alpha.to("beta").send_bytes("last", b"1")
    closing = pool.submit(alpha.close)
    assert beta.to("alpha").recv_bytes("last", 1) == b"1"
    results(closing)
    with pytest.raises(CoterieError, match="CT-1211"):
        beta.to("alpha").recv_bytes("more", 1)
    with pytest.raises(CoterieError, match="CT-1212"):
        alpha.to("beta").send_bytes("more", b"1")


def test_large_arrays_to_each_other_at_once_never_deadlock(make: Make, pool: ThreadPoolExecutor) -> None:
    """Both send four times their window before either receives; likewise around a ring of three."""
    names = ("alpha", "beta", "gamma")
    meshes = dict(zip(names, make(*names, window=4 << 20), strict=True))
    data = np.arange(2 << 20, dtype=np.float64)

    def play(me: str, to: str, source: str) -> bool:
        for number in range(4):
            meshes[me].to(to).send_array(f"m{number}", data)
        return all(
            np.array_equal(meshes[me].to(source).recv_array(f"m{number}", np.float64, data.shape), data)
            for number in range(4)
        )

    pair = [pool.submit(play, "alpha", "beta", "beta"), pool.submit(play, "beta", "alpha", "alpha")]
    assert results(*pair) == [True, True]
    ring = [
        pool.submit(play, "alpha", "beta", "gamma"),
        pool.submit(play, "beta", "gamma", "alpha"),
        pool.submit(play, "gamma", "alpha", "beta"),
    ]
    assert results(*ring) == [True] * 3


def test_a_sender_far_ahead_waits_and_says_so(make: Make, pool: ThreadPoolExecutor) -> None:
    alpha, beta = make("alpha", "beta", window=4 << 20)
    sent: list[int] = []

    def produce() -> None:
        for number in range(12):
            alpha.to("beta").send_array("x", np.zeros(1 << 17))
            sent.append(number)

    work = pool.submit(produce)
    time.sleep(0.5)
    assert 4 <= len(sent) <= 6  # a window of 4 MiB in messages of 1 MiB
    (call,) = alpha.waiting()
    assert (call.peer, call.doing, call.tag, call.link) == ("beta", "send", "x", "up")
    for _ in range(12):
        beta.to("alpha").recv_array("x", np.float64, (1 << 17,))
    results(work)


def test_a_sender_in_turn_waits_also_where_other_messages_lie_unread(
    make: Make, pool: ThreadPoolExecutor
) -> None:
    alpha, beta, gamma = make("alpha", "beta", "gamma", window=4 << 20)
    gamma.to("alpha").send_bytes("later", b"x")
    sent: list[int] = []

    def produce() -> None:
        for number in range(12):
            alpha.to("beta").send_array("x", np.zeros(1 << 17))
            sent.append(number)

    def take() -> None:
        for _ in range(12):
            beta.to("alpha").recv_array("x", np.float64, (1 << 17,))

    with alpha.step("s"), alpha.at_once():
        work = pool.submit(produce)
        time.sleep(0.5)
        assert 4 <= len(sent) <= 6
        take()
        results(work)
    deadline = time.monotonic() + 5
    while not alpha.has_unread() and time.monotonic() < deadline:  # type: ignore[attr-defined]
        time.sleep(0.01)
    produce()  # nobody takes it yet
    take()
    assert alpha.to("gamma").recv_bytes("later", 1) == b"x"


def test_waiting_names_peer_tag_and_step(make: Make, pool: ThreadPoolExecutor) -> None:
    alpha, beta = make("alpha", "beta")
    with alpha.step("align"):
        future = pool.submit(alpha.to("beta").recv_bytes, "points", 4)
        deadline = time.monotonic() + 5
        while not alpha.waiting() or alpha.waiting()[0].link != "up":
            assert time.monotonic() < deadline
            time.sleep(0.01)
        (call,) = alpha.waiting()
        assert (call.peer, call.doing, call.tag, call.step) == ("beta", "receive", "points", "align")
        assert call.since.tzinfo is not None
        beta.to("alpha").send_bytes("points", b"1234")
        assert results(future) == [b"1234"]
    assert alpha.waiting() == ()
