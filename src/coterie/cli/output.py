"""Tables and lines on the terminal."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from pydantic import BaseModel
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from coterie.errors import CoterieError

from .state import State

__all__ = ["amount", "console", "show", "show_error", "table"]

console = Console(soft_wrap=False)
_errors = Console(stderr=True)


def show_error(error: CoterieError) -> None:
    """A failure in three lines: what, where, and what to do."""
    where = "  ".join(
        f"{name} {value}" for name, value in (("party", error.party), ("step", error.step)) if value
    )
    sentence = f"{error.title}: {error.detail}" if error.detail else error.title
    _errors.print(f"[bold red]{error.code}[/] {escape(sentence)}", highlight=False)
    if where:
        _errors.print(f"  at    {escape(where)}", highlight=False)
    _errors.print(f"  next  {escape(error.next_step)}", highlight=False)


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a table; cells are plain text, whatever they hold."""
    drawn = Table(title=title, title_justify="left", header_style="bold")
    for name in columns:
        drawn.add_column(name, overflow="fold")
    for row in rows:
        drawn.add_row(*(escape("" if cell is None else str(cell)) for cell in row))
    console.print(drawn)


def show(state: State, view: BaseModel | Sequence[BaseModel]) -> bool:
    """Print ``view`` as JSON where that is asked for; whether it was."""
    if not state.as_json:
        return False
    plain = (
        view.model_dump(mode="json")
        if isinstance(view, BaseModel)
        else [v.model_dump(mode="json") for v in view]
    )
    console.print_json(json.dumps(plain))
    return True


def amount(count: float) -> str:
    """Bytes as people read them."""
    for unit in ("B", "KiB", "MiB", "GiB"):
        if count < 1024 or unit == "GiB":
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1024
    raise AssertionError("unreachable")
