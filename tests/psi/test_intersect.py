"""Every way to intersect two sets: against Python's sets, plan against fact, runs that go on, and cheats."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from coterie import psi
from coterie.errors import UNEXPECTED, Bug, CoterieError
from coterie.psi import Method
from coterie.wire import Mesh
from tests.psi.group import Record, play_all
from tests.psi.pair import STEP, ids

METHODS = {
    "dh": Method("dh"),
    "oprf": Method("oprf"),
    "malicious": Method("oprf", "malicious"),
    "buckets": Method("oprf", bucket_rows=60),
    "dealer": Method("oprf", dealer="d"),
    "dealer, malicious, buckets": Method("oprf", "malicious", dealer="d", bucket_rows=60),
}
BY_OPRF = [name for name in METHODS if name != "dh"]


def run(
    sets: dict[str, list[Any]], method: Method, to: str | None = None, **options: dict[str, Any]
) -> tuple[dict[str, Any], dict[str, Mesh]]:
    """Both parties, and the dealer where there is one, under budgets of exactly the planned bytes; a run that
    is whole must have the planned rounds.

    :param options: for each party.
    """
    rows = {name: len(one) for name, one in sets.items()}
    plan = psi.planned(rows, method, to=to)

    def party(mesh: Mesh) -> Any:
        own = ids(*sets[mesh.me])
        found = psi.intersect(mesh, rows, own, method, to=to, **options.get(mesh.me, {}))
        assert mesh.depth == plan.rounds[mesh.me] or "checkpoint" in options.get(mesh.me, {})
        return found

    programs: dict[str, Callable[[Mesh], Any]] = dict.fromkeys(sets, party)
    if method.dealer:
        programs[method.dealer] = lambda mesh: psi.deal(mesh, rows, method, to=to)
    return play_all(programs, {name: plan.sent.get(name, {}) for name in programs})


def common(sets: dict[str, list[Any]], method: Method) -> tuple[list[Any], dict[str, Mesh]]:
    """The common ids in the order that both have."""
    found, meshes = run(sets, method)
    for name in sets:
        assert isinstance(found[name], psi.Alignment), found[name]
    lists = [[one[index] for index in found[name].indices] for name, one in sets.items()]
    assert all(one == lists[0] for one in lists)
    return lists[0], meshes


CASES: dict[str, tuple[list[Any], list[Any]]] = {
    "one and the same row": ([7], [7]),
    "one row each, different": ([7], [8]),
    "one row among many": ([30], list(range(100))),
    "many rows and one": (list(range(100)), [30]),
    "disjoint": (list(range(150)), list(range(150, 280))),
    "all common": (list(range(160)), list(range(159, -1, -1))),
    "one inside the other": (list(range(140)), list(range(10, 25))),
    "partial overlap": (list(range(190)), list(range(60, 250))),
    "look-alikes": (["é", "e\u0301", "а", "a", "1", "１", "", " "], ["é", "a", "１", "l"]),
}


@pytest.mark.parametrize(("a", "b"), CASES.values(), ids=CASES.keys())
@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS.keys())
def test_common_rows_are_those_of_set_intersection(method: Method, a: list[Any], b: list[Any]) -> None:
    found, meshes = common({"a": a, "b": b}, method)
    assert sorted(found) == sorted(set(a) & set(b))
    plan = psi.planned({"a": len(a), "b": len(b)}, method)
    for me, mesh in meshes.items():
        sent = {peer: traffic.sent for peer, traffic in mesh.egress()[STEP].items() if traffic.sent}
        assert sent == plan.sent.get(me, {})


@settings(max_examples=15)
@given(
    st.lists(st.integers(0, 90), min_size=1, unique=True),
    st.lists(st.integers(0, 90), min_size=1, unique=True),
    st.integers(8, 100),
)
def test_any_sets_in_any_buckets(a: list[int], b: list[int], rows: int) -> None:
    found, _ = common({"a": a, "b": b}, Method("oprf", bucket_rows=rows))
    assert sorted(found) == sorted(set(a) & set(b))


def test_a_hundred_thousand_rows_in_buckets() -> None:
    shuffle = random.Random(2)
    a, b = shuffle.sample(range(160_000), 100_000), shuffle.sample(range(160_000), 90_000)
    found, _ = common({"a": a, "b": b}, Method("oprf", bucket_rows=30_000))
    assert len(found) == len(set(found))
    assert set(found) == set(a) & set(b)


@pytest.mark.parametrize("to", ["a", "b"])
@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS.keys())
def test_one_alone_can_learn_the_result(method: Method, to: str) -> None:
    sets: dict[str, list[Any]] = {"a": list(range(100)), "b": list(range(50, 110))}
    found, meshes = run(sets, method, to)
    (other,) = set(sets) - {to}
    assert found[other] is None
    assert sorted(sets[to][index] for index in found[to].indices) == list(range(50, 100))
    plan = psi.planned({"a": 100, "b": 60}, method, to=to)
    for me, mesh in meshes.items():
        sent = {peer: traffic.sent for peer, traffic in mesh.egress()[STEP].items() if traffic.sent}
        assert sent == plan.sent.get(me, {})


SEVERAL: dict[str, dict[str, list[Any]]] = {
    "three": {"a": list(range(150)), "b": list(range(50, 190)), "c": list(range(20, 120))},
    "nothing in all, though in pairs": {
        "a": list(range(60)),
        "b": list(range(30, 90)),
        "c": [*range(30), 95],
    },
    "one row": {"a": [1], "b": [1], "c": list(range(90))},
    "five": {name: list(range(10 * place, 100 + 7 * place)) for place, name in enumerate("abcef")},
}


@pytest.mark.parametrize("sets", SEVERAL.values(), ids=SEVERAL.keys())
@pytest.mark.parametrize("name", ["oprf", "buckets", "dealer"])
def test_several_parties(name: str, sets: dict[str, list[Any]]) -> None:
    found, meshes = common(sets, METHODS[name])
    assert sorted(found) == sorted(set.intersection(*(set(one) for one in sets.values())))
    plan = psi.planned({one: len(rows) for one, rows in sets.items()}, METHODS[name])
    for me, mesh in meshes.items():
        sent = {peer: traffic.sent for peer, traffic in mesh.egress()[STEP].items() if traffic.sent}
        assert sent == plan.sent.get(me, {})


def test_several_go_on_where_they_were() -> None:
    sets, kept = SEVERAL["three"], {name: Kept() for name in "abc"}
    points = {name: {"checkpoint": one} for name, one in kept.items()}
    stop = {**points["b"], "progress": stop_at(2, 3)}
    broken, _ = run(sets, METHODS["buckets"], **{**points, "b": stop})
    assert isinstance(broken["b"], Bug)
    assert min(one.saved for one in kept.values()) >= 1
    seen: list[int] = []
    look = {**points["b"], "progress": lambda done, *_: seen.append(done)}
    found, _ = run(sets, METHODS["buckets"], **{**points, "b": look})
    assert sorted(sets["a"][i] for i in found["a"].indices) == list(range(50, 120))
    assert min(seen) >= 130, "of 390"


@dataclass
class Kept:
    """A checkpoint in memory."""

    data: bytes | None = None
    saved: int = 0
    written: int = 0
    uses: int = 0
    cleared: bool = False

    def load(self) -> bytes | None:
        return self.data

    def used(self) -> None:
        self.uses += 1

    def save(self, data: bytes) -> None:
        self.data = data
        self.saved += 1
        self.written += len(data)

    def add(self, data: bytes) -> None:
        assert self.data is not None
        self.data += data
        self.saved += 1
        self.written += len(data)

    def clear(self) -> None:
        self.data, self.cleared = None, True


def stop_in(bucket: int, of: int) -> Callable[[int, int, str], None]:
    """Progress that somebody cancels in the middle of a bucket."""

    def progress(done: int, total: int, what: str) -> None:
        if done > total * bucket / of and what == "own tags":
            raise UNEXPECTED("cancelled")

    return progress


def stop_at(bucket: int, of: int) -> Callable[[int, int, str], None]:
    """The same whatever is being done."""

    def progress(done: int, total: int, what: str) -> None:
        if done > total * bucket / of:
            raise UNEXPECTED("cancelled")

    return progress


SETS: dict[str, list[Any]] = {"a": list(range(200)), "b": list(range(100, 280))}
BUCKETS = Method("oprf", bucket_rows=50)  # four of them


@pytest.mark.parametrize("method", [BUCKETS, Method("oprf", dealer="d", bucket_rows=50)], ids=["", "dealer"])
def test_a_run_that_broke_off_goes_on(method: Method) -> None:
    kept = {"a": Kept(), "b": Kept()}
    points = {name: {"checkpoint": one} for name, one in kept.items()}
    broken, _ = run(SETS, method, **{**points, "a": {**points["a"], "progress": stop_in(2, 4)}})
    assert {type(broken[name]) for name in SETS} == {Bug}
    assert kept["a"].saved == 2
    assert all(one.data is not None and one.written == len(one.data) for one in kept.values())
    assert kept["b"].saved in (2, 3)  # it may be done with a bucket that the other is not done with

    seen: list[int] = []
    whole = psi.planned({name: len(one) for name, one in SETS.items()}, method)
    found, meshes = run(
        SETS, method, **{**points, "a": {**points["a"], "progress": lambda done, *_: seen.append(done)}}
    )
    assert sorted(SETS["a"][i] for i in found["a"].indices) == list(range(100, 200))
    assert [SETS["a"][i] for i in found["a"].indices] == [SETS["b"][i] for i in found["b"].indices]
    assert min(seen) == 190, "two of four buckets were done"
    assert all(one.cleared and one.uses == 1 for one in kept.values())
    sent = meshes["a"].egress()[STEP]["b"].sent
    assert 0.4 * whole.sent["a"]["b"] < sent < 0.6 * whole.sent["a"]["b"]


def test_it_begins_anew_where_the_peer_cannot_go_on() -> None:
    kept = {"a": Kept(), "b": Kept()}
    points = {name: {"checkpoint": one} for name, one in kept.items()}
    run(SETS, BUCKETS, **{**points, "a": {**points["a"], "progress": stop_in(2, 4)}})
    kept["b"].data = None
    found, _ = run(SETS, BUCKETS, **points)
    assert not kept["a"].uses
    assert sorted(SETS["a"][i] for i in found["a"].indices) == list(range(100, 200))


@pytest.mark.parametrize("change", ["bit", "cut", "more", "rows", "method"])
def test_what_was_kept_must_be_whole_and_for_this(change: str) -> None:
    kept = {"a": Kept(), "b": Kept()}
    points = {name: {"checkpoint": one} for name, one in kept.items()}
    run(SETS, BUCKETS, **{**points, "a": {**points["a"], "progress": stop_in(2, 4)}})
    data = kept["a"].data
    assert data is not None
    sets, method = dict(SETS), BUCKETS
    if change == "bit":
        kept["a"].data = data[:90] + bytes([data[90] ^ 1]) + data[91:]
    elif change == "cut":
        kept["a"].data = data[:-1]
    elif change == "more":
        kept["a"].data = data + b"0"
    elif change == "rows":
        sets["a"] = [999, *SETS["a"][1:]]
    else:
        method = Method("oprf", "malicious", bucket_rows=50)
    found, _ = run(sets, method, **points)
    assert sorted(sets["a"][i] for i in found["a"].indices) == list(range(100, 200))


class Altered(Record):
    """A mesh whose party changes what it sends under one tag."""

    def __init__(self, mesh: Mesh, tag: str, change: Callable[[NDArray[Any]], NDArray[Any]]) -> None:
        super().__init__(mesh)
        self._tag, self._change = tag, change

    def to(self, peer: str) -> Any:
        link, outer = self.mesh.to(peer), self

        class Changing:
            peer = link.peer

            def send_array(self, tag: str, array: NDArray[Any]) -> None:
                link.send_array(tag, outer._change(array.copy()) if tag == outer._tag else array)

            def recv_array(self, tag: str, dtype: Any, shape: tuple[int, ...]) -> NDArray[Any]:
                return link.recv_array(tag, dtype, shape)

        return Changing()


def flipped(array: NDArray[Any]) -> NDArray[Any]:
    array.reshape(-1)[0] ^= 1
    return array


def swapped(array: NDArray[Any]) -> NDArray[Any]:
    return array[::-1].copy()


def repeated(array: NDArray[Any]) -> NDArray[Any]:
    array[1::2] = array[::2]
    return array


@pytest.mark.parametrize(
    ("cheat", "tag", "change", "codes"),
    [
        ("b", "psi/tags", swapped, {"CT-2023"}),
        ("b", "psi/tags", repeated, {"CT-2023"}),
        ("a", "psi/common", flipped, {"CT-2022"}),
        ("a", "psi/claim", flipped, {"CT-2022"}),
        ("b", "psi/commitment", flipped, {"CT-2021"}),
        ("b", "psi/coin", flipped, {"CT-2021"}),
        ("a", "psi/table", lambda array: array[:-1], {"CT-1202"}),
        ("b", "psi/tags", lambda array: array[:, :-1].copy(), {"CT-1202"}),
        ("a", "psi/hello", lambda array: array[:-1], {"CT-1202"}),
        ("a", "psi/draw", lambda array: array[:-1], {"CT-1202"}),
    ],
)
def test_misbehaviour_is_caught(
    cheat: str, tag: str, change: Callable[[NDArray[Any]], NDArray[Any]], codes: set[str]
) -> None:
    sets: dict[str, list[Any]] = {"a": list(range(40)), "b": list(range(20, 60))}
    rows, method = {"a": 40, "b": 40}, Method("oprf", "malicious")

    def program(mesh: Mesh) -> Any:
        own = cast(Mesh, Altered(mesh, tag, change)) if mesh.me == cheat else mesh
        return psi.intersect(own, rows, ids(*sets[mesh.me]), method)

    found, _ = play_all(dict.fromkeys(sets, program))
    (honest,) = set(sets) - {cheat}
    assert isinstance(found[honest], CoterieError)
    assert found[honest].code in codes
    assert found[honest].party == cheat


@pytest.mark.parametrize("change", [swapped, repeated])
@pytest.mark.parametrize("first", [0, 100], ids=["all common", "none common"])
def test_whether_a_sender_is_found_out_says_nothing_of_the_receivers_rows(
    change: Callable[[NDArray[Any]], NDArray[Any]], first: int
) -> None:
    rows, method = {"a": 20, "b": 20}, Method("oprf", "malicious")

    def program(mesh: Mesh) -> Any:
        own = cast(Mesh, Altered(mesh, "psi/tags", change)) if mesh.me == "b" else mesh
        start = first if mesh.me == "b" else 0
        return psi.intersect(own, rows, ids(*range(start, start + 20)), method, to="a")

    found, _ = play_all({"a": program, "b": program})
    assert found["a"].code == "CT-2023"


def test_a_receiver_cannot_name_rows_that_it_has_not() -> None:
    """It knows the tags, and not the rest of the values: the claim does not hold."""
    found: dict[str, Any] = {}

    def everything(array: NDArray[Any]) -> NDArray[Any]:
        return np.full_like(array, 255)

    def program(mesh: Mesh) -> Any:
        own = cast(Mesh, Altered(mesh, "psi/common", everything)) if mesh.me == "a" else mesh
        return psi.intersect(
            own,
            {"a": 16, "b": 16},
            ids(*range(int(mesh.me == "b"), 16 + int(mesh.me == "b"))),
            Method("oprf"),
        )

    found, _ = play_all({"a": program, "b": program})
    assert found["b"].code == "CT-2022"


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS.keys())
def test_no_id_and_no_hash_of_one_is_on_the_wire(method: Method) -> None:
    canary = "canary 13800138000"
    sets: dict[str, list[Any]] = {"a": [canary, *range(30)], "b": [canary, *range(20, 50)]}
    records: dict[str, Record] = {}
    rows = {"a": 31, "b": 31}

    def program(mesh: Mesh) -> Any:
        records[mesh.me] = Record(mesh)
        return psi.intersect(cast(Mesh, records[mesh.me]), rows, ids(*sets[mesh.me]), method)

    programs: dict[str, Callable[[Mesh], Any]] = dict.fromkeys(sets, program)
    if method.dealer:
        programs["d"] = lambda mesh: psi.deal(mesh, rows, method)
    found, _ = play_all(programs)
    assert len(found["a"]) == 11
    sent = b"".join(array.tobytes() for one in records.values() for _, _, array in one.sent)
    assert canary.encode() not in sent
    assert ids(canary).tobytes()[:8] not in sent


@pytest.mark.parametrize("method", [METHODS[name] for name in BY_OPRF], ids=BY_OPRF)
def test_the_same_sets_give_another_transcript_each_time(method: Method) -> None:
    seen = set()
    for _ in range(2):
        record: list[Record] = []

        def program(mesh: Mesh, record: list[Record] = record) -> Any:
            record.append(Record(mesh))
            return psi.intersect(cast(Mesh, record[-1]), {"a": 9, "b": 9}, ids(*range(9)), method)

        programs: dict[str, Callable[[Mesh], Any]] = {"a": program, "b": program}
        if method.dealer:
            programs["d"] = lambda mesh: psi.deal(mesh, {"a": 9, "b": 9}, method)
        play_all(programs)
        for one in record:
            for _, tag, array in one.sent:
                if tag in ("psi/tags", "psi/table", "psi/claim"):
                    assert array.tobytes() not in seen
                    seen.add(array.tobytes())
    assert seen


def test_the_choice_and_its_reasons() -> None:
    small, why = psi.choose({"a": 500, "b": 500})
    assert (small.protocol, small.security) == ("dh", "semi-honest")
    assert "500 and 500 rows" in why
    large, why = psi.choose({"a": 1 << 20, "b": 1 << 20}, dealer="d")
    assert (large.protocol, large.dealer) == ("oprf", "d")
    assert "Diffie-Hellman about" in why
    assert psi.choose({"a": 5, "b": 5}, wanted="oprf")[0].protocol == "oprf"
    assert psi.choose({"a": 5, "b": 5}, security="malicious")[0] == Method("oprf", "malicious")
    assert psi.choose({"a": 5, "b": 5, "c": 5})[0].protocol == "dh"
    for asked in ({"wanted": "dh"}, {"rows": {"a": 5, "b": 5, "c": 5}}):
        with pytest.raises(CoterieError) as caught:
            psi.choose(**{"rows": {"a": 5, "b": 5}, "security": "malicious", **asked})  # type: ignore[arg-type]
        assert caught.value.code == "CT-2024"


@pytest.mark.parametrize("method", METHODS.values(), ids=METHODS.keys())
def test_arguments_that_no_run_can_work_with(method: Method) -> None:
    with pytest.raises(CoterieError) as caught:
        psi.planned({"a": 0, "b": 5}, method)
    assert caught.value.code == "CT-2001"
    with pytest.raises(CoterieError) as caught:
        psi.planned({"a": 5, "b": 5}, method, to="c")
    assert caught.value.code == "CT-2006"
