"""The tape: what a program will do, before it does anything."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from coterie import mpc
from coterie.errors import CoterieError
from coterie.mpc import Context, Private, Program, Secret, Tape, functions, trace
from coterie.mpc.fourier_tables import SIGMOID

from .rig import DEALER, NAMES, play


def training(n: int = 40, terms: int = 7) -> Program:
    """A pass of everything: private products, sigmoid, truncation, products, reveals."""

    def program(ctx: Context) -> None:
        left, right = (ctx.private(f"x{i}", ctx.parties[i], (n, 3), 4.0) for i in (0, 1))
        w = ctx.zeros((6,)) + ctx.private("w", ctx.parties[1], (6,), 1.0)
        y = ctx.private("y", ctx.parties[0], (n,), 1.0, frac=24)
        with ctx.section("pass 1"):
            ctx.open(w)
            p = ctx.sigmoid(ctx.dot([(left, w[:3]), (right, w[3:])]), frac=24, terms=terms)
            e = p - y
            (g,) = ctx.truncate(functions.concatenate([left.T @ e, right.T @ e]), frac=18)
            q = ctx.product("multiply", g, w)
        ctx.check()
        ctx.reveal(g, ctx.parties[:1], "gradient")
        ctx.keep(q, "q")

    return program


def inputs(n: int = 40) -> dict[str, Any]:
    random = np.random.default_rng(2)
    return {
        "x0": random.uniform(-4, 4, (n, 3)),
        "x1": random.uniform(-4, 4, (n, 3)),
        "w": random.uniform(-0.4, 0.4, 6),
        "y": random.integers(0, 2, n),
    }


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("n", [1, 40, 70_000])
def test_predicted_is_measured(n: int, count: int) -> None:
    played = play(training(n), inputs(n), NAMES[:count])
    assert played.sent() == {source: dict(targets) for source, targets in played.tape.sent.items()}
    assert played.depths == dict(played.tape.rounds)
    assert played.tape.rounds[DEALER] == 1


def test_what_is_sent_is_what_the_protocols_state() -> None:
    n, tape = 1000, trace(training(1000), NAMES[:2], DEALER)
    seeds = 64
    openings = 8 * (6 + n + 6)  # w, errors, gradient; w stays opened for its product
    assert tape.sent["telecom"]["lender"] == seeds + 3 * 8 * n + openings + 8 * 6 + 5 * n + 128 + 48
    assert tape.sent["lender"]["telecom"] == seeds + 3 * 8 * n + openings + 8 * 6 + 5 * n + 128
    dealt = 8 * n + (16 * 7 + 16) * n + 8 * 6 + 16 * 6 + 8 * 6 + 64
    assert tape.sent[DEALER]["telecom"] == 48 + dealt
    # seeds, mask, w, sigmoid, errors, truncation, g for the product, two of the check, reveal
    assert tape.rounds == {"lender": 10, "telecom": 9, DEALER: 1}


def test_equal_programs_have_equal_tapes_and_others_do_not() -> None:
    base = trace(training(), NAMES[:2], DEALER)
    assert trace(training(), NAMES[:2], DEALER).digest == base.digest
    others = [
        trace(training(41), NAMES[:2], DEALER),
        trace(training(terms=6), NAMES[:2], DEALER),
        trace(training(), NAMES[1::-1], DEALER),
        trace(training(), NAMES, DEALER),
        trace(training(), NAMES[:2], "other"),
    ]
    assert len({tape.digest for tape in (base, *others)}) == 6


def test_other_factors_of_the_sigmoid_are_another_plan(monkeypatch: pytest.MonkeyPatch) -> None:
    base = trace(training(), NAMES[:2], DEALER).digest
    named = SIGMOID[10, 7]
    sines = (named.sum.sines[0] + 2.0**-32, *named.sum.sines[1:])
    monkeypatch.setitem(SIGMOID, (10, 7), replace(named, sum=replace(named.sum, sines=sines)))
    assert trace(training(), NAMES[:2], DEALER).digest != base


def test_reveals_are_listed_with_their_receivers() -> None:
    disclosures = trace(training(), NAMES[:2], DEALER).disclosures
    assert [(d.name, d.to, d.values) for d in disclosures] == [
        ("whether every value was in range", NAMES[:2], 1),
        ("gradient", ("lender",), 6),
    ]


def test_no_id_belongs_to_two_instructions() -> None:
    tape = trace(training(70_000), NAMES, DEALER)
    ids = list(itertools.chain.from_iterable(instruction.ids for instruction in tape.instructions))
    assert len(set(ids)) == len(ids) > 15
    assert min(ids) > 0


def test_the_memory_of_a_run_is_foreseen() -> None:
    """Own features in 32 bits, the peer's masked ones once, and vectors."""
    n, d = 100_000, 50

    def program(ctx: Context) -> None:
        parts = [ctx.private(f"x{i}", ctx.parties[i], (n, d), 4.0) for i in (0, 1)]
        w = ctx.zeros((d,))
        p = ctx.sigmoid(ctx.dot([(part, w) for part in parts]), frac=24)
        for part in parts:
            ctx.truncate(part.T @ p, frac=18)
        ctx.check()

    features = n * d * (4 + 8 + 8)  # own, the peer's masked, and own masked ones on their way
    tape = trace(program, NAMES[:2], DEALER)
    assert features < tape.memory < features + 12 * 8 * n + 65536 * 8 * 60
    assert tape.multiplications["lender"] == tape.multiplications["telecom"] > 4 * n * d


