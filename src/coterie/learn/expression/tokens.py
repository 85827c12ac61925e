"""The words of an expression. Nothing of the text is ever given to Python's own parser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from .errors import EXPRESSION_INVALID

__all__ = ["LONGEST", "Token", "tokens"]

LONGEST = 2000
"""Characters of an expression."""

LONGEST_TEXT = 256
"""Characters of a text in it, which may come to stand in every row."""

Kind = Literal["number", "text", "name", "quoted", "symbol", "end"]

_TOKEN = re.compile(
    r"""[ \t\r\n]*(?:
      (?P<number>(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?(?!\w))
    | (?P<text>"[^"\x00-\x1f]*"|'[^'\x00-\x1f]*')
    | (?P<name>[^\W\d]\w*)
    | (?P<quoted>`[^`\x00-\x1f]+`)
    | (?P<symbol>\*\*|//|<=|>=|==|!=|[-+*/%<>()\[\],])
    | (?P<end>\Z)
    )""",
    re.VERBOSE,
)


@dataclass(frozen=True)
class Token:
    """One word: what it is, its text without quotes, and the character at which it begins, from 1."""

    kind: Kind
    text: str
    position: int

    @property
    def shown(self) -> str:
        """For errors: expressions are public, but may be long."""
        return "the end" if self.kind == "end" else f"'{self.text[:20]}'"


def tokens(text: str) -> Iterator[Token]:
    """The words, and the end. Errors: CT-3116."""
    if len(text) > LONGEST:
        raise EXPRESSION_INVALID(f"{len(text)} characters, and not at most {LONGEST}")
    place = 0
    while True:
        match = _TOKEN.match(text, place)
        if match is None:
            rest = text[place:]
            position = place + len(rest) - len(rest.lstrip(" \t\r\n")) + 1
            raise EXPRESSION_INVALID(
                f"character {position}: no such word or sign, or a quote without its end"
            )
        kind = match.lastgroup
        assert kind is not None
        word = match[kind]
        if kind in ("text", "quoted"):
            word = word[1:-1]
        if kind == "text" and len(word) > LONGEST_TEXT:
            raise EXPRESSION_INVALID(
                f"character {match.start(kind) + 1}: a text of more than {LONGEST_TEXT} characters"
            )
        yield Token(kind, word, match.start(kind) + 1)  # type: ignore[arg-type] # the groups' names are the kinds
        if kind == "end":
            return
        place = match.end()
