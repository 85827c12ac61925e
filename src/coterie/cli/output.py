"""How things look on the terminal: tables, facts, sentences, failures; or JSON where that is asked for."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Sequence

from pydantic import BaseModel
from rich import box
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from coterie.errors import CoterieError
from coterie.node import ErrorView

from .state import State

__all__ = [
    "amount",
    "cell",
    "console",
    "drawn_table",
    "duration",
    "facts",
    "failure",
    "note",
    "say",
    "short",
    "show",
    "show_error",
    "state_text",
    "table",
    "when",
]

UNKNOWN_WIDTH = 100
"""Columns where no terminal says how many there are."""

SHOWN_HEX = 12
"""Hex characters of a digest that a person is shown."""

COLOURS = {
    **dict.fromkeys(("done", "active", "approved", "ok"), "green"),
    **dict.fromkeys(("failed", "refused", "revoked", "fail"), "red"),
    **dict.fromkeys(("cancelled", "expired", "warn"), "yellow"),
    **dict.fromkeys(("running", "starting", "resuming", "finishing"), "cyan"),
}


def _console(*, stderr: bool = False) -> Console:
    known = "COLUMNS" in os.environ or (sys.stderr if stderr else sys.stdout).isatty()
    return Console(stderr=stderr, highlight=False, width=None if known else UNKNOWN_WIDTH)


console = _console()
_errors = _console(stderr=True)


def cell(value: object) -> RenderableType:
    """What a table shows of a value: thousands apart, nothing for None, no control characters."""
    if isinstance(value, Text | Table):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return Text(f"{value:,}")
    text = "" if value is None else str(value)
    return Text("".join(c if c.isprintable() or c == "\n" else "?" for c in text))


def say(sentence: str) -> None:
    """Print a sentence."""
    console.print(cell(sentence))


def note(sentence: str) -> None:
    """Tell the person something beside the output that a program may read."""
    _errors.print(cell(sentence))


def facts(title: str | Text, rows: Iterable[tuple[str, object]]) -> None:
    """Print what is known of one thing, a fact a line; what is empty is left out."""
    grid = Table.grid(padding=(0, 3))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in rows:
        if value not in (None, ""):
            grid.add_row(name, cell(value))
    console.print(cell(title), style="bold" if isinstance(title, str) else "")
    console.print(Padding(grid, (0, 0, 0, 2), expand=False))


def drawn_table(title: str | Text, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """A table; a column whose name begins with ``>`` is set to the right, one with ``|`` is not broken."""
    drawn = Table(
        title=cell(title) if title else None,  # type: ignore[arg-type]
        title_justify="left",
        title_style="bold",
        header_style="dim",
        box=box.SIMPLE_HEAD,
        show_edge=False,
        pad_edge=False,
        padding=(0, 1),
    )
    for name in columns:
        right = name.startswith(">")
        whole = right or name.startswith("|")
        drawn.add_column(
            name.lstrip(">|"), justify="right" if right else "left", no_wrap=whole, overflow="fold"
        )
    for row in rows:
        drawn.add_row(*map(cell, row))
    return drawn


def table(
    title: str | Text, columns: Sequence[str], rows: Iterable[Sequence[object]], *, apart: bool = False
) -> None:
    """Print a table. See :func:`drawn_table`.

    :param apart: with an empty line before it.
    """
    if apart:
        console.print()
    console.print(drawn_table(title, columns, rows))


def show(state: State, view: BaseModel | Sequence[BaseModel]) -> bool:
    """Print ``view`` as JSON where that is asked for; whether it was."""
    if not state.as_json:
        return False
    if isinstance(view, BaseModel):
        plain: object = view.model_dump(mode="json")
    else:
        plain = [one.model_dump(mode="json") for one in view]
    console.print_json(json.dumps(plain), ensure_ascii=True)  # else a terminal would obey what is in it
    return True


def failure(error: CoterieError | ErrorView) -> Table:
    """A failure in four lines: its code and title, what happened, where, and what to do."""
    drawn = Table.grid(padding=(0, 2))
    drawn.add_column(no_wrap=True)
    drawn.add_column(overflow="fold")
    drawn.add_row(Text(error.code, "bold red"), Text(error.title, "bold"))
    where = [f"{name} {value}" for name, value in (("party", error.party), ("step", error.step)) if value]
    for name, value in (("what", error.detail), ("at", ", ".join(where)), ("next", error.next_step)):
        if value:
            drawn.add_row(Text(f"  {name}", "dim"), cell(value))
    return drawn


def show_error(error: CoterieError, *, as_json: bool = False) -> None:
    """Say on standard error what went wrong."""
    if as_json:
        record = {"family": error.family, "title": error.title, **error.to_record()}
        _errors.print_json(json.dumps(record), ensure_ascii=True)
    else:
        _errors.print(failure(error))


def state_text(state: str) -> Text:
    """The word for a state, in its colour."""
    return Text(state, COLOURS.get(state, ""))


def short(digest: str | None) -> str:
    """The beginning of a digest or id: enough to tell it from the others."""
    if digest is None:
        return ""
    kind, colon, value = digest.rpartition(":")
    return digest if len(value) <= SHOWN_HEX else f"{kind}{colon}{value[:SHOWN_HEX]}…"


def when(time: str | None) -> str:
    """A time in UTC as people read it."""
    return "" if time is None else time.removesuffix("Z").replace("T", " ")


def duration(seconds: int) -> str:
    """A time span as people read it: of its two largest units."""
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min {seconds % 60} s"
    if seconds < 86400:
        return f"{seconds // 3600} h {seconds % 3600 // 60} min"
    return f"{seconds // 86400} d {seconds % 86400 // 3600} h"


def amount(count: float) -> str:
    """Bytes as people read them."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024 or unit == "GiB":
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:,.1f} {unit}"
        count /= 1024
    raise AssertionError("unreachable")
