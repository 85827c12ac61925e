"""What goes into the runner's image: interpreter, standard library, packages, and the libraries they load."""

from __future__ import annotations

import contextlib
import fnmatch
import functools
import hashlib
import importlib.metadata
import os
import re
import sys
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from coterie.tee.sandbox.elf import Dynamic, read_dynamic
from coterie.tee.sandbox.errors import IMAGE_INCOMPLETE

ROOT: Final = "coterie"
"""Folder at the root of the sandbox that holds all but the loader."""
VERSION: Final = f"python{sys.version_info[0]}.{sys.version_info[1]}"
PYTHON: Final = f"{ROOT}/bin/{VERSION}"
LIBRARIES: Final = f"{ROOT}/lib"
STANDARD: Final = f"{ROOT}/lib/{VERSION}"
PACKAGES: Final = f"{STANDARD}/site-packages"
START: Final = f"{ROOT}/start.pyc"

RUNNER_MODULE: Final = "coterie.jobs.attested.runner"
"""What runs jobs: its ``main`` is called in the sandbox. It lies in a room above, and is only named here."""

BASE: Final = (
    *("numpy", "pyarrow", "cryptography", "rfc8785", "cbor2", "dcap-qvl", "pydantic", "pyyaml", "markupsafe"),
    "phonenumberslite",
)
REPORTS: Final = ("jinja2",)
LEARNERS: Final = ("scikit-learn", "threadpoolctl", "xgboost-cpu", "xgboost")

_LEFT_OUT: Final = (
    # What tests, builds and shows: none of it runs here, and every file costs time at each start.
    *("*/tests/*", "*/test/*", "*/testdata/*", "*/__pycache__/*", "*.pyi", "*.pyx", "*.pxd", "*.pxi"),
    *("*.h", "*.hpp", "*.c", "*.cc", "*.cpp", "*.a", "*.md", "*.rst", "*.txt", "*.typed", "*/RECORD"),
    *("*/include/*", "*.dist-info/[!M]*", "pyarrow/src/*", "pyarrow/libarrow_flight*"),
    *("pyarrow/libarrow_s3*", "pyarrow/libarrow_python_flight*", "pyarrow/_flight*"),
    *("pyarrow/_substrait*", "pyarrow/*_orc*", "pyarrow/_orc*", "pyarrow/_gcsfs*", "pyarrow/_s3fs*"),
    *("pyarrow/_azurefs*", "pyarrow/_hdfs*", "pyarrow/_cuda*", "sklearn/datasets/data/*"),
    *("sklearn/datasets/images/*", "sklearn/datasets/descr/*", "scipy/datasets/*", "xgboost/spark/*"),
    *("__pycache__/*", "pyarrow/libarrow*.so", "pyarrow/libarrow*.so.*.*", "pyarrow/_pyarrow_cpp_tests*"),
    *("numpy/distutils/*", "scipy/io/_fast_matrix_market/*", "pydantic/v1/*", "xgboost/testing/*"),
    "phonenumbers/shortdata/region_*",
)
_STANDARD_LEFT_OUT: Final = (
    *("test/*", "*/test/*", "*/tests/*", "idlelib/*", "tkinter/*", "turtledemo/*", "turtle.py", "lib2to3/*"),
    *("ensurepip/*", "venv/*", "config-*", "pydoc_data/*", "site-packages/*", "dist-packages/*"),
    *(
        "*/__pycache__/*",
        "__pycache__/*",
        "*.txt",
        "*.a",
        "*.h",
        "distutils/*",
        "curses/*",
        "sqlite3/*",
        "dbm/*",
    ),
    *("lib-dynload/*_test*", "lib-dynload/_tkinter*", "lib-dynload/_curses*", "lib-dynload/readline*"),
    *("lib-dynload/_dbm*", "lib-dynload/_gdbm*", "lib-dynload/nis*", "lib-dynload/_crypt.*"),
    *("lib-dynload/_sqlite3*", "lib-dynload/ossaudiodev*", "lib-dynload/xx*", "lib-dynload/spwd*"),
    *("*.sh", "*.exe", "*.bat", "*.ico", "*.svg", "*.gif", "*.pickle", "Makefile", "LICENSE*"),
)
ROOMS_LEFT_OUT: Final = ("cli", "client", "console", "node", "hub", "serving")
"""Rooms of the house above the jobs: no work runs through them."""


