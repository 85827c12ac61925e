"""``coterie doctor``: asks the node where it runs, and looks from outside where it does not."""

from __future__ import annotations

import re
import shutil
import socket

import typer

from coterie.client import NODE_AWAY, NODE_NOT_PINNED
from coterie.crypto import Identity
from coterie.errors import CoterieError
from coterie.node import Check, Home

from .output import say, show, state_text, table
from .state import State, state_of

LOG_TAIL = 64 * 1024
TROUBLE = re.compile(r" (?:WARNING|ERROR|CRITICAL) (.*)")
FINGERPRINT = re.compile(r"(sha256:[0-9a-f]{12})[0-9a-f]{52}")


def doctor(context: typer.Context) -> None:
    """Check keys, clock, port, peers, versions and disk, and say what to do."""
    state = state_of(context)
    try:
        with state.client() as client:
            checks = client.doctor()
    except CoterieError as error:
        if error.code not in (NODE_AWAY.code, NODE_NOT_PINNED.code):
            raise
        checks = _from_outside(state, error)
    if not show(state, checks):
        _print(checks)
    if any(one.status == "fail" for one in checks):
        raise typer.Exit(1)


def _print(checks: list[Check]) -> None:
    rows = [
        (one.name, state_text(one.status), FINGERPRINT.sub(r"\1…", one.detail), one.next_step or "")
        for one in checks
    ]
    anything = any(row[3] for row in rows)
    columns = ("check", "|", "found", "what to do")
    table("Doctor", columns if anything else columns[:3], rows if anything else [row[:3] for row in rows])
    bad = [one.name for one in checks if one.status != "ok"]
    say("\nEverything is in order." if not bad else f"\nTo look at: {', '.join(bad)}.")


def _from_outside(state: State, away: CoterieError) -> list[Check]:
    """What can be seen of a node that does not answer."""
    home = Home.open(state.home)
    return [
        _keys(home),
        Check(name="disk", status="ok", detail=f"{shutil.disk_usage(home.path).free / 2**30:.1f} GiB free"),
        _port(home, away),
        *_last_trouble(home),
        Check(
            name="node",
            status="fail",
            detail=f"{home.settings.name} does not answer",
            next_step=f"Start it: {state.command(f'{home.settings.role} start')}",
        ),
    ]


def _keys(home: Home) -> Check:
    try:
        public = Identity.public_of(home.path)
    except CoterieError as error:
        detail = f"{error.code} {error.title}: {error.detail}"
        return Check(name="keys", status="fail", detail=detail, next_step=error.next_step)
    return Check(name="keys", status="ok", detail=f"{public.name}, {public.fingerprint}")


def _port(home: Home, away: CoterieError) -> Check:
    """Whether the node could open its port now."""
    settings = home.settings
    family = socket.AF_INET6 if ":" in settings.listen_host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.listen_host, settings.listen_port))
        except OSError as error:
            taken = away.code == NODE_NOT_PINNED.code
            why = "another program answers there" if taken else error.strerror or str(error)
            return Check(
                name="port",
                status="fail",
                detail=f"{settings.listen}: {why}",
                next_step="Stop what uses it, or choose another in node.yaml.",
            )
    return Check(name="port", status="ok", detail=f"{settings.listen} is free")


def _last_trouble(home: Home) -> list[Check]:
    """The last warning or error of the node's log."""
    try:
        with home.log_file.open("rb") as file:
            file.seek(max(0, file.seek(0, 2) - LOG_TAIL))
            lines = file.read().decode("utf-8", "replace").splitlines()
    except OSError:
        return []
    for line in reversed(lines):
        if found := TROUBLE.search(line):
            return [
                Check(
                    name="log", status="warn", detail=found[1][:300], next_step=f"See all of {home.log_file}."
                )
            ]
    return []
