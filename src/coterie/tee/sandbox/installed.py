"""Walls around what is installed here, without an image: for code that need not be measured but held.

Interpreter, standard library, the house and the folders of the named packages are shown read-only, with the
system's libraries (``/usr/lib``, ``/lib``, ``/lib64``); no programs, no homes, nothing of ``/etc``.
"""

from __future__ import annotations

import importlib.util
import os
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from coterie.tee.sandbox.command import ENVIRONMENT, walls
from coterie.tee.sandbox.contents import LIBRARIES, PYTHON, ROOT, STANDARD
from coterie.tee.sandbox.errors import IMAGE_INCOMPLETE
from coterie.tee.sandbox.limits import RunLimits

_HOUSE: Final = f"/{ROOT}/house"
_PACKAGES: Final = f"/{ROOT}/packages"
_START: Final = f"/{ROOT}/start.py"
_SYSTEM: Final = ("lib", "lib64", "lib32")
"""Where the loader and the system's libraries are, below ``/usr`` and, as links or folders, at the root."""


def installed_command(
    module: str, packages: Sequence[str], limits: RunLimits, environment: Sequence[tuple[str, str]] = ()
) -> list[str]:
    """The command that runs ``main`` of a module of the house inside of the walls. The doors of the house are
    empty there: see :class:`coterie.tee.sandbox.start.Bare`.

    :param packages: top-level modules of installed packages; what is installed beside them is shown, too.
    :param environment: variables beside the usual ones.

    Errors: CT-2285, CT-2288 where a package is not installed.
    """
    house = Path(__file__).parents[2]
    shown = [
        (Path(os.path.realpath(sys.executable)), f"/{PYTHON}"),
        (Path(sysconfig.get_path("stdlib")).resolve(), f"/{STANDARD}"),
        (house, f"{_HOUSE}/{house.name}"),
        (house / "tee" / "sandbox" / "start.py", _START),
    ]
    library = Path(
        sysconfig.get_config_var("LIBDIR") or "/usr/lib", str(sysconfig.get_config_var("INSTSONAME"))
    )
    if library.suffix != ".a" and library.is_file():
        shown.append((library.resolve(), f"/{LIBRARIES}/{library.name}"))
    folders = dict.fromkeys(_folder(name) for name in packages)
    inside = [f"{_PACKAGES}/{number}" for number in range(len(folders))]
    shown += zip(folders, inside, strict=True)
    links: list[tuple[str, str]] = []
    for name in _SYSTEM:
        below, top = Path("/usr", name), Path("/", name)
        if below.is_dir() and not below.is_symlink():
            shown.append((below, str(below)))
        if top.is_symlink():
            links.append((str(top.readlink()), str(top)))
        elif top.is_dir():
            shown.append((top, str(top)))
    made = walls(shown, [*ENVIRONMENT.items(), *environment], limits, links)
    made += [f"/{PYTHON}", "-I", "-S", "-B", "-X", "utf8", _START, module]
    return [*made, *limits.arguments(), _HOUSE, *inside]


def _folder(name: str) -> Path:
    found = importlib.util.find_spec(name)
    if found is None or found.origin is None:
        raise IMAGE_INCOMPLETE(f"package '{name}' is not installed")
    return Path(found.origin).resolve().parents[1]
