"""Guests: parties that give inputs or get results and do not compute, the dealer among them."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from coterie.crypto import Identity
from coterie.errors import CoterieError
from coterie.mpc import Context, RowBlocks, deal, run, trace, twin
from coterie.mpc.seeds import OWN
from coterie.wire import local_meshes
from tests.wire.network import Network

from .rig import DEALER, play, recorded_claims
from .wiretap import Tap

COMPUTE = ("lender", "telecom", "platform", "insurer", "retailer")
GUESTS = ("bureau", "regulator")
ROWS = 7


def scoring(ctx: Context, owners: tuple[str, ...], to: tuple[str, ...]) -> None:
    """Weights of the owners, features of the first compute party; the squares of scores to ``to``."""
    total = ctx.zeros((ROWS,))
    features = ctx.private("features", ctx.parties[0], (ROWS, 3), 4.0)
    for owner in owners:
        total = total + features @ ctx.provided(f"w of {owner}", owner, (3,), (-2.0, 2.0))
    (score,) = ctx.truncate(total, frac=18)
    (square,) = ctx.truncate(score * score, frac=18)
    ctx.reveal(square, to, "squares")


def given(owners: tuple[str, ...]) -> dict[str, Any]:
    rng = np.random.default_rng(5)
    weights = {f"w of {owner}": rng.uniform(-2, 2, 3) for owner in owners}
    return {"features": rng.uniform(-4, 4, (ROWS, 3)), **weights}


def wanted(inputs: dict[str, Any]) -> Any:
    """NumPy's answer."""
    return np.square(inputs["features"] @ sum(v for k, v in inputs.items() if k != "features"))


@pytest.mark.parametrize("count", [2, 3, 5])
@pytest.mark.parametrize("guests", [(), GUESTS[:1], GUESTS, (DEALER,), (*GUESTS[:1], DEALER)])
def test_planned_is_counted_and_the_result_is_numpys(count: int, guests: tuple[str, ...]) -> None:
    owners = guests or (COMPUTE[1],)
    to = (COMPUTE[0], *guests)
    inputs = given(owners)
    played = play(lambda ctx: scoring(ctx, owners, to), inputs, COMPUTE[:count], guests=guests)
    assert played.sent() == {source: dict(targets) for source, targets in played.tape.sent.items()}
    assert played.depths == dict(played.tape.rounds)
    assert set(played.depths) == {*COMPUTE[:count], DEALER, *guests}
    got = {name: outputs.revealed for name, outputs in played.outputs.items()} | {
        DEALER: played.dealers.revealed
    }
    for name, revealed in got.items():
        assert set(revealed) == ({"squares"} if name in to else set())
        if name in to:
            np.testing.assert_allclose(revealed["squares"], wanted(inputs), atol=1e-3)
    both = twin(lambda ctx: scoring(ctx, owners, to), COMPUTE[:count], inputs, "float")
    np.testing.assert_allclose(both.revealed["squares"], wanted(inputs))


def test_the_cost_of_an_input_party_is_its_array_to_one_party() -> None:
    def program(ctx: Context) -> None:
        ctx.keep(ctx.provided("x", "bureau", (1000, 3), 1.0), "x")

    tape = trace(program, COMPUTE[:3], DEALER, ("bureau",))
    assert tape.sent["bureau"] == {"lender": 8 * 3000 + 48, "telecom": 48, "platform": 48}
    assert tape.sent["lender"]["bureau"] == 48
    assert "bureau" not in tape.sent[DEALER]
    assert tape.multiplications["bureau"] == 0


def test_a_large_input_goes_in_chunks_and_a_stream_of_rows_is_as_good() -> None:
    n = (1 << 20) + 77
    values = np.arange(n) % 1001 - 500.0
    rows = RowBlocks((n,), lambda start, stop: values[start:stop])

    def program(ctx: Context) -> None:
        x = ctx.provided("x", "bureau", (n,), 500.0, frac=0)
        ctx.reveal(x.sum(), ["regulator"], "sum")

    played = play(program, {"x": rows}, COMPUTE[:2], guests=GUESTS)
    assert played.outputs["regulator"].revealed["sum"] == values.sum()
    assert played.sent() == {source: dict(targets) for source, targets in played.tape.sent.items()}