@dataclass(frozen=True)
class Contents:
    """What to make an image of."""

    distributions: tuple[str, ...] = BASE + REPORTS + LEARNERS
    """Installed packages, by name; what they require comes with them. Those that are not installed are left
    out: the work that needs them fails, and says so."""
    extra: tuple[tuple[str, Path], ...] = ()
    """Further Python files, by their path below the packages: the work, where it is not part of the house."""

    def files(self) -> Iterator[tuple[str, Path]]:
        """Every file with its path in the sandbox; sources are compiled by who lays them out. Errors:
        CT-2288.
        """
        found = dict(self._python())
        yield from found.items()
        yield from _libraries(found)

    def fingerprint(self) -> str:
        """Changes when a file of the environment does, by its name, size or time: an image of another
        fingerprint is out of date. It says nothing of what is in the files; the measurement does.
        """
        seen = hashlib.sha256(repr((self.distributions, sys.version)).encode())
        for name, path in self._python():
            facts = path.stat()
            seen.update(f"{name}\0{facts.st_size}\0{facts.st_mtime_ns}\n".encode())
        with contextlib.suppress(OSError):  # changes with the system's libraries
            seen.update(str(Path("/etc/ld.so.cache").stat().st_mtime_ns).encode())
        return seen.hexdigest()[:32]

    def _python(self) -> Iterator[tuple[str, Path]]:
        yield PYTHON, Path(os.path.realpath(sys.executable))
        standard = Path(sysconfig.get_path("stdlib"))
        for name, path in _below(standard, _STANDARD_LEFT_OUT):
            yield f"{STANDARD}/{name}", path
        native = Path(sysconfig.get_config_var("DESTSHARED") or standard / "lib-dynload")
        if native.is_dir() and not native.is_relative_to(standard):
            for name, path in _below(
                native, tuple(p.removeprefix("lib-dynload/") for p in _STANDARD_LEFT_OUT)
            ):
                yield f"{STANDARD}/lib-dynload/{name}", path
        for name, path in installed(self.distributions):
            yield f"{PACKAGES}/{name}", path
        house = Path(__file__).parents[2]
        rooms = tuple(f"{room}/*" for room in ROOMS_LEFT_OUT)
        for name, path in _below(house, (*_LEFT_OUT, *rooms)):
            yield f"{PACKAGES}/coterie/{name}", path
        yield START.replace(".pyc", ".py"), house / "tee" / "sandbox" / "start.py"
        for name, path in self.extra:
            yield f"{PACKAGES}/{name}", path


def _below(folder: Path, left_out: tuple[str, ...]) -> Iterator[tuple[str, Path]]:
    for place, folders, names in os.walk(folder):
        inside = os.path.relpath(place, folder)
        prefix = "" if inside == "." else f"{inside}/"
        folders[:] = sorted(name for name in folders if not _matches(f"{prefix}{name}/x", left_out))
        for name in sorted(names):
            path = Path(place, name)
            if not _matches(f"{prefix}{name}", left_out) and path.is_file():
                yield f"{prefix}{name}", path


@functools.cache
def _pattern(patterns: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(fnmatch.translate(pattern) for pattern in patterns))


def _matches(name: str, patterns: tuple[str, ...]) -> bool:
    return _pattern(patterns).match(name) is not None


def installed(names: tuple[str, ...]) -> Iterator[tuple[str, Path]]:
    """Files of packages and of what they require, where installed; extras are not followed."""
    todo, seen = list(names), set[str]()
    while todo:
        name = re.sub(r"[-_.]+", "-", todo.pop()).lower()
        if name in seen:
            continue
        seen.add(name)
        try:
            found = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        todo += [
            asked[0]
            for line in found.requires or ()
            if "extra" not in line.partition(";")[2] and (asked := re.match(r"[A-Za-z0-9._-]+", line))
        ]
        for file in found.files or ():
            path = Path(str(file.locate()))
            if ".." not in file.parts and path.is_file() and not _matches(file.as_posix(), _LEFT_OUT):
                yield file.as_posix(), path


def _libraries(found: dict[str, Path]) -> Iterator[tuple[str, Path]]:
    """The loader, and every library outside of the packages that a program or module loads at its start."""
    searched = _search()
    todo = [(path, made) for path in found.values() if (made := _dynamic(path)) is not None]
    loaders = {Path(made.interpreter).name for _, made in todo if made.interpreter is not None}
    carried = {Path(name).name for name in found} | loaders
    seen = set[str]()
    while todo:
        path, made = todo.pop()
        if made.interpreter is not None and made.interpreter not in seen:
            seen.add(made.interpreter)
            yield made.interpreter.lstrip("/"), Path(os.path.realpath(made.interpreter))
        for name in made.needed:
            if name in seen or name in carried:
                continue
            seen.add(name)
            origin = [Path(folder.replace("$ORIGIN", str(path.parent))) for folder in made.paths]
            target = next(
                (folder / name for folder in (*origin, *searched) if (folder / name).is_file()), None
            )
            if target is None:
                raise IMAGE_INCOMPLETE(f"the library {name} that {path.name} loads")
            real = Path(os.path.realpath(target))
            yield f"{LIBRARIES}/{name}", real
            todo += [(real, further)] if (further := _dynamic(real)) is not None else []


def _dynamic(path: Path) -> Dynamic | None:
    if path.suffix in (".py", ".json", ".yaml"):
        return None
    try:
        return read_dynamic(path)
    except (ValueError, OSError) as error:
        raise IMAGE_INCOMPLETE(str(error)) from error


def _search() -> list[Path]:
    """Where the loader looks by default (ld.so(8)), with the folders of its configuration."""
    folders = [Path(sysconfig.get_config_var("LIBDIR") or "/usr/lib")]
    for path in sorted(Path("/etc/ld.so.conf.d").glob("*.conf")):
        folders += [Path(line) for line in path.read_text().splitlines() if line.startswith("/")]
    multiarch = sysconfig.get_config_var("MULTIARCH") or ""
    for name in (f"lib/{multiarch}", f"usr/lib/{multiarch}", "lib64", "usr/lib64", "lib", "usr/lib"):
        folders.append(Path("/") / name)
    return folders
