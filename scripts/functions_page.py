"""Write docs/functions.md: every function on secrets, with what it costs by the tape.

python scripts/functions_page.py [FILE]      writes FILE, or prints the page
"""

from __future__ import annotations

import inspect
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from coterie.mpc import Bits, Context, Secret, Tape, trace
from coterie.mpc import functions as fn

PARTIES, DEALER = ("a", "b"), "dealer"
FEW, MANY = 1024, 2048
"""Elements of the two tapes whose difference is the cost of an element."""

HEAD = """# Functions on secrets

`from coterie.mpc import functions as fn`: NumPy's functions on `Secret`, `Private` and `Bits` arrays, with
NumPy's names, broadcasting and axes. Operators and methods of the arrays, and NumPy's own functions
(`np.exp(secret)`), lead here too. See [programs.md](programs.md) for how programs are written.

This page is generated from the docstrings (`make docs`), the numbers from tapes: what one more element costs
with two parties on a local network, for values up to 1000 with 18 fractional bits where nothing else is said.
*Sent* is what each party sends to the other, *dealt* what the dealer sends; rounds are those of the whole
call. A test compares the page with the code.
"""


Example = tuple[str, Callable[[Context, int], Any]]


def x(ctx: Context, n: int, low: float = -1000.0, high: float = 1000.0, name: str = "x") -> Secret:
    """A secret of n numbers from low to high that nothing was done with yet."""
    return ctx.shared(name, (n,), (low, high))


def y(ctx: Context, n: int) -> Secret:
    """Another."""
    return x(ctx, n, name="y")


def whole(ctx: Context, n: int, count: int) -> Secret:
    """A secret of n whole numbers from 0 to count - 1."""
    return ctx.shared("index", (n,), (0, count - 1), 0)


def true(ctx: Context, n: int, name: str = "b") -> Bits:
    """n secret truth values."""
    return fn.truth(ctx.shared(name, (n,), (0.0, 1.0), 0))


def rows(ctx: Context, n: int) -> Secret:
    """n rows of four numbers."""
    return ctx.shared("rows", (n, 4), 1000.0)


EXAMPLES: dict[str, Example] = {
    "multiply": ("x * y", lambda c, n: x(c, n) * y(c, n)),
    "square": ("square(x)", lambda c, n: fn.square(x(c, n))),
    "power": ("x ** 3", lambda c, n: x(c, n) ** 3),
    "matmul": ("rows @ v for v of 4 secrets", lambda c, n: rows(c, n) @ x(c, 4)),
    "rounded": ("rounded(x * y)", lambda c, n: fn.rounded(x(c, n) * y(c, n))),
    "less": ("x < y", lambda c, n: x(c, n) < y(c, n)),
    "equal": ("x == y", lambda c, n: x(c, n) == y(c, n)),
    "absolute": ("abs(x)", lambda c, n: abs(x(c, n))),
    "sign": ("sign(x)", lambda c, n: fn.sign(x(c, n))),
    "minimum": ("minimum(x, y)", lambda c, n: fn.minimum(x(c, n), y(c, n))),
    "clip": ("clip(x, -3, 3)", lambda c, n: fn.clip(x(c, n), -3, 3)),
    "bounded": ("bounded(x, 100)", lambda c, n: fn.bounded(x(c, n), 100)),
    "logical_and": ("a & b", lambda c, n: true(c, n) & true(c, n, "a")),
    "numbers": ("numbers(b)", lambda c, n: fn.numbers(true(c, n))),
    "where": ("where(b, x, y)", lambda c, n: fn.where(true(c, n), x(c, n), y(c, n))),
    "exp": ("exp(x) for x in [-8, 8]", lambda c, n: fn.exp(x(c, n, -8, 8))),
    "sigmoid": ("sigmoid(x) for x in [-10, 10]", lambda c, n: fn.sigmoid(x(c, n, -10, 10))),
    "tanh": ("tanh(x) for x in [-5, 5]", lambda c, n: fn.tanh(x(c, n, -5, 5))),
    "softplus": ("softplus(x) for x in [-10, 10]", lambda c, n: fn.softplus(x(c, n, -10, 10))),
    "log": ("log(x) for x in [1/256, 256]", lambda c, n: fn.log(x(c, n, 2.0**-8, 256))),
    "reciprocal": ("reciprocal(x) for x in [1/256, 256]", lambda c, n: fn.reciprocal(x(c, n, 2.0**-8, 256))),
    "divide": ("x / y for y in [1/256, 256]", lambda c, n: x(c, n) / x(c, n, 2.0**-8, 256, "y")),
    "smooth": ("smooth(x, np.sin) for x in [-3, 3]", lambda c, n: fn.smooth(x(c, n, -3, 3), np.sin)),
    "piecewise": (
        "piecewise(x, [0, 2], [0, (0, 1), 2])",
        lambda c, n: fn.piecewise(x(c, n), [0, 2], [0, (0, 1), 2]),
    ),
    "softmax": ("softmax of 4 scores in [-4, 4]", lambda c, n: fn.softmax(x(c, 4 * n, -4, 4).reshape(n, 4))),
    "one_hot": ("one_hot(index, 16)", lambda c, n: fn.one_hot(whole(c, n, 16), 16)),
    "table": ("table(index, 16 values)", lambda c, n: fn.table(whole(c, n, 16), np.arange(16.0))),
    "lookup": ("lookup(16 secrets, index)", lambda c, n: fn.lookup(x(c, 16), whole(c, n, 16))),
    "shuffle": ("shuffle(x)", lambda c, n: fn.shuffle(x(c, n))),
    "permute": ("permute(x, secret places)", lambda c, n: fn.permute(x(c, n), whole(c, n, n))),
    "take_along_axis": (
        "take_along_axis(rows, index[:, None], 1)",
        lambda c, n: fn.take_along_axis(rows(c, n), whole(c, n, 4).reshape(n, 1), 1),
    ),
    "choose": ("choose(index, [x, y, 1.5])", lambda c, n: fn.choose(whole(c, n, 3), [x(c, n), y(c, n), 1.5])),
    "noisy_reveal": (
        "noisy_reveal(x, [b], name, sigma=3)",
        lambda c, n: fn.noisy_reveal(x(c, n), PARTIES[1:], "x", sigma=3.0),
    ),
    "segment_sum": (
        "segment_sum(x, private numbers, 10)",
        lambda c, n: fn.segment_sum(x(c, n), c.private("s", PARTIES[0], (n,), (0, 9), 0), 10),
    ),
    "discrete_gaussian": ("discrete_gaussian(ctx, (n,), 3)", lambda c, n: fn.discrete_gaussian(c, (n,), 3.0)),
    "discrete_laplace": ("discrete_laplace(ctx, (n,), 3)", lambda c, n: fn.discrete_laplace(c, (n,), 3.0)),
}
"""By function: how it is called, in words, and a program that does it for n elements."""