def test_truth_values_reach_guests() -> None:
    def program(ctx: Context) -> None:
        x, y = (ctx.provided(name, name, (9,), 8.0) for name in ("bureau", DEALER))
        ctx.reveal(x < y, ["bureau", DEALER], "less")

    inputs = {"bureau": np.arange(9.0) - 4, DEALER: np.array([-4.5, -3, 1, 1, 0, 0, 2, -8, 8])}
    played = play(program, inputs, COMPUTE[:2], guests=("bureau", DEALER))
    for outputs in (played.outputs["bureau"], played.dealers):
        np.testing.assert_array_equal(outputs.revealed["less"], inputs["bureau"] < inputs[DEALER])
    assert played.sent() == {source: dict(targets) for source, targets in played.tape.sent.items()}


def test_an_input_looks_random_to_each_party_and_a_reveal_to_its_guest() -> None:
    """What is sent of zeros is spread over the whole ring, and the covered shares are not the plain ones."""
    n = 5000

    def program(ctx: Context) -> None:
        ctx.reveal(ctx.provided("x", DEALER, (n,), 1.0), [DEALER], "x")

    names = (*COMPUTE[:2], DEALER)
    meshes, sent = local_meshes(names), {}
    for one, other in itertools.permutations(names, 2):
        sent[one, other] = []
        mesh: Any = meshes[one]
        mesh.channels[other] = Tap(mesh.channels[other], sent[one, other])
    played = play(program, {"x": np.zeros(n)}, COMPUTE[:2], guests=(DEALER,), meshes=meshes)
    assert not played.dealers.revealed["x"].any()
    for route in ((DEALER, "lender"), ("lender", DEALER), ("telecom", DEALER)):
        top = np.frombuffer(sent[route][-1], np.uint64) >> np.uint64(56)
        counts = np.bincount(top.astype(np.int64), minlength=256)
        assert ((counts - n / 256) ** 2 / (n / 256)).sum() < 255 + 6 * np.sqrt(2 * 255)  # chi-square, 6 sigma
    assert sent[DEALER, "lender"][-1] not in (sent["lender", DEALER][-1], sent["telecom", DEALER][-1])


