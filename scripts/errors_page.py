"""Write docs/errors.md from the codes that the rooms declare.

python scripts/errors_page.py [FILE]      writes FILE, or prints the page
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import sys
from pathlib import Path

import coterie
from coterie import errors
from coterie.errors import CoterieError, ErrorCode

FAMILIES: tuple[type[CoterieError], ...] = (
    errors.BadInput,
    errors.NotAgreed,
    errors.PeerMisbehaved,
    errors.PeerIncompatible,
    errors.Unavailable,
    errors.Bug,
)

HEAD = """# Errors

Every failure that a user can meet has a code that never changes, a sentence, and the next thing to do. A
failure at one party ends the job at all parties with the same code and the name of the party and step; which
row of a table it was about is said to that party's own people alone.
This page is generated from the declarations (`make docs`), and a test compares the two.

The family says whose move it is:

"""


def declarations() -> dict[str, list[ErrorCode]]:
    """Codes by room, found by importing every module of the package."""
    homes: dict[str, str] = {}
    for module in pkgutil.walk_packages(coterie.__path__, "coterie."):
        if not module.name.endswith(".__main__"):
            source = inspect.getsourcefile(importlib.import_module(module.name))
            text = Path(source).read_text(encoding="utf-8") if source and source.endswith(".py") else ""
            homes |= dict.fromkeys(re.findall(r'define\(\s*"(CT-\d{4})"', text), _room(module.name))
    rooms: dict[str, list[ErrorCode]] = {}
    for code, declared in errors.all_codes().items():
        rooms.setdefault(homes[code], []).append(declared)
    return rooms


def _room(module: str) -> str:
    """``coterie.wire.errors`` is of the room ``wire``, ``coterie.errors`` of all."""
    name = module.split(".")[1]
    return "everywhere" if name == "errors" else name


def page() -> str:
    """The page as Markdown."""
    lines = [HEAD + "| family | meaning | codes |", "|---|---|---|"]
    rooms = declarations()
    everything = [code for codes in rooms.values() for code in codes]
    for family in FAMILIES:
        count = sum(code.family is family for code in everything)
        lines.append(f"| {family.family} | {' '.join((family.__doc__ or '').split())} | {count} |")
    for room, codes in sorted(rooms.items(), key=lambda item: item[1][0].code):
        lines += ["", f"## {room}", "", "| code | what happened | family | next |", "|---|---|---|---|"]
        lines += [
            f"| {c.code} | {_cell(c.title)} | {c.family.family} | {_cell(c.next_step)} |" for c in codes
        ]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def main(arguments: list[str]) -> None:
    """Write or print the page."""
    if arguments:
        Path(arguments[0]).write_text(page(), encoding="utf-8")
    else:
        print(page(), end="")


if __name__ == "__main__":
    main(sys.argv[1:])
