"""``coterie module``: networks that users have written."""

from __future__ import annotations

import hashlib
import json
import sys
import unicodedata
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from coterie.node import ModuleView

from .output import facts, say, show, table
from .state import State, read_text, state_of

__all__ = ["app", "print_source"]

app = typer.Typer(no_args_is_help=True)

_BLANK = "\u115f\u1160\u3164\uffa0\u2800\U0001d159"
"""Letters and signs that show nothing: of Unicode's Default_Ignorable_Code_Point, and two that are empty."""

File = Annotated[Path, typer.Argument(help="One file of Python with `build`.")]


@app.command("add")
def add_module(context: typer.Context, file: File) -> None:
    """Keep a module's file at this node, and print what an agreement says of it."""
    state = state_of(context)
    with state.client() as client:
        found = client.add_module(read_text(file))
    if show(state, found.model_copy(update={"source": None})):
        return
    say("It is kept. In the draft of an agreement:")
    line = {"name": file.stem.lower().replace(" ", "-"), "sha256": found.sha256, "size": found.size}
    print(yaml.safe_dump({"modules": [{**line, "purpose": "what it is for"}]}, sort_keys=False), end="")


@app.command("list")
def list_modules(context: typer.Context) -> None:
    """The modules whose files are kept here."""
    state = state_of(context)
    with state.client() as client:
        found = client.modules()
    if show(state, found):
        return
    if not found:
        say("No modules yet. `coterie module add FILE` keeps one.")
        return
    rows = [(", ".join(one.agreements) or "none", f"{one.size:,}", one.sha256) for one in found]
    table("Modules", ("agreements", ">bytes", "|sha256"), rows)


@app.command("show")
def show_module(
    context: typer.Context,
    module: Annotated[
        str, typer.Argument(help="Its sha256 or the beginning of it; its name in an agreement.")
    ],
) -> None:
    """A module's source, as it is kept here. It is not run."""
    state = state_of(context)
    with state.client() as client:
        print_source(state, client.module(module))


@app.command("try")
def try_module(
    context: typer.Context,
    file: File,
    inputs: Annotated[int, typer.Option(help="Number of features.", min=1)],
    classes: Annotated[int, typer.Option(help="Classes of the label; 1 for two, or for numbers.", min=1)] = 1,
    settings: Annotated[str, typer.Option(help="What `build` is given besides, JSON.")] = "{}",
) -> None:
    """Build a module's network in a sandbox on this machine, and print its weights as a job says them."""
    from coterie.learn import weights_of  # loads more than the other commands need

    source, given = read_text(file).encode(), _settings(settings)
    weights = weights_of(source, inputs, classes, given)
    if state_of(context).as_json:
        print(json.dumps({"sha256": hashlib.sha256(source).hexdigest(), "weights": list(weights)}))
        return
    step: dict[str, Any] = {"module": file.stem.lower().replace(" ", "-")}
    step |= {"settings": given} if given else {}
    step |= {"task": "classes", "classes": classes} if classes > 1 else {}
    print(yaml.safe_dump([{"module": {**step, "weights": list(weights)}}], sort_keys=False), end="")


def _settings(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise typer.BadParameter("it is not a JSON object", param_hint="--settings")
    return value


def print_source(state: State, found: ModuleView) -> None:
    """The file, with what it is above it."""
    if show(state, found):
        return
    names = ", ".join(found.agreements) or "none"
    source = found.source or ""
    told = [("sha256", found.sha256), ("bytes", f"{found.size:,}"), ("agreements", names)]
    facts("Module", [*told, ("lines beyond ASCII", _beyond_ascii(source))])
    sys.stdout.write("\n" + _visible(source))


def _visible(source: str) -> str:
    """Whoever reads it shall see all that is there: what terminals obey, and what hides or turns text around
    (Boucher, Anderson 2021, "Trojan Source", arXiv:2111.00169), is shown by its number. So is what has no
    place of its own: two names that differ by it look the same."""
    return "".join(f"\\u{{{ord(one):x}}}" if _hidden(one) else one for one in source)


def _hidden(one: str) -> bool:
    if one in "\n\t":
        return False
    return not one.isprintable() or one in _BLANK or unicodedata.category(one) in ("Mn", "Me")


def _beyond_ascii(source: str) -> str:
    """Lines with letters that may look like others: the Cyrillic а is another name than the Latin a."""
    lines = [str(number) for number, line in enumerate(source.split("\n"), 1) if not line.isascii()]
    return ", ".join(lines[:20]) + (f" and {len(lines) - 20} more" if len(lines) > 20 else "")
