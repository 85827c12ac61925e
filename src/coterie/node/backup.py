"""A node's home in one file, and back. The file holds the party's keys.

A tar archive: the files of the home by their paths, the store always as ``store.sqlite``, and at the end
``backup.json``, which has the SHA-256 of each. What may be used once only is not in it: tape files, open
invitations, and how far jobs are that were not over.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import re
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import func, insert, select, update

from coterie.crypto import Draft, atomic_write, now, open_regular, timestamp, write_error
from coterie.ledger import Ledger, verify

from .errors import BACKUP_UNUSABLE, NOT_EMPTY, RESTORED
from .failures import failure_of
from .home import Home
from .jobbook import OVER
from .store import JobRow, PipelineRow, ResultRow, Row, Store

__all__ = ["Backup", "backup", "restore"]

_LEFT_OUT = re.compile(
    r"lock|store\.(lock|sqlite(-.*)?)|ledger/(ledger\.(lock|jsonl)|head\.json)|node\.log.*"
    r"|(tapes|unfinished|invitations|tee/image)/.*|jobs/[^/]+/checkpoints/.*|(.*/)?\.[^/]*\.tmp"
)
"""Paths in a home that do not go as they are, or not at all."""
_PIECE = 1 << 20
_MANIFEST = "backup.json"
_LARGEST_MANIFEST = 1 << 28


class Backup(BaseModel):
    """What ``backup.json`` says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal["coterie.backup/1"] = "coterie.backup/1"
    name: str
    """Of the party."""
    made: str
    home: str
    """Where it was."""
    entries: Annotated[int, Field(ge=0)]
    """Of the ledger."""
    files: dict[str, Annotated[str, Field(pattern="^[0-9a-f]{64}$")]]


def backup(home: Path, target: Path) -> Backup:
    """Write a home and its store into a new file (0600); its node may run meanwhile.

    :raises CoterieError: CT-5002 to CT-5009, CT-5027 where ``target`` is there, CT-1120 to CT-1122.
    """
    opened = Home.open(home)
    if target.exists():
        raise NOT_EMPTY(str(target))
    digests: dict[str, str] = {}
    with (
        tempfile.TemporaryDirectory(prefix=f".{target.name[:100]}.", dir=target.parent) as made,
        Draft(target) as file,
    ):
        folder = Path(made)
        _snapshot(opened, folder / "store.sqlite")  # first: what it knows is in the ledger already
        over = _over(folder / "store.sqlite")
        entries = _cut(opened.ledger, folder)
        with tarfile.open(fileobj=file, mode="w|", format=tarfile.PAX_FORMAT) as archive:  # type: ignore[call-overload]
            for name, path in (*_files(opened.path, over), *_files(folder, over, "store.sqlite", "ledger/")):
                _put(archive, name, path, digests)
            told = Backup(
                name=opened.settings.name,
                made=timestamp(now()),
                home=str(opened.path.resolve()),
                entries=entries,
                files=digests,
            )
            content = told.model_dump_json().encode()
            about = tarfile.TarInfo(_MANIFEST)
            about.size, about.mode = len(content), 0o600
            archive.addfile(about, io.BytesIO(content))
        file.publish()
    return told


def _snapshot(home: Home, target: Path) -> None:
    place = home.store_place
    if isinstance(place, Path):
        if not place.exists():
            Store(target).close()
            return
        with (
            contextlib.closing(sqlite3.connect(place)) as source,
            contextlib.closing(sqlite3.connect(target)) as copy,
        ):
            source.backup(copy)
        target.chmod(0o600)
        return
    source_store = Store(place, home.store_password(), alone=False)
    try:
        copy_store = Store(target)
        try:
            _copy(source_store, copy_store)
        finally:
            copy_store.close()
    finally:
        source_store.close()


