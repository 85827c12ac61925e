"""What programs may not do, and what their authors are then told: the line, and what to do instead."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from coterie.errors import CoterieError
from coterie.mpc import Context, Private, Secret, functions, trace, twin

PARTIES = ("bank", "telecom")
Fault = Callable[[Context, Private, Secret], object]


def told(program: Callable[[Context], object]) -> str:
    """All that the author reads."""
    with pytest.raises((CoterieError, TypeError)) as caught:
        trace(program, PARTIES, "hub")  # type: ignore[arg-type]
    return str(caught.value)


def if_secret(_ctx: Context, _x: Private, secret: Secret) -> None:
    if secret > 3:
        pass


def twice(ctx: Context, _x: Private, secret: Secret) -> None:
    for _ in range(2):
        ctx.reveal(secret, to=["bank"], name="it")


def unchecked(ctx: Context, _x: Private, secret: Secret) -> None:
    ctx.reveal(functions.exp(secret, low=-2, high=2), to=["bank"], name="it")


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (if_secret, "where()"),
        (lambda ctx, x, secret: float(secret[0]), "reveal it first"),
        (lambda ctx, x, secret: secret[functions.argmax(secret)], "lookup()"),
        (lambda ctx, x, secret: np.var(secret), "coterie.mpc.functions lists"),
        (lambda ctx, x, secret: x > 3, "secret()"),
    ],
)
def test_what_python_would_do_with_a_value_is_refused_with_another_way(fault: Fault, words: str) -> None:
    assert words in told(lambda ctx: fault(ctx, *given(ctx)))


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (
            lambda ctx, x, secret: functions.exp(secret.ldexp(5), low=-2, high=2),
            "CT-2101 .*range check.*bounded",
        ),
        (lambda ctx, x, secret: secret * secret * secret * secret, "CT-2101 .*fn.bounded"),
        (lambda ctx, x, secret: secret + np.ones(5), r"CT-2112 .*\(4,\) and \(5,\)"),
        (lambda ctx, x, secret: functions.log(secret), r"CT-2113 .*low= and high="),
        (lambda ctx, x, secret: ctx.reveal(x, to=["bank"], name="it"), r"takes no Private: take its secret"),
        (lambda ctx, x, secret: ctx.reveal(np.ones(3), to=["bank"], name="it"), "takes no ndarray"),
        (
            lambda ctx, x, secret: ctx.reveal(secret, to=[], name="it"),
            "CT-2106 .*nobody.*Correct the program",
        ),
        (lambda ctx, x, secret: ctx.private("x", "bank", (4,), 1), "CT-2106 .*two of the inputs"),
        (twice, "CT-2106 .*two of the revealed"),
        (unchecked, "CT-2106 .*check"),
    ],
)
def test_the_line_is_named(fault: Fault, words: str) -> None:
    said = told(lambda ctx: fault(ctx, *given(ctx)))
    assert re.search(words, said)
    lines, first = inspect.getsourcelines(fault)
    found = re.search(r"test_program_faults\.py:(\d+)", said)
    assert found, said
    assert first <= int(found[1]) < first + len(lines)


def given(ctx: Context) -> tuple[Private, Secret]:
    x = ctx.private("x", "bank", (4,), bound=1e5)
    return x, x.secret()


@pytest.mark.parametrize(
    ("inputs", "words"), [({}, "'x' is missing"), ({"x": np.ones(3)}, r"'x' must be an array .*\(4,\)")]
)
def test_inputs_that_do_not_fit_are_named(inputs: dict[str, Any], words: str) -> None:
    with pytest.raises(CoterieError, match=f"CT-2107.*{words}"):
        twin(lambda ctx: ctx.private("x", "bank", (4,), 1) and None, PARTIES, inputs)


def test_a_twin_is_of_two_kinds() -> None:
    with pytest.raises(ValueError, match="'double'"):
        twin(lambda ctx: None, PARTIES, {}, "double")  # type: ignore[arg-type]
