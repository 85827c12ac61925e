"""Runs that go on when contributors drop out, come late, or send nonsense, over meshes."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from coterie.crypto import Identity
from coterie.errors import CoterieError
from coterie.fl import (
    EXACT,
    Coordinator,
    Cost,
    LastingCoordinator,
    LastingSums,
    introduce,
    lasting_begin,
    lasting_coordinator,
    lasting_cost,
    lasting_tell,
)
from coterie.fl.circle import ENVELOPE, READY
from coterie.fl.circle import KEY as KEY_TOLD
from coterie.fl.errors import BAD_CALL
from coterie.wire import LinkMesh, Mesh, local_meshes
from tests.wire.network import Network

RUN = b"a job in which some drop out"
NAMES = ("a", "b", "c", "d", "e")
KEY = b"what contributors know"
ROWS = {name: np.arange(3.0) + 10.0**place for place, name in enumerate(NAMES)}
TOTALS = 3

Spoils = Callable[["Player", int, int, bytes], bytes | None]
"""(who, number, stage, message) to the message that goes out, or to none."""


def of(*names: str) -> NDArray[np.float64]:
    total: NDArray[np.float64] = np.sum([ROWS[name] for name in names], axis=0)
    return total


@dataclass
class Player:
    """One participant, and what it has of the run in the end."""

    name: str
    mesh: Mesh
    coordinator: str
    patience: float | None
    minimum: int
    spoils: Spoils | None = None
    totals: list[tuple[NDArray[np.float64], tuple[str, ...]]] = field(default_factory=list)
    told: list[dict[str, bytes]] = field(default_factory=list)
    noted: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    error: CoterieError | None = None
    depth: int = 0

    def play(self) -> None:
        with self.mesh.step("train"):
            try:
                self._play()
            except CoterieError as error:
                self.error = error
                self.mesh.fail(error)
            self.depth = self.mesh.depth
        if self.error is None:
            self.mesh.close()

    def _play(self) -> None:
        hidden = KEY if self.name in NAMES and self.coordinator not in NAMES else None
        circle, own = introduce(self.mesh, NAMES, self.coordinator, RUN, self.minimum, hidden)
        adds = None
        if self.name == self.coordinator:
            adds = LastingCoordinator(self.mesh, circle, self.patience)
        if own is None:
            assert adds is not None
            self.told = [dict(adds.serve("facts", 2)), dict(adds.serve("what was heard so far"))]
            return
        sums = LastingSums(self.mesh, circle, own, adds, lambda what, who: self.noted.append((what, who)))
        if self.spoils is not None:
            self._spoil(sums, self.spoils)
        self.totals.append((sums.total("first", ROWS[self.name]), sums.counted))
        self.told.append(dict(sums.tell("facts", self.name.encode() * 2)))
        for number in range(1, TOTALS):
            self.totals.append((sums.total(f"sum {number}", ROWS[self.name]), sums.counted))
        sums.confirm()

    def _spoil(self, sums: LastingSums, spoils: Spoils) -> None:
        send = sums._send

        def sends(stage: int, data: bytes) -> None:
            changed = spoils(self, sums._number, stage, data)
            if changed is not None:
                send(stage, changed)

        sums._send = sends  # type: ignore[method-assign]


def play(
    spoils: dict[str, Spoils] | None = None,
    *,
    coordinator: str = "hub",
    patience: float | None = None,
    minimum: int = 4,
    meshes: dict[str, Mesh] | None = None,
) -> dict[str, Player]:
    meshes = meshes or local_meshes(list(dict.fromkeys((*NAMES, coordinator))))
    players = {
        name: Player(name, mesh, coordinator, patience, minimum, (spoils or {}).get(name))
        for name, mesh in meshes.items()
    }
    with ThreadPoolExecutor(len(players)) as pool:
        for done in [pool.submit(one.play) for one in players.values()]:
            done.result(60)
    return players


def dies(at: tuple[int, int]) -> Spoils:
    """Gone before that message."""

    def spoil(player: Player, number: int, stage: int, data: bytes) -> bytes:
        if (number, stage) == at:
            raise BAD_CALL("gone")
        return data

    return spoil


def sleeps(at: tuple[int, int], seconds: float) -> Spoils:
    def spoil(player: Player, number: int, stage: int, data: bytes) -> bytes:
        if (number, stage) == at:
            time.sleep(seconds)
        return data

    return spoil


def check(players: dict[str, Player], counted: list[tuple[str, ...]], without: str = "") -> None:
    """Everybody but those has these totals, and they are of these contributors."""
    for name in NAMES:
        if name in without:
            continue
        player = players[name]
        assert player.error is None, (name, player.error)
        assert [who for _, who in player.totals] == counted, name
        for total, who in player.totals:
            np.testing.assert_array_equal(total, of(*who))


@pytest.mark.parametrize("coordinator", ["hub", "b"])
def test_where_all_stay_totals_are_of_all_and_cost_no_more_than_foretold(coordinator: str) -> None:
    players = play(coordinator=coordinator)
    check(players, [NAMES] * TOTALS)
    names = (NAMES, coordinator)
    costs = [
        lasting_begin(*names),
        *([lasting_cost(*names, 3, EXACT)] * TOTALS),
        lasting_tell(*names, 2),
        lasting_tell(*names, 0),
    ]
    for name, player in players.items():
        assert player.told[0] == {one: one.encode() * 2 for one in NAMES}
        assert not player.noted
        assert player.depth <= sum(one.rounds for one in costs)
        within(costs, name, player.mesh)


Lies = Callable[[str, str, bytes], bytes]
"""(to whom, tag, message) to the message that goes out."""


def begin(coordinator: str, liar: str = "", lies: Lies | None = None) -> dict[str, tuple[Mesh, str]]:
    """Of everybody who begins a run: its mesh, and the code and detail of its error."""
    meshes = local_meshes(list(dict.fromkeys((*NAMES, coordinator))))
    if lies is not None:
        to, lie = meshes[liar].to, lies

        def channel(peer: str) -> Any:
            known = to(peer)
            return SimpleNamespace(
                recv_bytes=known.recv_bytes,
                send_bytes=lambda tag, data: known.send_bytes(tag, lie(peer, tag, data)),
            )

        meshes[liar].to = channel  # type: ignore[method-assign]

    def part(name: str) -> str:
        mesh = meshes[name]
        key = KEY if name in NAMES and coordinator not in NAMES else None
        with mesh.step("begin"):
            try:
                introduce(mesh, NAMES, coordinator, RUN, 4, key)
            except CoterieError as error:
                mesh.fail(error)
                return f"{error.code} {error.detail}"
        return ""

    with ThreadPoolExecutor(len(meshes)) as pool:
        found = dict(zip(meshes, pool.map(part, meshes), strict=True))
    return {name: (mesh, found[name]) for name, mesh in meshes.items()}


@pytest.mark.parametrize("coordinator", ["hub", "b"])
def test_the_beginning_takes_what_is_foretold(coordinator: str) -> None:
    foretold = lasting_begin(NAMES, coordinator)
    for name, (mesh, error) in begin(coordinator).items():
        assert not error
        sent = {peer: traffic.sent for peer, traffic in mesh.egress()["begin"].items()}
        assert sent == foretold.sent[name]


def lie(to: str, tag: str, at: int) -> Lies:
    """Another byte in one message."""

    def lies(peer: str, named: str, data: bytes) -> bytes:
        if (peer, named) != (to, tag):
            return data
        changed = bytearray(data)
        changed[at] ^= 1
        return bytes(changed)

    return lies


@pytest.mark.parametrize(
    ("coordinator", "liar", "lies", "found"),
    [
        ("hub", "d", lie("c", KEY_TOLD, 0), "CT-2420 keys: c got others than 5 of 6"),
        ("hub", "d", lie("c", KEY_TOLD, -1), "CT-2420 secrets: c got others than 4 of 5"),
        ("hub", "d", lie("hub", KEY_TOLD, 0), "CT-2420 keys: hub got others than 5 of 6"),
        ("hub", "d", lie("hub", READY, 0), "CT-2420 keys: d got others than 5 of 6"),
        ("hub", "hub", lie("c", READY, -1), "CT-2413"),
        ("b", "d", lie("c", KEY_TOLD, 0), "CT-2420 keys: c got others than 4 of 5"),
        ("b", "d", lie("b", KEY_TOLD, -1), "CT-2420 secrets: b got others than 4 of 5"),
        ("b", "b", lie("c", KEY_TOLD, 0), "CT-2420 keys: c got others than 4 of 5"),
    ],
)
def test_who_tells_some_another_key_or_secret_is_found_before_any_value_is_given(
    coordinator: str, liar: str, lies: Lies, found: str
) -> None:
    everybody = begin(coordinator, liar, lies)
    if found == "CT-2413":
        assert everybody["c"][1].startswith(found)
    else:
        assert {error for _, error in everybody.values()} == {found}


def within(costs: list[Cost], name: str, mesh: Mesh) -> None:
    for peer, traffic in mesh.egress()["train"].items():
        assert traffic.sent <= sum(one.sent.get(name, {}).get(peer, 0) for one in costs), (name, peer)


@pytest.mark.parametrize("coordinator", ["hub", "b"])
@pytest.mark.parametrize("stage", [1, 2, 3, 4, 5])
def test_the_run_goes_on_without_who_is_gone_at_any_stage(coordinator: str, stage: int) -> None:
    players = play({"d": dies((2, stage))}, coordinator=coordinator)
    others = ("a", "b", "c", "e")
    # After the masked values it is in the total, and its own mask is taken off by the others' shares.
    check(players, [NAMES, NAMES if stage > 3 else others, others], without="d")
    assert players["a"].noted == [("sum 2" if stage > 3 else "sum 1", others)]
    assert players["d"].error is not None
    assert players["d"].error.code == "CT-2403"


def test_what_is_told_is_told_without_who_is_gone() -> None:
    players = play({"e": dies((1, 1))})
    for name in ("a", "b", "c", "d", "hub"):
        assert set(players[name].told[0]) == {"a", "b", "c", "d"}


@pytest.mark.parametrize("stage", [1, 2, 3, 4, 5])
def test_who_is_late_hears_of_the_total_and_is_in_a_later_one(stage: int) -> None:
    """At the confirmation it is back: the coordinator has heard of it in between, or waits no longer."""
    players = play({"c": sleeps((0, stage), 0.5)}, patience=0.15)
    for name in NAMES:
        player = players[name]
        assert player.error is None, (name, player.error)
        assert len(player.totals) == TOTALS
        assert player.told == players["a"].told
        for (total, who), (same, others) in zip(player.totals, players["a"].totals, strict=True):
            np.testing.assert_array_equal(total, same)
            np.testing.assert_array_equal(total, of(*who))
            assert who == others
    assert ("c" in players["a"].totals[0][1]) == (stage > 3)


def garbage(player: Player, number: int, stage: int, data: bytes) -> bytes:
    return bytes([stage]) + b"garbage" if number == 2 else data


def too_long(player: Player, number: int, stage: int, data: bytes) -> bytes:
    return data + bytes(100_000) if number == 2 else data


def another_sum(player: Player, number: int, stage: int, data: bytes) -> bytes:
    return data[:16] + b"other" + data[21:] if number == 2 and stage == 1 else data


def again(player: Player, number: int, stage: int, data: bytes) -> bytes:
    """An earlier message once more: it is neither late nor due."""
    if number == 2 and stage == 1:
        player.mesh.to(player.coordinator).send_bytes("fl/up", ENVELOPE.pack(0, 1) + data)
    return data


def ahead(player: Player, number: int, stage: int, data: bytes) -> bytes:
    if number == 2 and stage == 1:
        player.mesh.to(player.coordinator).send_bytes("fl/up", ENVELOPE.pack(2**60, 5) + data)
    return data


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (garbage, "CT-2410"),
        (too_long, "CT-1203"),
        (another_sum, "CT-2411"),
        (again, "CT-2410"),
        (ahead, "CT-2410"),
    ],
)
def test_who_sends_what_nobody_sends_is_lost_and_nobody_else(spoil: Spoils, code: str) -> None:
    players = play({"d": spoil})
    check(players, [NAMES, ("a", "b", "c", "e"), ("a", "b", "c", "e")], without="d")
    assert players["hub"].mesh.lost()["d"].code == code


@pytest.mark.parametrize("stage", [2, 3, 4, 5])
def test_nonsense_in_the_middle_of_a_sum_does_not_end_it(stage: int) -> None:
    def spoil(player: Player, number: int, at: int, data: bytes) -> bytes:
        return b"nonsense" if (number, at) == (0, stage) else data

    players = play({"d": spoil})
    others = ("a", "b", "c", "e")
    check(players, [NAMES if stage > 3 else others, others, others], without="d")
    assert players["hub"].mesh.lost()["d"].family == "PeerMisbehaved"


def test_a_value_that_cannot_be_summed_takes_its_owner_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ROWS, "d", np.array([1.0, np.nan, 1e30]))
    players = play()
    assert players["d"].error is not None
    assert players["d"].error.code == "CT-2401"
    check(players, [("a", "b", "c", "e")] * TOTALS, without="d")


@pytest.mark.parametrize("coordinator", ["hub", "a"])
def test_fewer_than_must_be_there_end_it_for_all(coordinator: str) -> None:
    players = play({"d": dies((2, 3)), "e": dies((3, 1))}, coordinator=coordinator)
    for name in {*NAMES, coordinator} - {"d", "e"}:
        player = players[name]
        assert player.error is not None
        assert player.error.code == "CT-2414", player.error
        for lost in ("d", "e"):  # also the one that the sum before could do without
            assert f"{lost} (CT-2403 A secure sum was called" in (player.error.detail or "")
        assert len(player.totals) == (0 if name == "hub" else 2)


def test_all_but_one_are_gone() -> None:
    players = play({name: dies((2, 2)) for name in NAMES[1:]})
    assert players["a"].error is not None
    assert players["a"].error.code == "CT-2414"


def test_what_all_know_without_telling_must_be_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as a plan: who has another is lost, at the next sum."""
    tell = LastingSums.tell

    def told(self: LastingSums, what: str, record: bytes) -> Any:
        found = tell(self, what, record)
        if what == "facts":
            self.bind(b"plan" if self.me != "c" else b"another")
        return found

    def bound(self: LastingCoordinator, until: str, record: int = 0, **rest: Any) -> Any:
        found = serve(self, until, record, **rest)
        self.bind(b"plan")
        return found

    serve = LastingCoordinator.serve
    monkeypatch.setattr(LastingSums, "tell", told)
    monkeypatch.setattr(LastingCoordinator, "serve", bound)
    players = play()
    check(players, [NAMES, *([("a", "b", "d", "e")] * 2)], without="c")
    assert players["hub"].mesh.lost()["c"].code == "CT-2411"


