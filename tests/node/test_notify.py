"""What a service manager is told, and what is kept from workers."""

from __future__ import annotations

import asyncio
import os
import socket
from pathlib import Path

import pytest

from coterie.node.notify import Notifier


def served(environment: dict[str, str], seconds: float = 0.0) -> None:
    async def serve() -> None:
        async with Notifier(environment).serving():
            await asyncio.sleep(seconds)

    asyncio.run(serve())


def test_a_path_and_what_is_left_of_the_environment(tmp_path: Path) -> None:
    environment = {"NOTIFY_SOCKET": str(tmp_path / "n"), "WATCHDOG_USEC": "1000", "A": "b"}
    environment["WATCHDOG_PID"] = str(os.getpid())
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(str(tmp_path / "n"))
        served(environment)
        assert environment == {"A": "b"}
        assert [heard.recv(100), heard.recv(100)] == [b"READY=1", b"WATCHDOG=1"]
        heard.setblocking(False)
        said = [b""]
        while said[-1] != b"STOPPING=1":
            said.append(heard.recv(100))


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"NOTIFY_SOCKET": ""},
        {"NOTIFY_SOCKET": "relative"},
        {"NOTIFY_SOCKET": "/nobody/listens"},
        {"NOTIFY_SOCKET": "@nobody-listens-here"},
        {"NOTIFY_SOCKET": "/" + "x" * 300},
        {"WATCHDOG_USEC": "-1"},
    ],
)
def test_where_nobody_listens_the_node_goes_on(environment: dict[str, str]) -> None:
    served(environment)


def test_the_signs_of_life_of_another_process_are_not_given(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
        heard.bind(str(tmp_path / "n"))
        served({"NOTIFY_SOCKET": str(tmp_path / "n"), "WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"}, 0.01)
        assert [heard.recv(100), heard.recv(100)] == [b"READY=1", b"STOPPING=1"]
