"""Commands that the documentation and the error messages name exist, with the options that they are given."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.core import TyperGroup

from coterie.cli.main import app
from tests.cli.walk import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
NAMED = re.compile(r"(?:`|^\$ (?:\S+=\S+ )?)(?:[\w./]*/)?coterie ([^`\n|#]+)", re.MULTILINE)
ROOT_COMMAND = typer.main.get_command(app)


def named() -> list[tuple[Path, str]]:
    return [(page, found) for page in PAGES for found in NAMED.findall(page.read_text(encoding="utf-8"))]


def resolve(words: list[str]) -> tuple[Any, list[str]]:
    """The command that a line names, and the words that remain for it."""
    command: Any = ROOT_COMMAND
    while isinstance(command, TyperGroup):
        while words and words[0].startswith("--"):
            words = words[2:] if words[0] == "--home" else words[1:]
        if not words or words[0] not in command.commands:
            break
        command, words = command.commands[words[0]], words[1:]
    return command, words


def test_commands_are_found() -> None:
    assert len(named()) > 30


@pytest.mark.parametrize(("page", "line"), named(), ids=lambda one: str(one)[-40:])
def test_every_named_command_exists(page: Path, line: str) -> None:
    command, rest = resolve(line.split())
    if line.split(maxsplit=1)[0] in ("COMMAND", "--version"):
        return
    assert not isinstance(command, TyperGroup) or not rest, line
    assert command is not ROOT_COMMAND, line
    options = {option for parameter in command.params for option in parameter.opts}
    for word in rest:
        if word.startswith("-") and word != "-":
            assert word in options | {"--json", "--help"}, line