def tape_of(program: Callable[[Context, int], Any], n: int) -> Tape:
    """The tape of the example for n elements, whose results are kept."""

    def once(ctx: Context) -> None:
        program(ctx, n)
        ctx.check()

    return trace(once, PARTIES, DEALER)


def cost_line(name: str) -> str:
    """What an element costs, measured on two tapes."""
    words, program = EXAMPLES[name]
    few, many = tape_of(program, FEW), tape_of(program, MANY)
    sent, dealt = (
        [(_sent(tape, source, target)) for tape in (few, many)]
        for source, target in ((PARTIES[0], PARTIES[1]), (DEALER, PARTIES[1]))
    )
    empty = tape_of(lambda _ctx, _n: None, FEW)
    rounds = max(many.rounds.values()) - max(empty.rounds.values())
    an_element = [(b - a) / (MANY - FEW) for a, b in (sent, dealt)]
    return (
        f"`{words}`: {rounds} round{'' if rounds == 1 else 's'}, {_bytes(an_element[0])} sent, "
        f"{_bytes(an_element[1])} dealt"
    )


def _sent(tape: Tape, source: str, target: str) -> int:
    return tape.sent.get(source, {}).get(target, 0)


def _bytes(value: float) -> str:
    return f"{value:.4g} byte{'' if value == 1 else 's'}"


def page() -> str:
    """The page as Markdown: a list of all functions, then section by section what they do."""
    public = [(name, getattr(fn, name)) for name in fn.__all__]
    public.sort(key=lambda item: (_module(item[1]), item[0]))
    parts, module = [HEAD, _contents(public)], ""
    for name, function in public:
        if _module(function) != module:
            module = _module(function)
            parts.append(f"\n## {module.capitalize()}\n\n{_text(sys.modules[function.__module__])}")
        parts.append(f"\n### `{name}{_signature(function)}`\n\n{_text(function)}")
        if name in EXAMPLES:
            parts.append(f"\n*Measured:* {cost_line(name)}.\n")
    return "".join(parts)


def _contents(public: list[tuple[str, Any]]) -> str:
    """Which functions there are, by section."""
    sections: dict[str, list[str]] = {}
    for name, function in public:
        sections.setdefault(_module(function), []).append(f"`{name}`")
    rows = [f"| [{one}](#{one}) | {', '.join(names)} |" for one, names in sections.items()]
    return "\n".join(["", "| section | functions |", "|---|---|", *rows, ""])


def _module(function: Any) -> str:
    return str(function.__module__).rpartition(".")[2]


def _signature(function: Any) -> str:
    signature = inspect.signature(function)
    plain = [one.replace(annotation=inspect.Parameter.empty) for one in signature.parameters.values()]
    return str(signature.replace(parameters=plain, return_annotation=inspect.Signature.empty))


def _text(documented: Any) -> str:
    """A docstring as Markdown: roles and literals as code, parameters as a list."""
    text = inspect.cleandoc(documented.__doc__)
    text = re.sub(r":(?:func|meth|class|mod):`(?:~[\w.]*\.)?", "`", text).replace("``", "`")
    return re.sub(r"^:param (\w+):", r"- `\1`:", text, flags=re.MULTILINE) + "\n"


if __name__ == "__main__":
    if len(sys.argv) > 1:
        Path(sys.argv[1]).write_text(page(), encoding="utf-8")
    else:
        print(page())
