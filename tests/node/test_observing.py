"""What a node shows of itself to monitors: alive, ready; no more than that to strangers."""

from __future__ import annotations

import json
import ssl
import time
import urllib.error
import urllib.request

import pytest

from tests.node.conftest import Daemon, Trio


def asked(daemon: Daemon, path: str, token: str | None = None) -> tuple[int, str]:
    """A request by another HTTP client than ours."""
    context = ssl.create_default_context(cafile=str(daemon.home / "identity" / "api-cert.pem"))
    request = urllib.request.Request(f"https://{daemon.address}{path}")
    if token is not None:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, context=context, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def ready(daemon: Daemon) -> dict[str, bool]:
    """What the owner of a token is told, once what the test waits for can be seen."""
    time.sleep(1.1)  # a finding is good for a second
    view = daemon.client.ready()
    assert view.ready is (asked(daemon, "/readyz")[0] == 200)
    assert daemon.address.rpartition(":")[2] not in view.model_dump_json()
    return {one.name: one.ready for one in view.checks}


def test_a_node_is_alive_and_ready(trio: Trio) -> None:
    assert asked(trio.payments, "/healthz") == (200, "ok\n")
    deadline = time.monotonic() + 20  # it asks the hub every second, and knew it when it was introduced
    while asked(trio.payments, "/readyz") != (200, "ok\n"):
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert ready(trio.payments) == dict.fromkeys(("serving", "store", "ledger", "keys", "peer hub"), True)
    assert json.loads(asked(trio.payments, "/v1/ready")[1])["code"] == "CT-5010"


def test_a_node_without_its_key_is_not_ready_and_tells_strangers_no_more(trio: Trio) -> None:
    key = trio.payments.home / "identity" / "key.pem"
    away = key.rename(key.with_suffix(".away"))
    try:
        checks = ready(trio.payments)
        assert asked(trio.payments, "/readyz") == (503, "not ready\n")
        assert asked(trio.payments, "/healthz") == (200, "ok\n")
    finally:
        away.rename(key)
    assert [name for name, found in checks.items() if not found] == ["keys"]
    assert all(ready(trio.payments).values())


@pytest.mark.parametrize("path", ["/healthz/", "/metrics", "/readyz/x"])
def test_all_else_needs_a_token(trio: Trio, path: str) -> None:
    assert asked(trio.payments, path)[0] == 401
