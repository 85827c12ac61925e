"""``coterie errors``: every code that a person can meet, and what to do about it."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path
from typing import Annotated

import typer
from pydantic import BaseModel

from coterie import errors as declarations
from coterie.errors import ErrorCode

from .output import facts, show, table
from .state import state_of


class CodeView(BaseModel):
    """A declared code."""

    code: str
    family: str
    title: str
    next_step: str

    @classmethod
    def of(cls, code: ErrorCode) -> CodeView:
        return cls(code=code.code, family=code.family.family, title=code.title, next_step=code.next_step)


def errors(
    context: typer.Context,
    code: Annotated[str | None, typer.Argument(help="A code, such as CT-1230 or 1230.")] = None,
) -> None:
    """List all error codes, or explain one."""
    state = state_of(context)
    wanted = None if code is None else "CT-" + code.upper().removeprefix("CT-")
    known = _codes(wanted)
    if wanted is None:
        if not show(state, [CodeView.of(one) for one in known.values()]):
            rows = [(one.code, one.title, one.family.family) for one in known.values()]
            table("Error codes", ("|code", "what happened", "|family"), rows)
        return
    if wanted not in known:
        raise typer.BadParameter(f"no error has the code {code!r}; `coterie errors` lists them all")
    found = known[wanted]
    if not show(state, CodeView.of(found)):
        meaning = " ".join((found.family.__doc__ or "").split())
        about = (("family", f"{found.family.family}: {meaning}"), ("next", found.next_step))
        facts(f"{found.code}  {found.title}", about)


def _codes(wanted: str | None) -> dict[str, ErrorCode]:
    """The codes of all rooms, or of as many as it takes to know the wanted one.

    A room declares its codes in its ``errors`` module; rooms that this command does not need are not loaded.
    """
    house = str(Path(declarations.__file__).parent)
    for module in pkgutil.walk_packages([house], "coterie."):
        if wanted in declarations.all_codes():
            break
        if module.name.endswith(".errors"):
            importlib.import_module(module.name)
    return dict(declarations.all_codes())
