"""Where raw values may lie, and where they do: loopback, the nodes' disks, their logs."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from soak.capture import CONTROLS
from soak.data import Canary, patterns
from soak.proxy import HOST
from soak.scan import Scanner, files

OWN_DATA = ("rows", "jobs")
"""In a party's home, where its own rows and results about its own ids may lie; not in logs."""
LOGS = (".log", ".log.1", ".log.2", ".log.3", ".log.4", ".log.5")


class Capture:
    """What goes over loopback, from now on until :meth:`end`."""

    def __init__(self, canaries: Sequence[Canary], folder: Path) -> None:
        self._controls = [f"control {os.urandom(16).hex()}".encode() for _ in CONTROLS]
        self._answer = folder / "capture.json"
        known = {**dict(patterns(canaries)), **dict(zip(CONTROLS, self._controls, strict=True))}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "soak.capture", str(self._answer)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({name: raw.hex() for name, raw in known.items()}) + "\n")
        self._process.stdin.flush()
        self.runs = self._process.stdout.readline() == "ready\n"
        if self.runs:
            self._plant(self._controls[0])

    def _plant(self, control: bytes) -> None:
        """Send what must be found over a connection of our own, in two parts."""
        with (
            socket.create_server((HOST, 0)) as server,
            socket.create_connection(server.getsockname()) as one,
            server.accept()[0] as other,
        ):
            one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for part in (control[:11], control[11:]):
                one.sendall(part)
                other.recv(2**10)

    def end(self) -> dict[str, Any]:
        """What was seen: whether all, how much, which canaries."""
        if not self.runs:
            self._process.wait()
            self._close()
            why = "no right to open a raw packet socket: nothing of loopback was searched"
            return {"complete": False, "why": why, "bytes": 0, "found": {}}
        assert self._process.stdin is not None
        self._plant(self._controls[1])
        self._process.stdin.close()
        self._process.wait(120)
        self._close()
        told: dict[str, Any] = json.loads(self._answer.read_text(encoding="utf-8"))
        told["controls_found"] = sum(told["found"].pop(name, 0) > 0 for name in CONTROLS) == len(CONTROLS)
        told["complete"] = told["controls_found"] and told["dropped"] == 0
        return told

    def _close(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


class Disks:
    """The homes of all nodes, searched while they are written and at the end."""

    def __init__(self, homes: dict[str, Path], canaries: Sequence[Canary]) -> None:
        self._homes = homes
        self._all = Scanner(dict(patterns(canaries)))
        self._others = {
            name: Scanner(dict(patterns([one for one in canaries if name not in one.owners])))
            for name in homes
        }
        self._seen: dict[Path, tuple[int, int]] = {}
        self.found: dict[str, Counter[str]] = {}
        self.files = self.bytes = self.log_bytes = 0
        self.unread = 0
        self.stopping = threading.Event()

    def watch(self, every: float) -> None:
        """Search what has changed, again and again until :attr:`stopping`."""
        while not self.stopping.wait(every):
            self.search()

    def search(self) -> None:
        """Search what has changed since the last time."""
        for name, home in self._homes.items():
            for path in files(home):
                try:
                    stat = path.stat()
                    state = (stat.st_size, stat.st_mtime_ns)
                    if self._seen.get(path) == state or path.is_socket():
                        continue
                    scanner = self._others[name] if self._is_own(home, path) else self._all
                    size, found = scanner.file(path)
                except FileNotFoundError:  # it is gone already
                    continue
                except OSError:
                    self.unread += 1
                    continue
                self.files += path not in self._seen
                self._seen[path] = state
                self.bytes += size
                self.log_bytes += size if path.name.endswith(LOGS) else 0
                if found:
                    self.found[str(path)] = found

    def _is_own(self, home: Path, path: Path) -> bool:
        """Whether a party's own rows may be in a file."""
        return path.relative_to(home).parts[0] in OWN_DATA and not path.name.endswith(LOGS)

    def told(self) -> dict[str, Any]:
        """For the result."""
        return {
            "files": self.files,
            "bytes": self.bytes,
            "log_bytes": self.log_bytes,
            "unread": self.unread,
            "found": {path: dict(found) for path, found in self.found.items()},
        }