def _copy(source: Store, target: Store) -> None:
    """All rows of one store into another one that has none, which the caller has seen to."""
    with source.session() as reading, target.session() as writing:
        reading.connection(execution_options={"isolation_level": _frozen(reading.get_bind().dialect.name)})
        for table in Row.metadata.sorted_tables:
            for part in reading.execute(select(table)).mappings().partitions(500):
                writing.execute(insert(table), [dict(row) for row in part])
        if writing.get_bind().dialect.name == "postgresql":
            for table in Row.metadata.sorted_tables:
                numbered = table.autoincrement_column
                if numbered is not None:  # the next number comes after those that were given with the rows
                    last = writing.scalar(select(func.max(numbered)))
                    sequence = func.pg_get_serial_sequence(table.name, numbered.name)
                    writing.execute(select(func.setval(sequence, last or 1, last is not None)))


def _frozen(dialect: str) -> Any:
    return "REPEATABLE READ" if dialect == "postgresql" else "SERIALIZABLE"


def _over(store: Path) -> set[str]:
    with contextlib.closing(sqlite3.connect(store)) as connection:
        return {job for job, state in connection.execute("SELECT id, state FROM jobs") if state in OVER}


def _cut(ledger: Path, folder: Path) -> int:
    """The ledger's head, and the entries up to it: an entry that comes meanwhile is not in the copy."""
    place = folder / "ledger"
    place.mkdir()
    if not (ledger / "head.json").exists():
        return 0
    head = (ledger / "head.json").read_bytes()
    count = int(json.loads(head)["seq"])
    with open_regular(ledger / "ledger.jsonl") as source, (place / "ledger.jsonl").open("wb") as copy:
        for _ in range(count):
            copy.write(source.readline())
    (place / "head.json").write_bytes(head)
    return count


def _files(home: Path, over: set[str], *only: str) -> Iterator[tuple[str, Path]]:
    for path in sorted(_all_files(home)):
        name = path.relative_to(home).as_posix()
        open_job = name.startswith("jobs/") and name.split("/")[1] not in over
        wanted = name.startswith(only) if only else not (open_job or _LEFT_OUT.fullmatch(name))
        if wanted and path.is_file():
            yield name, path


def _all_files(home: Path) -> Iterator[Path]:
    """Also of folders that are links, such as ``jobs`` on another disk; each folder once."""
    seen: set[tuple[int, int]] = set()
    for folder, folders, names in os.walk(home, followlinks=True):
        about = Path(folder).stat()
        if (about.st_dev, about.st_ino) in seen:
            folders.clear()
            continue
        seen.add((about.st_dev, about.st_ino))
        yield from (Path(folder, name) for name in names)


def _put(archive: tarfile.TarFile, name: str, path: Path, digests: dict[str, str]) -> None:
    try:
        with open_regular(path) as file:
            about = archive.gettarinfo(arcname=name, fileobj=file)
            about.type, about.mode, about.uid, about.gid, about.uname, about.gname = (
                tarfile.REGTYPE,
                0o600,
                0,
                0,
                "",
                "",
            )
            reading = _Hashed(file, about.size)
            archive.addfile(about, reading)  # type: ignore[arg-type]
    except OSError as error:
        raise write_error(path, error) from error
    digests[name] = reading.digest.hexdigest()


class _Hashed:
    """A file of a fixed length, hashed as it is read: one that grows meanwhile ends where it was."""

    def __init__(self, file: Any, size: int) -> None:
        self._file, self._left, self.digest = file, size, hashlib.sha256()

    def read(self, size: int) -> bytes:
        data: bytes = self._file.read(min(size, self._left))
        self._left -= len(data)
        self.digest.update(data)
        return data


