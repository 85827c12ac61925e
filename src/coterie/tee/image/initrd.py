"""The machine's first file system: the image's interpreter, what ``init`` imports, the kernel's modules."""

from __future__ import annotations

import ast
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from coterie.tee.image.cpio import Entry, archive
from coterie.tee.image.errors import IMAGE_FAILED
from coterie.tee.sandbox.contents import LIBRARIES, PYTHON
from coterie.tee.sandbox.elf import Dynamic, read_dynamic

INIT: Final = Path(__file__).with_name("init.py")
_PATIENCE: Final = 60
_CODECS: Final = ("ascii", "latin_1", "utf_8")
"""Of which the kernel's locale, or none, takes one before anything can be imported."""
_PROGRAM: Final = stat.S_IFREG | 0o555
_FILE: Final = stat.S_IFREG | 0o444
_DEVICE: Final = stat.S_IFCHR | 0o600


def first_files(tree: Path, modules: list[tuple[str, bytes]]) -> bytes:
    """The archive that the kernel unpacks.

    :param tree: the image's folder, whose interpreter it has.
    :param modules: names and contents, in the order in which they are loaded.

    Errors: CT-2301.
    """
    entries = {
        "init": Entry(_PROGRAM, f"#!/{PYTHON} -ISB\n".encode() + INIT.read_bytes()),
        "dev/console": Entry(_DEVICE, device=(5, 1)),
        "modules": Entry(stat.S_IFDIR | 0o755),
    }
    used = [*_imported(tree), tree / PYTHON]
    for path in [*used, *_libraries(tree, used)]:
        mode = _PROGRAM if ".so" in path.name or path.parent.name == "bin" else _FILE
        entries[str(path.relative_to(tree))] = Entry(mode, path.read_bytes())
    for number, (name, content) in enumerate(modules):
        entries[f"modules/{number:02}-{name}.ko"] = Entry(_FILE, content)
    return archive(entries)


def _imported(tree: Path) -> list[Path]:
    """Files of the standard library that ``init`` is run with, as the interpreter itself finds them."""
    source = ast.parse(INIT.read_bytes())
    wanted = [name.name for node in ast.walk(source) if isinstance(node, ast.Import) for name in node.names]
    wanted += [f"encodings.{name}" for name in _CODECS]
    program = (
        f"import {', '.join(wanted)}\n"
        "for one in list(sys.modules.values()):\n"
        "    print(getattr(one, '__file__', ''))\n"
    )
    command = [str(tree / PYTHON), "-I", "-S", "-B", "-X", "frozen_modules=off", "-c", program]
    try:
        done = subprocess.run(  # noqa: S603 - the image's own interpreter
            command,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=True,
            env={"LD_LIBRARY_PATH": str(tree / LIBRARIES)},
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise IMAGE_FAILED(f"its interpreter does not run: {error}") from error
    named = {Path(line) for line in done.stdout.splitlines() if line.startswith(f"{tree}/")}
    return sorted(path for path in named if path.is_file())  # what is frozen names a source that is not there


def _libraries(tree: Path, used: list[Path]) -> Iterator[Path]:
    """The loader and the shared libraries that these files load."""
    seen: set[Path] = set()
    todo = list(used)
    while todo:
        made = read_dynamic(todo.pop()) or Dynamic()
        loader = [tree / made.interpreter.lstrip("/")] if made.interpreter is not None else []
        for path in [*loader, *(tree / LIBRARIES / name for name in made.needed)]:
            if path not in seen and path.is_file():  # the loader is also a library, and lies elsewhere
                seen.add(path)
                todo.append(path)
                yield path
