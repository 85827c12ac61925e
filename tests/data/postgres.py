"""A PostgreSQL server of one's own in a folder of one's own, where it is installed."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

PROGRAMS = [
    *map(str, sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)),
    os.environ.get("PATH", ""),
]


@dataclass(frozen=True)
class Postgres:
    uri: str
    port: int
    psql: str

    def run(self, script: str) -> str:
        """What ``psql`` prints for these statements."""
        command = [self.psql, "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-d", self.uri, "-c", script]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def _program(name: str) -> str:
    found = shutil.which(name, path=os.pathsep.join(PROGRAMS))
    if found is None:
        pytest.skip(f"PostgreSQL is not installed: no {name} (Debian: postgresql)")
    return found


def cluster(password: str) -> Iterator[Postgres]:
    """A running server; the server refuses to be root, so that is put off."""
    initdb, server, psql = map(_program, ("initdb", "postgres", "psql"))
    user = pwd.getpwnam("nobody") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
    as_user = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []} if os.geteuid() == 0 else {}
    with tempfile.TemporaryDirectory(prefix="coterie-pg-") as name, socket.socket() as held:
        folder = Path(name)
        folder.chmod(0o700)
        os.chown(folder, user.pw_uid, user.pw_gid)
        secret = folder / "password"
        secret.write_text(password)
        os.chown(secret, user.pw_uid, user.pw_gid)
        make = [initdb, "-D", f"{name}/data", "-U", "owner", "-A", "scram-sha-256", "--pwfile", str(secret)]
        make += ["-E", "UTF8", "--locale=C", "--no-sync"]
        run = subprocess.run(make, check=False, capture_output=True, cwd="/", **as_user)
        if run.returncode:
            pytest.skip(f"PostgreSQL does not start here: {run.stderr.decode()[-200:]}")
        held.bind(("127.0.0.1", 0))
        port = held.getsockname()[1]
        held.close()
        settings = [
            f"port={port}",
            f"unix_socket_directories={name}",
            "listen_addresses=127.0.0.1",
            "fsync=off",
        ]
        command = [server, "-D", f"{name}/data", *(word for one in settings for word in ("-c", one))]
        with subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", **as_user
        ) as run_:
            try:
                found = Postgres(f"postgresql://owner:{password}@127.0.0.1:{port}/postgres", port, psql)
                _wait(found, run_)
                yield found
            finally:
                run_.send_signal(2)  # ends connections, then itself
                run_.wait(20)


def _wait(server: Postgres, process: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        try:
            server.run("SELECT 1")
            return
        except subprocess.CalledProcessError:
            if process.poll() is not None:
                break
            os.sched_yield()
            _pause()
    pytest.skip("PostgreSQL does not start here")


def _pause() -> None:
    import time

    time.sleep(0.05)