class Liar(Coordinator):
    """Tells who was late another total."""

    @property
    def heard(self) -> bytes:
        told = bytearray(super().heard)
        told[-32] ^= 64
        return bytes(told)


def test_who_was_late_cannot_be_told_another_total_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """It gives nothing any more: its next keys are of another sum, to everybody."""
    monkeypatch.setattr(lasting_coordinator, "Coordinator", Liar)
    players = play({"c": sleeps((0, 1), 0.4)}, patience=0.1)
    others = ("a", "b", "d", "e")
    check(players, [others] * TOTALS, without="c")
    assert players["c"].error is not None
    assert players["c"].error.code in ("CT-2411", "CT-2412")
    assert len(players["c"].totals) < TOTALS or players["c"].error.code == "CT-2412"


def test_who_was_cut_off_for_a_while_hears_of_what_it_missed(tmp_path: Path) -> None:
    """Over links: the line of one to the coordinator is down while the others go on, and comes back."""
    everybody = (*NAMES, "hub")
    network = Network({name: Identity.create(tmp_path / name, name) for name in everybody})
    gate = network.proxy("hub", "d")
    try:
        for name in everybody:
            ports = {"hub": gate.port} if name == "d" else {}
            peers = {one: network.address(one, ports.get(one)) for one in everybody if one != name}
            network.meshes[name] = LinkMesh(network.identities[name], network.job, peers)

        def cut(player: Player, number: int, stage: int, data: bytes) -> bytes:
            if (number, stage) == (0, 3):
                gate.open = False
                network.shaper.cut(gate)
                time.sleep(1)
                gate.open = True
            return data

        players = play({"d": cut}, patience=0.3, meshes={**network.meshes})
        for name in NAMES:
            player = players[name]
            assert player.error is None, (name, player.error)
            assert [who for _, who in player.totals] == [who for _, who in players["a"].totals]
            for total, who in player.totals:
                np.testing.assert_array_equal(total, of(*who))
        assert "d" not in players["a"].totals[0][1]
        assert not players["hub"].mesh.lost()
    finally:
        network.close()
