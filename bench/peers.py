"""Environments of the peers that benchmarks compare with: each its own, from its own locked requirements."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


class PeerMissing(Exception):
    """The peer cannot be installed on this machine."""


def python_of(peer: str, version: tuple[int, int]) -> Path:
    """The interpreter of a peer's environment, made anew where it is missing or its lock has changed.

    :param peer: the name in ``requirements/bench-<peer>.txt``.
    :param version: the version of Python that the lock is for.
    :raises PeerMissing: where there is no such Python, or an installation fails.
    """
    lock = ROOT / "requirements" / f"bench-{peer}.txt"
    home = ROOT / "build" / "venvs" / peer
    python = home / "bin" / "python"
    stamp = home / "lock.sha256"
    wanted = hashlib.sha256(lock.read_bytes()).hexdigest()
    if stamp.exists() and stamp.read_text(encoding="utf-8") == wanted:
        return python
    print(f"installing {peer} into {home.relative_to(ROOT)}", flush=True)
    base = _interpreter(version)
    shutil.rmtree(home, ignore_errors=True)
    _run(base, "-m", "venv", home)
    quiet = ("--disable-pip-version-check", "--no-input", "--quiet")
    _run(python, "-m", "pip", *quiet, "install", "--require-hashes", "--only-binary", ":all:", "-r", lock)
    stamp.write_text(wanted, encoding="utf-8")
    return python


def _interpreter(version: tuple[int, int]) -> str:
    if sys.version_info[:2] == version:
        return sys.executable
    name = ".".join(map(str, version))
    found = shutil.which(f"python{name}")
    if not found:
        raise PeerMissing(f"Python {name} is needed and not on the path")
    return found


def _run(*command: str | Path) -> None:
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    if done.returncode:
        raise PeerMissing(f"{command[0]} failed: {done.stderr.strip()[-500:]}")
