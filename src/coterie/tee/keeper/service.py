"""A keeper that other processes of its host reach, over a socket in the file system.

A keeper has to outlive the workers of jobs; they ask it over here. Questions and answers are the records that
the keeper itself speaks, see :mod:`coterie.tee.runner.records`; who may open the socket may ask, and gains
nothing by it that the host has not.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from coterie.crypto import write_error
from coterie.errors import CoterieError
from coterie.tee.keeper.errors import KEEPER_GONE
from coterie.tee.keeper.questions import KeeperQuestions
from coterie.tee.runner.records import Channel, Closed, Kind, error_record, read_error

_PATIENCE: Final = 300
"""Seconds for an answer: others may ask at the same time."""
_TICK: Final = 0.2
_MOST: Final = 64
"""Connections at a time."""


class KeeperService:
    """Lets others ask a keeper, from its start until :meth:`close`. The keeper is not its own to end."""

    def __init__(self, keeper: KeeperQuestions, path: Path) -> None:
        """:param path: of the socket, for this user alone.

        Errors: CT-1121 where the socket cannot be made, or another service answers there.
        """
        self._keeper, self._path = keeper, path
        self._closed = threading.Event()
        self._room = threading.BoundedSemaphore(_MOST)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            _make_way(path)
            self._socket.bind(str(path))
            path.chmod(0o600)  # before it listens: until then nobody can connect
            self._socket.listen(_MOST)
        except OSError as error:
            self._socket.close()
            raise write_error(path, error) from error
        self._thread = threading.Thread(target=self._listen, daemon=True, name="tee-keeper-service")
        self._thread.start()

    def close(self) -> None:
        """Nobody is answered any more. Twice is allowed."""
        if not self._closed.is_set():
            self._closed.set()
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
            self._socket.close()
            self._thread.join()
            self._path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _listen(self) -> None:
        while not self._closed.is_set():
            if not self._room.acquire(timeout=_TICK):
                continue
            try:
                connection, _ = self._socket.accept()
            except OSError:
                self._room.release()
                self._closed.wait(_TICK)  # it was closed, or this process has no descriptors left
                continue
            asked = threading.Thread(target=self._answer, args=(connection.detach(),), daemon=True)
            asked.start()

    def _answer(self, descriptor: int) -> None:
        end = time.monotonic() + _PATIENCE
        channel = Channel(descriptor, lambda: _in_time(end))
        try:
            record = channel.receive(Kind.ASK, Kind.ADMIT)
            try:
                answer = self._keeper.put(record.kind, *record.parts)
            except CoterieError as error:
                channel.send(Kind.NOT_DONE, error_record(error))
            else:
                channel.send(Kind.ANSWER, answer)
        except (Closed, CoterieError):
            pass  # whoever asked is gone, or does not speak so
        finally:
            channel.close()
            self._room.release()


class KeeperAt(KeeperQuestions):
    """A keeper behind the socket of its :class:`KeeperService`. Safe from several threads."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def put(self, kind: Kind, *parts: bytes) -> bytes:
        """As :meth:`KeeperQuestions.put`."""
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            connection.settimeout(_PATIENCE)
            connection.connect(str(self._path))
        except OSError as error:
            connection.close()
            raise KEEPER_GONE(f"{self._path}: {error.strerror or 'too long'}") from error
        end = time.monotonic() + _PATIENCE
        channel = Channel(connection.detach(), lambda: _in_time(end))
        try:
            channel.send(kind, *parts)
            record = channel.receive(Kind.ANSWER, Kind.NOT_DONE)
        except Closed as error:
            raise KEEPER_GONE(f"{self._path}: it was closed") from error
        finally:
            channel.close()
        if record.kind == Kind.NOT_DONE:
            raise read_error(record.parts[0])
        return record.parts[0]


def _in_time(end: float) -> None:
    if time.monotonic() >= end:
        raise KEEPER_GONE(f"no answer within {_PATIENCE} s")


def _make_way(path: Path) -> None:
    """A socket that a crash has left is taken away; one that answers is not. Raises OSError."""
    if not path.is_socket():
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as tried:
        try:
            tried.connect(str(path))
        except ConnectionRefusedError:
            path.unlink()
            return
    raise OSError(errno.EADDRINUSE, os.strerror(errno.EADDRINUSE))
