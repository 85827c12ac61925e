"""What is wrong with this node, and what to do about it."""

from __future__ import annotations

import asyncio
import shutil
import socket
import time
from collections.abc import Callable

from coterie.crypto import Identity, now, parse_timestamp, timestamp
from coterie.errors import CoterieError
from coterie.ledger import verify

from .core import VERSION, Core
from .home import split_address
from .messages import Hello, HelloAnswer
from .network import Network
from .store import ReadyRow
from .views import Check

__all__ = ["Doctor"]

LITTLE_SPACE = 5 * 2**30
HARDLY_SPACE = 2**29
"""Bytes free on the home's disk below which the doctor warns, and below which jobs are likely to fail."""

CLOCK_WARN = 5.0
CLOCK_FAIL = 120.0
"""Seconds between two nodes' clocks: an agreement's dates are judged by each node's own."""

DIAL_SECONDS = 3.0

SLOW_STORE = 0.5
"""Seconds for one small change."""


class Doctor:
    """Examines; changes nothing but one row of the store, which is there for that."""

    def __init__(self, core: Core, network: Network) -> None:
        self._core = core
        self._network = network

    async def examine(self) -> list[Check]:
        """All checks, the own ones first."""
        local: tuple[Callable[[], Check], ...] = (self._keys, self._rights, self._disk, self._ledger)
        found = [await asyncio.to_thread(check) for check in local]
        found.append(self._store())
        found.append(await asyncio.to_thread(self._port))
        found.append(await asyncio.to_thread(self._address))
        peers = sorted(set(self._core.keys()) - {self._core.name})
        for checks in await asyncio.gather(*(self._peer(name) for name in peers)):
            found += checks
        if not peers:
            found.append(_warn("peers", "no peer is known", "Exchange an invitation with another party."))
        return found

    def _keys(self) -> Check:
        try:
            public = Identity.public_of(self._core.home.path)
        except CoterieError as error:
            return _fail("keys", f"{error.code} {error.title}: {error.detail}", error.next_step)
        if public != self._core.identity.public:
            return _fail(
                "keys", "the keys on disk are not the ones in use", "Restart the node, or restore identity/."
            )
        return _ok("keys", f"{public.name}, {public.fingerprint}")

    def _rights(self) -> Check:
        home = self._core.home
        secret = [home.path, home.token_file, home.store_file, self._core.identity.key_path]
        secret.append(self._core.identity.api_key_path)
        loose = [str(path) for path in secret if path.exists() and path.stat().st_mode & 0o077]
        if loose:
            return _fail(
                "rights", f"others can use {', '.join(loose)}", "Take their rights away: chmod go= on each."
            )
        return _ok("rights", "nobody but the owner reads the home")

    def _disk(self) -> Check:
        free = shutil.disk_usage(self._core.home.path).free
        told = f"{free / 2**30:.1f} GiB free"
        if free < HARDLY_SPACE:
            return _fail("disk", told, "Free space on the home's disk, or move the home.")
        if free < LITTLE_SPACE:
            return _warn("disk", told, "Large jobs may need more; free some space.")
        return _ok("disk", told)

    def _ledger(self) -> Check:
        try:
            report = verify(self._core.home.ledger, fingerprint=self._core.identity.public.fingerprint)
        except CoterieError as error:
            return _fail("ledger", f"{error.code} {error.title}: {error.detail}", error.next_step)
        if not report.ok:
            first = report.findings[0]
            detail = f"{len(report.findings)} findings; entry {first.entry}: {first.detail}"
            return _fail("ledger", detail, "Keep the files as they are and run `coterie audit verify`.")
        return _ok("ledger", f"{report.entries} entries hold")

    def _store(self) -> Check:
        """By a change that is committed, and its time: a database far away makes everything slow."""
        begun = time.monotonic()
        try:
            with self._core.store.session() as session:
                session.merge(ReadyRow(id=1, time=f"{timestamp(now())} {time.monotonic_ns()}"))
        except CoterieError as error:
            return _fail("store", f"{error.code} {error.title}: {error.detail}", error.next_step)
        took = time.monotonic() - begun
        told = f"a change took {took * 1000:.0f} ms"
        if took > SLOW_STORE:
            return _warn(
                "store", told, "Look at the database and the way to it: each step of a job waits for it."
            )
        return _ok("store", told)

    def _port(self) -> Check:
        settings = self._core.home.settings
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.listen_host, settings.listen_host)  # noqa: S104
        return _dial("port", host, settings.listen_port, "Something on this machine blocks the port.")

    def _address(self) -> Check:
        address = self._core.home.settings.address
        if address is None:
            return _warn(
                "address", "peers cannot dial this node", "Set `address` in node.yaml if they should."
            )
        host, port = split_address(address)
        return _dial(
            "address", host, port, "Check name, firewall and forwarding of the address in node.yaml."
        )

    async def _peer(self, name: str) -> list[Check]:
        title = f"peer {name}"
        before = now()
        try:
            answer = await self._network.ask(name, Hello(), HelloAnswer)
        except CoterieError as error:
            return [_fail(title, f"{error.code} {error.title}: {error.detail}", error.next_step)]
        middle = before + (now() - before) / 2
        return [
            _ok(title, f"{answer.role}, answers"),
            _clock(f"clock of {name}", abs((parse_timestamp(answer.time) - middle).total_seconds())),
            _ok(f"version of {name}", answer.version)
            if answer.version == VERSION
            else _warn(
                f"version of {name}", f"{answer.version}, here {VERSION}", "Bring both to one version."
            ),
        ]


def _clock(title: str, seconds: float) -> Check:
    # Times are told in whole seconds, so one second's difference says nothing.
    told = f"{max(0.0, seconds - 1):.0f} s apart"
    if seconds > CLOCK_FAIL:
        return _fail(title, told, "Set both clocks by NTP: agreements begin and end by them.")
    if seconds > CLOCK_WARN:
        return _warn(title, told, "Set both clocks by NTP.")
    return _ok(title, told)


def _dial(title: str, host: str, port: int, next_step: str) -> Check:
    try:
        socket.create_connection((host, port), DIAL_SECONDS).close()
    except OSError as error:
        return _fail(title, f"{host}:{port}: {error.strerror or error}", next_step)
    return _ok(title, f"{host}:{port} answers")


def _ok(name: str, detail: str) -> Check:
    return Check(name=name, status="ok", detail=detail)


def _warn(name: str, detail: str, next_step: str) -> Check:
    return Check(name=name, status="warn", detail=detail, next_step=next_step)


def _fail(name: str, detail: str, next_step: str) -> Check:
    return Check(name=name, status="fail", detail=detail, next_step=next_step)