def restore(file: Path, home: Path, store: str | None = None, password: Path | None = None) -> Backup:
    """Make a home of a backup. Jobs that were not over have failed (CT-5028); the ledger says what was done.

    :param store: as in node.yaml, where the store is to be elsewhere than it was.
    :param password: the file with its password, then.
    :raises CoterieError: CT-5019, CT-5027 where something is there, CT-5003 to CT-5009, CT-1120 to CT-1122.
    """
    if home.exists() and (not home.is_dir() or any(home.iterdir())):
        raise NOT_EMPTY(str(home))
    try:
        home.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{home.name}.", dir=home.parent))
    except OSError as error:
        raise write_error(home, error) from error
    try:
        told = _unpack(file, made)
        if store is not None:
            settings = yaml.safe_load((made / "node.yaml").read_bytes())
            settings |= {"store": store, "store_password": str(password) if password else None}
            atomic_write(made / "node.yaml", yaml.safe_dump(settings, sort_keys=False).encode())
        _settle(Home.open(made), home.absolute(), told)
        if home.exists():
            home.rmdir()
        made.rename(home)
    except OSError as error:
        raise write_error(home, error) from error
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return told


def _unpack(file: Path, folder: Path) -> Backup:
    found: dict[str, str] = {}
    told: Backup | None = None
    problem = "it has no end"
    try:
        with open_regular(file) as source, tarfile.open(fileobj=source, mode="r|") as archive:
            for about in archive:
                content = archive.extractfile(about) if about.isreg() else None
                if content is None or told is not None:
                    raise BACKUP_UNUSABLE(f"{file.name}: it holds more than files")
                if about.name == _MANIFEST:
                    told = Backup.model_validate_json(content.read(_LARGEST_MANIFEST))
                    continue
                path = PurePosixPath(about.name)
                if (
                    path.is_absolute()
                    or ".." in path.parts
                    or path.as_posix() != about.name
                    or about.name in found
                ):
                    raise BACKUP_UNUSABLE(f"{file.name}: a path leads out of the home, or comes twice")
                found[about.name] = _take(content, folder / path, about.size)
    except (tarfile.TarError, ValidationError, EOFError) as error:
        problem = type(error).__name__
        told = None
    if told is None or told.files != found or not {"node.yaml", "store.sqlite"} <= found.keys():
        raise BACKUP_UNUSABLE(
            f"{file.name}: {problem if told is None else 'its files are not those of its list'}"
        )
    return told


def _take(content: Any, path: Path, size: int) -> str:
    for folder in reversed(path.parents):
        folder.mkdir(mode=0o700, exist_ok=True)
    hashed = _Hashed(content, size)
    with Draft(path) as draft:
        while piece := hashed.read(_PIECE):
            draft.write(piece)
        draft.publish()
    return hashed.digest.hexdigest()


def _settle(made: Home, home: Path, told: Backup) -> None:
    """Put the store where the settings say, and write into the ledger that it was put back."""
    identity = made.identity()
    here = Store(made.store_file, owner=identity.public.key)
    try:
        _amend(here, told, home)
        report = verify(made.ledger, fingerprint=identity.public.fingerprint) if told.entries else None
        if report is not None and not (report.ok and report.entries == told.entries):
            raise BACKUP_UNUSABLE("its ledger does not hold")
        if made.store_place != made.store_file:
            there = Store(made.store_place, made.store_password())
            try:
                with there.session() as session:
                    if any(
                        session.execute(select(table).limit(1)).first()
                        for table in Row.metadata.sorted_tables
                    ):
                        raise NOT_EMPTY(str(made.store_place))
                _copy(here, there)
            finally:
                there.close()
    finally:
        here.close()
    with Ledger(made.ledger, identity) as ledger:
        ledger.append("repair", {"reason": "put back from a backup", "made": told.made})
    if made.store_place != made.store_file:
        made.store_file.unlink()


def _amend(store: Store, told: Backup, home: Path) -> None:
    """Jobs that were not over, and paths of results."""
    error = failure_of(RESTORED(told.made, party=told.name)).model_dump()
    with store.session() as session:
        open_jobs = JobRow.state.not_in(OVER)
        session.execute(
            update(JobRow).where(open_jobs).values(state="failed", error=error, ended=timestamp(now()))
        )
        for row in (*session.scalars(select(ResultRow)), *session.scalars(select(PipelineRow))):
            path = Path(row.path)
            if path.is_relative_to(told.home):
                row.path = str(home / path.relative_to(told.home))
