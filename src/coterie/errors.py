"""Errors that a user can meet: a stable code, a sentence, and the next thing to do.

A room declares its codes in its own ``errors.py`` with :func:`define` and raises them by calling the code::

    DUPLICATE_ID = define("CT-2003", BadInput, "Duplicate ids", "Remove or merge the duplicate rows.")
    raise DUPLICATE_ID("column 'id' holds 'a17' in rows 3 and 9")

Codes are never reused. ``docs/errors.md`` is generated from the declarations, and a test compares the two.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = [
    "BadInput",
    "Bug",
    "CoterieError",
    "ErrorCode",
    "NotAgreed",
    "PeerIncompatible",
    "PeerMisbehaved",
    "Unavailable",
    "all_codes",
    "define",
    "from_record",
]


class CoterieError(Exception):
    """A failure with a code. Raise it by calling an :class:`ErrorCode`, never directly."""

    family = "Error"

    def __init__(
        self, code: str, title: str, detail: str, next_step: str, *, party: str | None, step: str | None
    ) -> None:
        super().__init__(code, title, detail, next_step, party, step)
        self.code = code
        self.title = title
        self.detail = detail
        self.next_step = next_step
        self.party = party
        self.step = step

    def __str__(self) -> str:
        where = "".join(
            f" [{name} {value}]" for name, value in (("party", self.party), ("step", self.step)) if value
        )
        sentence = f"{self.title}: {self.detail}" if self.detail else self.title
        return f"{self.code}{where} {sentence}. Next: {self.next_step}"

    def to_record(self) -> dict[str, str | None]:
        """The error as plain values, to be stored; to be sent to another party from :meth:`for_peers`."""
        return {
            "code": self.code,
            "detail": self.detail,
            "next_step": self.next_step,
            "party": self.party,
            "step": self.step,
        }

    def for_peers(self) -> CoterieError:
        """The error as other parties may read it: without a detail that is about this party's rows."""
        declared = _CODES.get(self.code)
        if declared is None or not declared.own_detail:
            return self
        return declared(next_step=self.next_step, party=self.party, step=self.step)

    def at(self, *, party: str | None = None, step: str | None = None) -> CoterieError:
        """The same error with the place where it happened, where that is not known yet."""
        self.party = self.party or party
        self.step = self.step or step
        return self


class BadInput(CoterieError):
    """What a person or file gave cannot be used. The giver mends it."""

    family = "BadInput"


class NotAgreed(CoterieError):
    """The agreement does not allow it. The parties' stewards decide."""

    family = "NotAgreed"


class PeerMisbehaved(CoterieError):
    """Another party sent what an honest party never sends. Its operator must explain."""

    family = "PeerMisbehaved"


class PeerIncompatible(CoterieError):
    """Another party is honest and differs: in version, suite, plan. The two operators compare."""

    family = "PeerIncompatible"


class Unavailable(CoterieError):
    """Something needed is not there now: a peer, a port, disk space. The operator restores it."""

    family = "Unavailable"


class Bug(CoterieError):
    """Coterie itself is wrong. Report it."""

    family = "Bug"


@dataclass(frozen=True)
class ErrorCode:
    """A declared code. Calling it makes the error to raise."""

    code: str
    family: type[CoterieError]
    title: str
    next_step: str
    own_detail: bool = False
    """Whether the detail is for this party's people alone."""

    def __call__(
        self,
        detail: str = "",
        *,
        next_step: str | None = None,
        party: str | None = None,
        step: str | None = None,
    ) -> CoterieError:
        return self.family(self.code, self.title, detail, next_step or self.next_step, party=party, step=step)


_CODES: dict[str, ErrorCode] = {}


def define(
    code: str, family: type[CoterieError], title: str, next_step: str, *, own_detail: bool = False
) -> ErrorCode:
    """Declare a code, once in the life of the project.

    :param code: ``CT-`` and four digits; the first two name the room.
    :param title: the failure in a few words, without a full stop.
    :param next_step: a sentence that says what to do.
    :param own_detail: True where the detail tells of rows of a table, or of anything else that peers have no
        part in: it is left out of what they read.
    """
    if code in _CODES:
        raise ValueError(f"error code {code} is declared twice")
    if len(code) != 7 or not code.startswith("CT-") or not code[3:].isdigit():
        raise ValueError(f"error code {code!r} is not CT- and four digits")
    declared = ErrorCode(code, family, title, next_step, own_detail)
    _CODES[code] = declared
    return declared


def all_codes() -> Mapping[str, ErrorCode]:
    """Every code of the rooms imported so far, by code."""
    return dict(sorted(_CODES.items()))


UNKNOWN_CODE = define(
    "CT-1001",
    PeerIncompatible,
    "A peer reported an error code that this version does not know",
    "Compare versions with the peer.",
)
UNEXPECTED = define(
    "CT-1002",
    Bug,
    "Unexpected failure",
    "Report it with the log of this node; nothing has left beyond what the ledger shows.",
)


def from_record(record: Mapping[str, str | None]) -> CoterieError:
    """The error that :meth:`CoterieError.to_record` described. Foreign text is kept short and printable."""

    def text(name: str, limit: int) -> str:
        value = record.get(name) or ""
        return "".join(c if c.isprintable() else "?" for c in value[:limit])

    code = text("code", 7)
    declared = _CODES.get(code, UNKNOWN_CODE)
    detail = text("detail", 500) if code in _CODES else f"{code}: {text('detail', 500)}"
    return declared(
        detail,
        next_step=text("next_step", 500) or None,
        party=text("party", 64) or None,
        step=text("step", 64) or None,
    )