def shaped(wrong: Callable[[Context, Secret, Private], Any]) -> Program:
    def program(ctx: Context) -> None:
        with ctx.section("pass 7"):
            wrong(ctx, ctx.zeros((4, 3)) + 1.0, ctx.private("x", ctx.parties[0], (4, 3), 1e6))

    return program


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        (lambda ctx, s, p: (s * 2**30) * 2**20, "operation 4 (scale of 4x3) in 'pass 7'"),
        (lambda ctx, s, p: (s * 2**43 + p) + (s * 2**43), "(add of 4x3, 4x3) in 'pass 7'"),
        (lambda ctx, s, p: p * (s * 2**10), "(private_product of 4x3, 4x3) in 'pass 7'"),
        (lambda ctx, s, p: ctx.product("multiply", s * 2**13, s * 2**13), "(product of"),
        (lambda ctx, s, p: (s * 2**43).sum(), "(sum of 4x3)"),
        (lambda ctx, s, p: ctx.refine(s, 62), "(refine of 4x3)"),
        (lambda ctx, s, p: ctx.private("big", ctx.parties[0], (2,), 2.0**44), "(private of nothing)"),
    ],
)
def test_overflow_is_refused_at_trace_and_the_place_is_named(
    wrong: Callable[[Context, Secret, Private], Any], where: str
) -> None:
    with pytest.raises(CoterieError) as caught:
        trace(shaped(wrong), NAMES[:2], DEALER)
    assert caught.value.code == "CT-2101"
    assert where in str(caught.value)


def test_declared_sums_make_room() -> None:
    def program(ctx: Context, **sums: float) -> None:
        x = ctx.private("x", ctx.parties[0], (2**20, 4), 100.0, **sums)
        e = ctx.zeros((2**20,), frac=24) + ctx.private("e", ctx.parties[0], (2**20,), 1.0, frac=24)
        rounding = 2**20 * 2.0**-19
        assert (x.T @ e).bound == (sums["column_sum"] + rounding if sums else 100.0 * 2**20)

    with pytest.raises(CoterieError, match="CT-2101"):
        trace(program, NAMES[:2], DEALER)
    trace(lambda ctx: program(ctx, column_sum=2.0**19), NAMES[:2], DEALER)


def refused(wrong: Callable[[Context, Secret, Private], Any]) -> CoterieError:
    with pytest.raises(CoterieError) as caught:
        trace(shaped(wrong), NAMES[:2], DEALER)
    return caught.value