def test_who_knows_which_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A guest shares one with each compute party and none with anybody else; so does a dealer who is one. And
    each has one alone."""
    books = recorded_claims(monkeypatch)
    owners = ("bureau", DEALER)
    play(lambda ctx: scoring(ctx, owners, (DEALER,)), given(owners), COMPUTE[:3], guests=owners)
    alone = [one.book._seeds.pop(OWN) for one in books.values()]
    known = {name: set(one.book._seeds.values()) for name, one in books.items()}
    assert len(set(alone)) == len(alone)
    assert set(alone).isdisjoint(set.union(*known.values()))
    assert [len(known[name]) for name in COMPUTE[:3]] == [1 + 2 + 1 + 2] * 3
    assert len(known["bureau"]) == 3
    assert len(known[DEALER]) == 6
    assert not known["bureau"] & known[DEALER]
    for seed in set.union(*known.values()):
        holders = {name for name in known if seed in known[name]}
        assert len(holders) == 2 or holders == set(COMPUTE[:3])


@pytest.mark.parametrize(
    ("parties", "dealer", "guests"),
    [
        (COMPUTE[:1], DEALER, ()),
        ((*COMPUTE, "sixth"), DEALER, ()),
        (COMPUTE[:2], "", ()),
        (COMPUTE[:2], COMPUTE[1], ()),  # the dealer would compute
        (COMPUTE[:2], COMPUTE[1], (COMPUTE[1],)),
        (("lender", "lender"), DEALER, ()),
        (COMPUTE[:2], DEALER, ("lender",)),
        (COMPUTE[:2], DEALER, ("bureau", "bureau")),
        (("lender", "lender/telecom", "telecom"), DEALER, ()),
        (COMPUTE[:2], DEALER, ("",)),
    ],
)
def test_roles_that_cannot_be(parties: Any, dealer: str, guests: Any) -> None:
    with pytest.raises(CoterieError, match="CT-2109"):
        trace(lambda ctx: None, parties, dealer, guests)


@pytest.mark.parametrize("name", ["stranger", DEALER])
@pytest.mark.parametrize("what", ["input", "result"])
def test_who_is_no_guest_gives_and_gets_nothing(name: str, what: str) -> None:
    def program(ctx: Context) -> None:
        owner, to = (name, "bureau") if what == "input" else ("bureau", name)
        ctx.reveal(ctx.provided("x", owner, (2,), 1.0), [to], "x")

    with pytest.raises(CoterieError, match="CT-2109") as caught:
        trace(program, COMPUTE[:2], DEALER, ("bureau",))
    assert repr(name) in caught.value.detail


def test_a_guest_does_not_own_a_private_array() -> None:
    with pytest.raises(CoterieError, match="CT-2106"):
        trace(lambda ctx: ctx.private("x", "bureau", (2,), 1.0) and None, COMPUTE[:2], DEALER, ("bureau",))


def test_only_participants_run() -> None:
    tape = trace(lambda ctx: None, COMPUTE[:2], DEALER, ("bureau",))
    meshes = local_meshes(["stranger", DEALER, "bureau"])
    for name in ("stranger", DEALER):
        with pytest.raises(CoterieError, match="CT-2109"):
            run(lambda ctx: None, tape, meshes[name], {})
    with pytest.raises(CoterieError, match="CT-2109"):
        deal(tape, meshes["bureau"])


@pytest.mark.parametrize(
    ("values", "code"),
    [
        (np.array([1.0, np.nan]), "CT-2103"),
        (np.array([1.0, 2.5]), "CT-2102"),
        (np.array([1.0]), "CT-2107"),
        (None, "CT-2107"),
    ],
)
@pytest.mark.parametrize("owner", ["bureau", DEALER, "lender"])
def test_a_bad_input_ends_the_run_at_all_before_anything_is_sent(owner: str, values: Any, code: str) -> None:
    def program(ctx: Context) -> None:
        ctx.reveal(ctx.provided("x", owner, (2,), (-2.0, 2.0)), ["regulator"], "x")

    guests = ("regulator", *{owner}.difference(COMPUTE))
    inputs = {} if values is None else {"x": values}
    played = play(program, inputs, COMPUTE[:2], guests=guests, raises=False)
    assert set(played.errors) >= {*COMPUTE[:2], *guests}  # the dealer may be done before
    for error in played.errors.values():
        assert isinstance(error, CoterieError)
        assert error.code == code
    assert owner not in played.sent()


def test_a_guest_with_another_plan_or_program_is_found_out() -> None:
    def program(ctx: Context) -> None:
        ctx.reveal(ctx.provided("x", "bureau", (2,), 1.0), ["bureau"], "x")

    def longer(ctx: Context) -> None:
        program(ctx)
        ctx.keep(ctx.zeros((1,)), "more")

    inputs = {"x": np.array([0.5, 0.25])}
    tape, other = (trace(one, COMPUTE[:2], DEALER, ("bureau",)) for one in (program, longer))
    tapes = {**dict.fromkeys((*COMPUTE[:2], DEALER), tape), "bureau": other}
    played = play(program, inputs, COMPUTE[:2], guests=("bureau",), tapes=tapes, raises=False)
    codes = {name: getattr(error, "code", "") for name, error in played.errors.items()}
    assert {codes["bureau"], codes["lender"]} == {"CT-2105"}

    programs = {**dict.fromkeys((*COMPUTE[:2], DEALER), program), "bureau": longer}
    played = play(programs, inputs, COMPUTE[:2], guests=("bureau",), raises=False)
    assert getattr(played.errors["bureau"], "code", "") == "CT-2104"


def test_guests_over_tls(tmp_path: Path) -> None:
    names = (*COMPUTE[:2], DEALER, "bureau")
    network = Network({name: Identity.create(tmp_path / name, name) for name in names})
    try:
        meshes = dict(zip(names, network.join(*names), strict=True))
        owners, inputs = ("bureau", DEALER), given(("bureau", DEALER))
        played = play(
            lambda ctx: scoring(ctx, owners, owners), inputs, COMPUTE[:2], guests=owners, meshes=meshes
        )
    finally:
        network.close()
    for revealed in (played.outputs["bureau"].revealed, played.dealers.revealed):
        np.testing.assert_allclose(revealed["squares"], wanted(inputs), atol=1e-3)
    assert played.sent() == {source: dict(targets) for source, targets in played.tape.sent.items()}
    assert played.depths == dict(played.tape.rounds)
