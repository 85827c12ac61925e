"""Expressions as trees of a few known operations.

::

    expression  = choice
    choice      = either ["if" either "else" choice]
    either      = both {"or" both}
    both        = negation {"and" negation}
    negation    = "not" negation | comparison
    comparison  = sum {("<" | "<=" | ">" | ">=" | "==" | "!=") sum} | sum ["not"] "in" list
    sum         = product {("+" | "-") product}
    product     = sign {("*" | "/" | "//" | "%") sign}
    sign        = ("-" | "+") sign | power
    power       = atom ["**" ["-"] number]
    atom        = number | text | "true" | "false" | column | function "(" expression {"," expression} ")"
                | "(" expression ")"
    list        = "[" constant {"," constant} "]"

Columns are words, or anything between backticks. Length, size and depth are bounded before anything is
computed, and there is no way to name anything but the columns and the functions.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from coterie.errors import CoterieError

from .errors import EXPRESSION_INVALID
from .tokens import LONGEST, Token, tokens

__all__ = [
    "FUNCTIONS",
    "Chain",
    "Column",
    "Constant",
    "Expression",
    "Fold",
    "Membership",
    "Node",
    "Operation",
    "parsed",
]

DEEPEST = 24
MOST_NODES = 300
LARGEST_POWER = 8
LARGEST_NUMBER = 1e300
FEWEST_DIGITS, MOST_DIGITS = -15, 15

FUNCTIONS: dict[str, tuple[int, int]] = {
    "abs": (1, 1),
    "ceil": (1, 1),
    "coalesce": (2, 20),
    "exp": (1, 1),
    "floor": (1, 1),
    "isnull": (1, 1),
    "log": (1, 1),
    "log1p": (1, 1),
    "max": (2, 20),
    "min": (2, 20),
    "round": (1, 2),
    "sqrt": (1, 1),
    "where": (3, 3),
}
"""Fewest and most arguments."""

_WORDS = frozenset({"and", "or", "not", "in", "if", "else"})
_TRUTH = {"true": True, "True": True, "false": False, "False": False}
_COMPARISONS = frozenset({"<", "<=", ">", ">=", "==", "!="})

Value = bool | int | float | str


@dataclass(frozen=True)
class Constant:
    value: Value
    position: int


@dataclass(frozen=True)
class Column:
    name: str
    position: int


@dataclass(frozen=True)
class Operation:
    """A function of :data:`FUNCTIONS`, or one of ``** neg not``."""

    name: str
    arguments: tuple[Node, ...]
    position: int


@dataclass(frozen=True)
class Fold:
    """Operations of one rank, from left to right: ``a - b + c``, ``a and b and c``."""

    operands: tuple[Node, ...]
    signs: tuple[str, ...]
    position: int


@dataclass(frozen=True)
class Chain:
    """Comparisons of neighbours, all of which hold: ``a < b <= c``."""

    operands: tuple[Node, ...]
    signs: tuple[str, ...]
    position: int


@dataclass(frozen=True)
class Membership:
    value: Node
    among: tuple[Value, ...]
    position: int


Node = Constant | Column | Operation | Fold | Chain | Membership


@dataclass(frozen=True)
class Expression:
    """What was read of a text."""

    what: str
    """What it is of, for errors."""
    root: Node
    names: frozenset[str]
    """Of the columns that it uses: one at least."""


def parsed(text: str, what: str) -> Expression:
    """The expression of a text. Errors: CT-3116, naming what it is of and the character."""
    try:
        reader = _Reader(text)
        root = reader.expression()
        reader.need_end()
        if not reader.names:
            raise EXPRESSION_INVALID("it names no column")
    except CoterieError as error:
        error.detail = f"{what}: {error.detail}"
        raise
    return Expression(what, root, frozenset(reader.names))


class _Reader:
    """Recursive descent; each level of nesting counts."""

    def __init__(self, text: str) -> None:
        self._tokens = list(tokens(text[: LONGEST + 1]))
        self._next = 0
        self._depth = 0
        self._nodes = 0
        self.names: set[str] = set()

    @property
    def _token(self) -> Token:
        return self._tokens[self._next]

    def _refuse(self, what: str, token: Token | None = None) -> Exception:
        at = self._token if token is None else token
        return EXPRESSION_INVALID(f"character {at.position}: {what}")

    def _at(self, *texts: str) -> bool:
        token = self._token
        return token.kind in ("symbol", "name") and token.text in texts

    def _take(self) -> Token:
        token = self._token
        self._next += 1
        return token

    def _expect(self, sign: str) -> None:
        if not self._at(sign):
            raise self._refuse(f"'{sign}' is missing before {self._token.shown}")
        self._take()

    def _counted(self, node: Node) -> Node:
        self._nodes += 1
        if self._nodes > MOST_NODES:
            raise EXPRESSION_INVALID(
                f"character {node.position}: more than {MOST_NODES} operations and values"
            )
        return node

    def need_end(self) -> None:
        if self._token.kind != "end":
            raise self._refuse(f"{self._token.shown} is not expected here")

    def _deeper(self, read: Callable[[], Node]) -> Node:
        self._depth += 1
        if self._depth > DEEPEST:
            raise self._refuse(f"nested more than {DEEPEST} deep")
        node = read()
        self._depth -= 1
        return node

    def expression(self) -> Node:
        return self._deeper(self._choice)

    def _choice(self) -> Node:
        node = self._either()
        if not self._at("if"):
            return node
        token = self._take()
        condition = self._either()
        self._expect("else")
        return self._counted(Operation("where", (condition, node, self.expression()), token.position))

    def _left(self, read: Callable[[], Node], *signs: str) -> Node:
        """Operations of one rank, from left to right."""
        token, operands, found = self._token, [read()], []
        while self._at(*signs):
            found.append(self._take().text)
            operands.append(read())
        if not found:
            return operands[0]
        return self._counted(Fold(tuple(operands), tuple(found), token.position))

    def _either(self) -> Node:
        return self._left(self._both, "or")

    def _both(self) -> Node:
        return self._left(self._negation, "and")

    def _negation(self) -> Node:
        if not self._at("not"):
            return self._comparison()
        token = self._take()
        return self._counted(Operation("not", (self._deeper(self._negation),), token.position))

    def _comparison(self) -> Node:
        first = self._sum()
        token = self._token
        if self._at("in", "not"):
            negated = self._take().text == "not"
            if negated and not self._at("in"):
                raise self._refuse(f"'in' is missing before {self._token.shown}")
            if negated:
                self._take()
            node = self._counted(Membership(first, self._list(), token.position))
            return self._counted(Operation("not", (node,), token.position)) if negated else node
        operands, signs = [first], []
        while self._token.kind == "symbol" and self._token.text in _COMPARISONS:
            signs.append(self._take().text)
            operands.append(self._sum())
        if not signs:
            return first
        return self._counted(Chain(tuple(operands), tuple(signs), token.position))

    def _list(self) -> tuple[Value, ...]:
        self._expect("[")
        values = [self._constant()]
        while self._at(","):
            self._take()
            values.append(self._constant())
        self._expect("]")
        return tuple(values)

    def _sum(self) -> Node:
        return self._left(self._product, "+", "-")

    def _product(self) -> Node:
        return self._left(self._sign, "*", "/", "//", "%")

    def _sign(self) -> Node:
        if not self._at("-", "+"):
            return self._power()
        token = self._take()
        inner = self._deeper(self._sign)
        if token.text == "+":
            return inner
        if isinstance(inner, Constant) and type(inner.value) in (int, float):
            return Constant(-inner.value, token.position)  # type: ignore[operator]
        return self._counted(Operation("neg", (inner,), token.position))

    def _power(self) -> Node:
        base = self._atom()
        if not self._at("**"):
            return base
        token = self._take()
        exponent = self._constant()
        if not isinstance(exponent, int | float) or isinstance(exponent, bool):
            raise self._refuse("a power is a number", token)
        if abs(exponent) > LARGEST_POWER:
            raise self._refuse(f"a power beyond {LARGEST_POWER}", token)
        if self._at("**"):
            raise self._refuse("a power of a power: use parentheses")
        value = Constant(exponent, token.position)
        return self._counted(Operation("**", (base, value), token.position))

    def _constant(self) -> Value:
        negative = self._at("-")
        if negative:
            self._take()
        token = self._take() if self._token.kind != "end" else self._token
        if token.kind == "number":
            return -self._number(token) if negative else self._number(token)
        if not negative and token.kind == "text":
            return token.text
        if not negative and token.kind == "name" and token.text in _TRUTH:
            return _TRUTH[token.text]
        raise self._refuse(f"a constant is needed instead of {token.shown}", token)

    def _number(self, token: Token) -> int | float:
        text = token.text
        if text.isdigit():
            if len(text) > 18:
                raise self._refuse("a whole number of more than 18 digits", token)
            return int(text)
        value = float(text)
        if not math.isfinite(value) or abs(value) > LARGEST_NUMBER:
            raise self._refuse(f"a number beyond {LARGEST_NUMBER:g}", token)
        return value

    def _atom(self) -> Node:
        token = self._token
        if self._at("("):
            self._take()
            node = self.expression()
            self._expect(")")
            return node
        if token.kind in ("number", "text") or (token.text in _TRUTH and token.kind == "name"):
            return self._counted(Constant(self._constant(), token.position))
        if token.kind == "name" and token.text not in _WORDS:
            self._take()
            return self._call(token) if self._at("(") else self._column(token)
        if token.kind == "quoted":
            return self._column(self._take())
        raise self._refuse(f"a value is needed instead of {token.shown}")

    def _column(self, token: Token) -> Node:
        self.names.add(token.text)
        return self._counted(Column(token.text, token.position))

    def _call(self, token: Token) -> Node:
        if token.text not in FUNCTIONS:
            known = ", ".join(sorted(FUNCTIONS))
            raise self._refuse(f"there is no function {token.shown}; there are: {known}", token)
        fewest, most = FUNCTIONS[token.text]
        self._expect("(")
        arguments = [self.expression()]
        while self._at(","):
            self._take()
            arguments.append(self.expression())
        self._expect(")")
        if not fewest <= len(arguments) <= most:
            wanted = str(fewest) if fewest == most else f"{fewest} to {most}"
            raise self._refuse(f"'{token.text}' takes {wanted} values, not {len(arguments)}", token)
        if token.text == "round" and len(arguments) == 2:
            self._check_digits(arguments[1])
        return self._counted(Operation(token.text, tuple(arguments), token.position))

    def _check_digits(self, node: Node) -> None:
        digits = node.value if isinstance(node, Constant) else None
        if type(digits) is not int or not FEWEST_DIGITS <= digits <= MOST_DIGITS:
            raise EXPRESSION_INVALID(
                f"character {node.position}: digits are a number from {FEWEST_DIGITS} to {MOST_DIGITS}"
            )