@pytest.mark.parametrize(
    "wrong",
    [
        lambda ctx, s, p: ctx.product("convolve", s, s),
        lambda ctx, s, p: ctx.truncate(s, frac=18),
        lambda ctx, s, p: ctx.truncate(s, frac=-50),
        lambda ctx, s, p: ctx.reveal(s, (), "s"),
        lambda ctx, s, p: ctx.reveal(s, ("lender", "lender"), "s"),
        lambda ctx, s, p: (ctx.reveal(s, ("lender",), "s"), ctx.reveal(s, ("lender",), "s")),
        lambda ctx, s, p: ctx.private("x", "lender", (1,), 1.0),
        lambda ctx, s, p: ctx.private("y", "stranger", (1,), 1.0),
        lambda ctx, s, p: s.ldexp(30),
        lambda ctx, s, p: ctx.refine(s, 10),
        lambda ctx, s, p: ctx.dot([]),
        lambda ctx, s, p: ctx.check_range(s, 48),
        lambda ctx, s, p: ctx.check_range(s, 8),
    ],
)
def test_programs_that_make_no_sense_are_refused(wrong: Callable[[Context, Secret, Private], Any]) -> None:
    assert refused(wrong).code == "CT-2106"


@pytest.mark.parametrize(
    "wrong",
    [
        lambda ctx, s, p: s @ s,
        lambda ctx, s, p: s * s[:2],
        lambda ctx, s, p: p * s[:, :2],
        lambda ctx, s, p: p @ s,
        lambda ctx, s, p: np.ones((3, 3)) @ s,
        lambda ctx, s, p: s.reshape(5, 5),
        lambda ctx, s, p: s.reshape(7, -1),
        lambda ctx, s, p: s[4],
        lambda ctx, s, p: s[[0, 4]],
        lambda ctx, s, p: s[0, 0, 0],
        lambda ctx, s, p: functions.concatenate([s, s.sum(axis=0)]),
        lambda ctx, s, p: functions.stack([s, s.T]),
        lambda ctx, s, p: s.sum(axis=2),
        lambda ctx, s, p: s + ctx.zeros((5,)),
        lambda ctx, s, p: s - np.zeros(4),
        lambda ctx, s, p: np.broadcast_to(s, (4, 4)),
    ],
)
def test_shapes_that_do_not_go_together_are_refused(wrong: Callable[[Context, Secret, Private], Any]) -> None:
    """With the program's own line: the expression stands in this file."""
    error = refused(wrong)
    assert error.code == "CT-2112"
    assert f"at {Path(__file__).name}:" in str(error)


@pytest.mark.parametrize(
    ("right", "shape"),
    [
        (lambda ctx, s, p: s.T @ s, (3, 3)),
        (lambda ctx, s, p: p * s[0], (4, 3)),
        (lambda ctx, s, p: s[::-1], (4, 3)),
        (lambda ctx, s, p: s[[0, 1, 1]], (3, 3)),
        (lambda ctx, s, p: s * 0.5, (4, 3)),
        (lambda ctx, s, p: np.add(np.ones(3), s), (4, 3)),
        (lambda ctx, s, p: s.times(np.ones(3), 4), (4, 3)),
        (lambda ctx, s, p: s.reshape(2, -1), (2, 6)),
    ],
)
def test_what_numpy_allows_is_allowed(
    right: Callable[[Context, Secret, Private], Secret], shape: tuple[int, ...]
) -> None:
    shapes: list[tuple[int, ...]] = []
    trace(shaped(lambda ctx, s, p: shapes.append(right(ctx, s, p).shape)), NAMES[:2], DEALER)
    assert shapes == [shape]


