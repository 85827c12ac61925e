"""Write docs/errors.md from the codes that the rooms declare.

python scripts/errors_page.py [FILE]      writes FILE, or prints the page
"""

from __future__ import annotations

import importlib
import pkgutil
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
failure at one party ends the job at all parties with the same code and the name of the party and step.
This page is generated from the declarations (`make docs`), and a test compares the two.

The family says whose move it is:

"""


def declarations() -> dict[str, list[ErrorCode]]:
    """Codes by room, found by importing every module of the package."""
    for module in pkgutil.walk_packages(coterie.__path__, "coterie."):
        if not module.name.endswith(".__main__"):
            importlib.import_module(module.name)
    rooms: dict[str, list[ErrorCode]] = {}
    homes = {
        value.code: name
        for name, module in sorted(sys.modules.items())
        if name == "coterie.errors" or (name.startswith("coterie.") and name.endswith(".errors"))
        for value in vars(module).values()
        if isinstance(value, ErrorCode) and _declares(name, value)
    }
    for code, declared in errors.all_codes().items():
        rooms.setdefault(_room(homes[code]), []).append(declared)
    return rooms


def _declares(module: str, code: ErrorCode) -> bool:
    """Whether the module declares the code itself, and has not imported it from ``coterie.errors``."""
    return module == "coterie.errors" or code not in vars(errors).values()


def _room(module: str) -> str:
    parts = module.split(".")[1:-1]
    return parts[0] if parts else "everywhere"


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
