"""The files of a source: one, or those of a folder, with what the folders' names say of their rows."""

from __future__ import annotations

import bisect
import contextlib
import hashlib
import itertools
import os
import stat
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc

from .checks import arrow_type, first_refused, kind_of_text, wrong_type
from .errors import COLUMN_TWICE, FOLDER_INVALID, SOURCE_MISSING, SOURCE_UNREADABLE
from .files import check_path
from .schema import Column

__all__ = ["Part", "Places", "parts_of", "stamp_of"]

MOST_FILES = 1 << 16
DEEPEST = 16
NO_VALUE = "__HIVE_DEFAULT_PARTITION__"
"""How Hive and those after it write a partition's missing value."""


@dataclass(frozen=True)
class Part:
    """One file of a source."""

    path: Path
    name: str
    """What errors call it. Folders' names stay out of that: they hold values."""
    keys: Mapping[str, str | None]
    """What ``key=value`` folders say of all of its rows."""
    alone: bool = True
    """Whether it is all of the source."""

    def at(self, place: str) -> str:
        """The place in the file as errors tell it."""
        return place if self.alone else f"{place} of {self.name}"

    def own(self, columns: Sequence[Column]) -> list[Column]:
        """Those of the columns that the file itself must have."""
        return [column for column in columns if column.name not in self.keys]

    def constant(self, column: Column, rows: int) -> pa.Array:
        """(rows,) of a column that the folders' names tell, of its declared type (CT-1430)."""
        text = self.keys[column.name]
        value = pa.array([text], pa.large_string())
        if first_refused(value, column.type) is not None:
            raise wrong_type(column, f"the folder of {self.name}", kind_of_text(text or ""))
        return pa.repeat(pc.cast(value, arrow_type(column.type))[0], rows)

    def refuse_twice(self, column: str, names: Sequence[str]) -> None:
        """Raise CT-1421 where the file has a column that its folders' names tell."""
        if column in self.keys and column in names:
            raise COLUMN_TWICE(f"'{column}': in {self.name}, and in the names of its folders")


class Places:
    """Says in which file a row of them all is, and where in it."""

    def __init__(
        self, parts: Sequence[Part], rows: Sequence[int], within: Callable[[Part, int], str]
    ) -> None:
        self._parts = parts
        self._ends = list(itertools.accumulate(rows))
        self._within = within

    def __call__(self, row: int) -> str:
        at = bisect.bisect_right(self._ends, row)
        part = self._parts[at]
        return part.at(self._within(part, row - (self._ends[at - 1] if at else 0)))


def parts_of(path: Path) -> tuple[Part, ...]:
    """The file, or every file below the folder in the order of their paths; names that begin with a dot or an
    underscore are passed over, with all that is below them.

    Raises CT-1410, CT-1411, CT-1412; CT-1419 for links that lead out of the folder or to a folder, too many
    files, and ``key=value`` folders that are not the same for all files.
    """
    if not _is_folder(path):
        check_path(path)
        return (Part(path, path.name, {}),)
    found = list(itertools.islice(_below(path, path.resolve(), ()), MOST_FILES + 1))
    if len(found) > MOST_FILES:
        raise FOLDER_INVALID(f"{path.name}: more than {MOST_FILES} files")
    if not found:
        raise SOURCE_MISSING(f"{path.name}: there is no file in the folder")
    parts = []
    for number, (file, folders) in enumerate(found, start=1):
        name = f"{file.name} (file {number} of {len(found)})"
        check_path(file)
        parts.append(Part(file, name, _keys(folders), alone=False))
    for part in parts:
        if list(part.keys) != list(parts[0].keys):
            raise FOLDER_INVALID(f"{part.name} has other key=value folders than {parts[0].name}")
    return tuple(parts)


def _is_folder(path: Path) -> bool:
    with contextlib.suppress(OSError, ValueError):
        return path.is_dir()
    return False


def _below(folder: Path, root: Path, above: tuple[str, ...]) -> Iterator[tuple[Path, tuple[str, ...]]]:
    if len(above) > DEEPEST:
        raise FOLDER_INVALID(f"{root.name}: folders are more than {DEEPEST} deep")
    problem = None
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        problem = SOURCE_UNREADABLE(f"{root.name}: {error.strerror}")
    if problem is not None:
        raise problem
    for entry in entries:
        if entry.name.startswith((".", "_")):
            continue
        place = Path(entry.path)
        if entry.is_dir(follow_symlinks=False):
            yield from _below(place, root, (*above, entry.name))
        elif entry.is_symlink() and not _stays(place, root):
            raise FOLDER_INVALID(f"{root.name}: a link in it does not lead to a file in it")
        else:
            yield place, above


def _stays(link: Path, root: Path) -> bool:
    """Whether a link leads to a file below ``root``. Folders would be gone through twice."""
    with contextlib.suppress(OSError, RuntimeError):
        return link.is_file() and link.resolve().is_relative_to(root)
    return False


def _keys(folders: Sequence[str]) -> dict[str, str | None]:
    keys: dict[str, str | None] = {}
    for folder in folders:
        key, equals, value = folder.partition("=")
        if equals:
            keys[unquote(key)] = None if value == NO_VALUE else unquote(value)
    return keys


def stamp_of(path: Path) -> str:
    """Size and time of change of a source's file, or of all files of its folder: another one where something
    has been written; "absent" where reading it will fail.
    """
    try:
        status = path.stat()
        if not stat.S_ISDIR(status.st_mode):
            return f"{status.st_size} {status.st_mtime_ns} {status.st_ino}"
        digest, files = hashlib.sha256(), 0
        for file, _ in _below(path, path.resolve(), ()):
            one = file.stat()
            line = f"{file.relative_to(path)}\0{one.st_size} {one.st_mtime_ns} {one.st_ino}\n"
            digest.update(line.encode(errors="surrogateescape"))
            files += 1
        return f"{files} {digest.hexdigest()}"
    except Exception:  # noqa: BLE001  # whatever it is, reading it says it better
        return "absent"
