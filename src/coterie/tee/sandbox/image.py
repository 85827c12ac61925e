"""The runner's image: a folder with exactly what the sandbox will hold, and nothing else.

Modules lie there as bytecode without sources, under the sources' names: what is measured is then what is
executed, and half as many files are to be measured at each start. The same environment gives the same image,
byte for byte.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from coterie.tee.sandbox.contents import Contents
from coterie.tee.sandbox.errors import IMAGE_INCOMPLETE

_COMPILER: Final = Path(__file__).with_name("bytecode.py")
_PATIENCE: Final = 600
_DRAFT: Final = ".making-"


def ensure_image(folder: Path, contents: Contents | None = None) -> Path:
    """The image of this environment below ``folder``: made if it is not there yet, half a minute once.

    Errors: CT-2288.
    """
    contents = contents or Contents()
    target = folder / contents.fingerprint()
    if target.is_dir():
        return target
    folder.mkdir(parents=True, exist_ok=True, mode=0o755)
    draft = folder / f"{_DRAFT}{secrets.token_hex(8)}"
    try:
        make_image(draft, contents)
        with contextlib.suppress(OSError):  # another process was quicker, with the same image
            draft.rename(target)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return target


def make_image(target: Path, contents: Contents) -> None:
    """Lay an image out in a folder that is not there yet. Errors: CT-2288."""
    target.mkdir(mode=0o755)
    sources: list[tuple[Path, str, Path]] = []
    for name, path in contents.files():
        place = target / name
        if path.suffix == ".py":
            place = place.with_suffix(".pyc")
            sources.append((path, f"/{name}", place))
        place.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
        if path.suffix != ".py":
            shutil.copyfile(path, place)
            place.chmod(0o555 if place.parent.name == "bin" or ".so" in place.name else 0o444)
    _compile(sources)
    for _, _, place in sources:
        if place.exists():
            place.chmod(0o444)
    for folder, _, _ in os.walk(target, topdown=False):
        with contextlib.suppress(OSError):  # it is not empty
            Path(folder).rmdir()


def _compile(sources: list[tuple[Path, str, Path]]) -> None:
    count = max(1, min(8, os.cpu_count() or 1))
    command = [sys.executable, "-I", "-S", "-B", "-W", "ignore", str(_COMPILER)]
    running: list[subprocess.Popen[bytes]] = []
    try:
        for part in range(count):
            with tempfile.TemporaryFile() as listed:
                for path, name, place in sources[part::count]:
                    names = (os.fsencode(path.resolve()), name.encode(), os.fsencode(place.absolute()))
                    listed.write(b"\0".join(names) + b"\n")
                listed.seek(0)
                running.append(
                    subprocess.Popen(command, stdin=listed, stderr=subprocess.PIPE)  # noqa: S603 - the own one
                )
        for process in running:
            _, said = process.communicate(timeout=_PATIENCE)
            if process.returncode != 0:
                raise IMAGE_INCOMPLETE(f"a compiler ended: {said.decode(errors='replace')[-300:]}")
    except (OSError, subprocess.TimeoutExpired) as error:
        raise IMAGE_INCOMPLETE(f"a compiler ended: {error}") from error
    finally:
        for process in running:
            process.kill()
            process.wait()
            if process.stderr is not None:
                process.stderr.close()