@pytest.mark.parametrize(
    "wrong",
    [
        lambda ctx, s, t, p: ctx.truncate(t, frac=2),
        lambda ctx, s, t, p: ctx.truncate(p, frac=2),
        lambda ctx, s, t, p: ctx.open(t),
        lambda ctx, s, t, p: ctx.mask(s),
        lambda ctx, s, t, p: ctx.refine(t, 20),
        lambda ctx, s, t, p: ctx.reveal(p, ("lender",), "p"),
        lambda ctx, s, t, p: ctx.truth("xor", [s, t]),
        lambda ctx, s, t, p: ctx.one("numbers", [s]),
        lambda ctx, s, t, p: s + np.array(["1", "2", "3"]),
        lambda ctx, s, t, p: s[t],
        lambda ctx, s, t, p: s[s],
        lambda ctx, s, t, p: np.cross(s, s),
        lambda ctx, s, t, p: np.add(s, s, out=np.ones((4, 3))),
        lambda ctx, s, t, p: ctx.public(s),
    ],
)
def test_arrays_of_the_wrong_kind_are_refused(wrong: Callable[..., Any]) -> None:
    def program(ctx: Context) -> None:
        s, p = ctx.zeros((4, 3)), ctx.private("x", ctx.parties[0], (4, 3), (0.0, 1.0), frac=0)
        with pytest.raises(TypeError):
            wrong(ctx, s, functions.truth(p), p)

    trace(program, NAMES[:2], DEALER)


def test_arrays_of_another_run_are_refused() -> None:
    leaked: list[Secret] = []

    def program(ctx: Context) -> None:
        leaked.append(ctx.zeros((2,)))
        leaked[0] + leaked[-1]

    trace(program, NAMES[:2], DEALER)
    with pytest.raises(CoterieError, match=r"CT-2106.*another run"):
        trace(program, NAMES[:2], DEALER)


def test_secrets_have_no_value_to_look_at() -> None:
    def program(ctx: Context) -> None:
        s, p = ctx.zeros((2,)), ctx.private("p", ctx.parties[0], (2,), (0.0, 1.0), frac=0)
        refused: list[Callable[[Any], Any]] = [
            bool,
            iter,
            list,
            float,
            int,
            np.asarray,
            lambda x: [1, 2][x],
            lambda x: 1 if x else 0,
            lambda x: x and True,
            lambda x: 0 in x,
            lambda x: "equal" if x == 0 else "different",
            lambda x: 0 < x < 1,
            __import__("copy").deepcopy,
            __import__("pickle").dumps,
        ]
        for array in (s, p, functions.truth(p)):
            for look in refused:
                with pytest.raises(TypeError):
                    look(array)
            assert "0." not in repr(array)

    trace(program, NAMES[:2], DEALER)


def test_a_branch_on_a_secret_says_what_to_do_instead() -> None:
    def program(ctx: Context) -> None:
        if ctx.zeros((2,)):
            pass

    with pytest.raises(TypeError, match=r"what a program does cannot depend on a secret.*where\(\)"):
        trace(program, NAMES[:2], DEALER)


@pytest.mark.parametrize(
    ("parties", "dealer"),
    [
        ((), "hub"),
        (NAMES, ""),
        (("lender",), "hub"),
        (("lender", "hub"), "hub"),
        (("lender", "lender"), "hub"),
    ],
)
def test_a_dealer_that_computes_is_refused(parties: tuple[str, ...], dealer: str) -> None:
    with pytest.raises(CoterieError, match="CT-2109"):
        trace(training(), parties, dealer)


def test_every_protocol_that_sends_has_a_statement() -> None:
    from coterie.mpc.protocols import PROTOCOLS

    tape = trace(training(), NAMES[:2], DEALER)
    sending = {
        instruction.call.kind
        for instruction in tape.instructions
        if PROTOCOLS[instruction.call.kind].cost(instruction.call, tape.setting).rounds
    }
    assert sending <= set(mpc.STATEMENTS)
    for statement in mpc.STATEMENTS.values():
        assert statement.adversary == "semi-honest"
        assert statement.computational_bits >= 112
        assert statement.learns.endswith(".")


def test_a_tape_is_plain_and_canonical() -> None:
    tape: Tape = trace(training(), NAMES[:2], DEALER)
    from coterie.crypto import canonical, digest, parse_json

    text = canonical(tape.to_dict())
    assert digest(text) == tape.digest
    assert canonical(parse_json(text, limit=10**7)) == text
