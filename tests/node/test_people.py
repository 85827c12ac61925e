"""People at a node: who may call what, sessions, limits, and the log of what was refused."""

from __future__ import annotations

import asyncio
import json
import re
import secrets
from collections.abc import Iterator
from http.client import HTTPSConnection
from pathlib import Path
from ssl import create_default_context

import pytest
from argon2 import extract_parameters
from argon2.exceptions import VerifyMismatchError

from coterie.client import Client
from coterie.node import UserRole
from coterie.node.people import refusals as log
from coterie.node.people import users
from coterie.node.people.errors import CALLS_SLOWED, SIGN_IN_SLOWED
from coterie.node.people.limits import CallRates, PeopleSettings, SignInDelays, network_of
from coterie.node.people.refusals import Refusals
from coterie.node.people.roles import OF_ROLE, OPEN, ROUTES
from coterie.node.store import Store
from tests.cli.conftest import call
from tests.node.conftest import Daemon, refused

PASSWORD = "correct horse battery"
ROLES: tuple[UserRole, ...] = ("analyst", "steward", "operator", "auditor")


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Daemon]:
    """A node alone, with one user of each role, and few calls and tries allowed."""
    daemon = Daemon(tmp_path_factory.mktemp("people") / "lender")
    with (daemon.home / "node.yaml").open("a") as settings:
        settings.write(
            "people: {free_failures: 3, longest_wait: 1, calls_at_once: 150, calls_per_second: 1}\n"
        )
    daemon.start()
    try:
        daemon.await_up()
        for role in ROLES:
            daemon.client.add_user(role, [role], PASSWORD)
        yield daemon
        assert daemon.stop() == 0
    finally:
        daemon.client.close()
        if daemon.process is not None and daemon.process.poll() is None:
            daemon.process.kill()
            daemon.process.wait()


class Caller:
    """Another HTTP client than ours, on one connection."""

    def __init__(self, node: Daemon) -> None:
        context = create_default_context(cafile=str(node.home / "identity" / "api-cert.pem"))
        self._connection = HTTPSConnection(node.address, context=context, timeout=20)

    def __call__(
        self, method: str, path: str, token: str | None = None, body: object = None
    ) -> tuple[int, dict[str, object]]:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        content = None
        if body is not None:
            headers["Content-Type"] = "application/json"
            content = json.dumps(body)
        self._connection.request(method, path, content, headers)
        answer = self._connection.getresponse()
        text = answer.read()
        # Metrics alone are no JSON.
        return answer.status, json.loads(text or b"null") if b"# HELP" not in text[:10] else {}

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def caller(node: Daemon) -> Iterator[Caller]:
    made = Caller(node)
    yield made
    made.close()


def test_every_call_is_for_the_roles_of_the_table_and_nobody_else(node: Daemon, caller: Caller) -> None:
    paths: dict[str, dict[str, object]] = caller("GET", "/v1/openapi.json")[1]["paths"]  # type: ignore[assignment]
    routes = {
        (method.upper(), path)
        for path, methods in paths.items()
        for method in methods
        if path.startswith("/v1/") or path == "/metrics"
    }
    assert routes == set(ROUTES) | OPEN, "each call has a line in the table, and each line a call"
    sessions = {role: node.client.sign_in(role, PASSWORD).secret for role in ROLES}
    seen = set()
    for role, secret in sessions.items():
        for method, path in sorted(ROUTES):
            if (method, path) in {("DELETE", "/v1/session"), ("GET", "/v1/doctor")}:
                continue  # the last would end what is tested; the doctor waits for the network
            # What no call takes, so that those that are permitted do nothing.
            body = {"nothing takes this": 1} if method == "POST" else None
            status, answer = caller(method, re.sub(r"\{\w+\}", "99", path), secret, body)
            code = answer.get("code") if isinstance(answer, dict) else None
            may = ROUTES[method, path] in OF_ROLE[role]
            assert ((status, code) != (403, "CT-5011")) == may, (role, method, path, status, code)
            assert code != "CT-5010"
            assert status < 500, (role, method, path, answer)
            seen.add((role, may))
    assert seen == {(role, may) for role in ROLES for may in (True, False)}


def test_duties_are_apart() -> None:
    calls = {role: {call for call, needed in ROUTES.items() if needed in OF_ROLE[role]} for role in OF_ROLE}
    changing = {role: {(m, p) for m, p in calls[role] if m != "GET" and "session" not in p} for role in calls}
    for one in ROLES:
        for other in ROLES:
            assert one == other or not changing[one] & changing[other], (one, other)
    assert changing["auditor"] == changing["reader"] == set()
    assert ("POST", "/v1/jobs") in changing["analyst"]
    assert {("POST", "/v1/agreements/{name}/sign"), ("POST", "/v1/jobs/{job}/approve")} <= changing["steward"]
    assert {("POST", "/v1/peers"), ("POST", "/v1/datasets"), ("POST", "/v1/tapes")} <= changing["operator"]
    named = ("agreements", "ledger", "session", "plan", "version", "identity", "refused")
    assert {path for _, path in calls["auditor"] if not any(word in path for word in named)} == set()
    assert [role for role in calls if ("POST", "/v1/users") in calls[role]] == ["admin"]
    assert calls["admin"] == set(ROUTES)


def test_sessions_end_and_follow_their_user(node: Daemon) -> None:
    node.client.add_user("alice", ["analyst"], PASSWORD)
    made = node.client.sign_in("alice", PASSWORD)
    assert made.secret not in repr(made)
    fingerprint = node.client.identity().api_fingerprint
    with Client(node.client.url, made.secret, fingerprint) as alice:
        assert (alice.session().name, alice.session().roles) == ("user alice", ("analyst",))
        with refused("CT-5011"):
            alice.ledger()
        node.client.set_roles("alice", ["auditor"])
        alice.ledger()
        with refused("CT-5011"):
            alice.jobs()
        alice.sign_out()
        with refused("CT-5010"):
            alice.session()
    secret = node.client.sign_in("alice", PASSWORD).secret
    with Client(node.client.url, secret, fingerprint) as alice:
        alice.change_password(PASSWORD, other := PASSWORD + "!")
        with refused("CT-5010"):
            alice.session()
    secret = node.client.sign_in("alice", other).secret
    assert node.client.disable_user("alice").sessions == 0
    with Client(node.client.url, secret, fingerprint) as alice, refused("CT-5010"):
        alice.session()
    with refused("CT-5120"):
        node.client.sign_in("alice", other)
    files = [path for path in node.home.rglob("*") if path.is_file()]
    for known in (secret, made.secret, PASSWORD):
        assert [path for path in files if known.encode() in path.read_bytes()] == []
    events = [
        entry.body["event"] for entry in node.client.ledger(kind="people") if entry.body["user"] == "alice"
    ]
    assert events == ["added", "roles", "password", "disabled"]
    for bad, code in (("alice", "CT-5124"), ("Alice", "CT-5012")):
        with refused(code):
            node.client.add_user(bad, ["analyst"], PASSWORD)
    with refused("CT-5125"):
        node.client.add_user("bob", ["analyst"], "short")
    with refused("CT-5123"):
        node.client.disable_user("bob")
    assert node.client.session().name == "owner"


def test_failures_wait_and_are_written_down(node: Daemon, caller: Caller) -> None:
    tried = secrets.token_hex(12)
    for who in ("operator", "nobody-known"):
        answers = [caller("POST", "/v1/session", None, {"name": who, "password": tried}) for _ in range(5)]
        assert {(status, answer["code"]) for status, answer in answers} <= {
            (401, "CT-5120"),
            (429, "CT-5121"),
        }
    assert (429, "CT-5121") in {(status, answer["code"]) for status, answer in answers}
    caller("GET", "/v1/jobs", tried)
    lines = {(one.who, one.route, one.code): one for one in node.client.refused_calls()}
    assert lines["nobody", "POST /v1/session", "CT-5121"].address == "127.0.0.1"
    assert lines["nobody", "GET /v1/jobs", "CT-5010"].count >= 1
    assert ("user auditor", "POST /v1/jobs/{job}/approve", "CT-5011") in lines
    assert tried not in repr(lines)


def test_a_token_has_so_many_calls_and_the_owner_all(node: Daemon, caller: Caller) -> None:
    token = node.client.create_token("busy", "reader").secret
    answers = [caller("GET", "/v1/version", token) for _ in range(170)]
    assert answers[0][0] == 200
    assert (429, "CT-5122") in {(status, answer.get("code")) for status, answer in answers}
    for _ in range(170):
        node.client.version()


def test_signing_in_on_the_command_line(node: Daemon, tmp_path: Path) -> None:
    folder, owner = str(tmp_path / "carol"), str(node.home)
    add = call(
        "--home",
        owner,
        "user",
        "add",
        "carol",
        "--role",
        "analyst",
        "--role",
        "auditor",
        "--password-stdin",
        text=PASSWORD + "\n",
    )
    assert add.status == 0, add.err
    assert call("--home", folder, "login", "carol", "--password-stdin", text=PASSWORD).code == "CT-6008"
    door = ("--url", node.client.url, "--fingerprint", node.client.identity().api_fingerprint)
    said = call("--home", folder, "login", "carol", *door, "--password-stdin", text=PASSWORD + "\n")
    while said.code == "CT-5121":  # failures of the tests before; at most a second
        said = call("--home", folder, "login", "carol", *door, "--password-stdin", text=PASSWORD + "\n")
    assert said.status == 0, said.err
    kept = tmp_path / "carol" / "session.json"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert json.loads(kept.read_text())["secret"] not in said.out
    assert call("--home", folder, "ledger", "head").status == 0
    assert call("--home", folder, "peer", "invite").code == "CT-5011"
    assert call("--home", folder, "logout").status == 0
    assert call("--home", folder, "logout").code == "CT-6007"
    names = {one["name"] for one in call("--home", owner, "user", "list", "--json").json}
    assert {"carol", *ROLES} <= names


def test_passwords_of_nobody_are_looked_at_for_as_long() -> None:
    nobody, known = users._of_nobody(), users._HASHER.hash("correct horse battery")
    assert extract_parameters(nobody) == extract_parameters(known)
    with pytest.raises(VerifyMismatchError):  # hashed, and differed: what is no hash is told at once
        users._HASHER.verify(nobody, "correct horse battery")


def test_waits_double_and_success_forgives_itself_alone() -> None:
    now = [0.0]
    delays = SignInDelays(PeopleSettings(free_failures=2, longest_wait=60), lambda: now[0])
    for _ in range(2):
        delays.begin("10.0.0.1")
    waits = []
    for _ in range(8):
        delays.begin("10.0.0.1")
        with pytest.raises(Exception, match=SIGN_IN_SLOWED.code) as error:
            delays.begin("10.0.0.1")
        waits.append(int(re.findall(r"wait (\d+) s", str(error.value))[0]))
        now[0] += waits[-1]
    assert waits == [2, 4, 8, 16, 32, 60, 60, 60]
    delays.begin("10.0.0.2")
    delays.begin("10.0.0.1")
    delays.succeeded("10.0.0.1")
    delays.begin("10.0.0.1")  # the own success is forgiven, the guesses before are not
    with pytest.raises(Exception, match=SIGN_IN_SLOWED.code):
        delays.begin("10.0.0.1")
    now[0] += 3600
    for _ in range(3):
        delays.begin("10.0.0.1")


def test_one_line_is_one_caller() -> None:
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff:1") != network_of("2001:db8:0:1::1")
    assert network_of("::ffff:10.0.0.1") == network_of("10.0.0.1") != network_of("10.0.0.2")
    assert network_of("gone") == "gone"


def test_a_bucket_fills_again() -> None:
    now = [0.0]
    rates = CallRates(PeopleSettings(calls_at_once=3, calls_per_second=2), lambda: now[0])
    for _ in range(3):
        rates.take("a")
    with pytest.raises(Exception, match=CALLS_SLOWED.code):
        rates.take("a")
    rates.take("b")
    now[0] += 0.5
    rates.take("a")
    with pytest.raises(Exception, match=CALLS_SLOWED.code):
        rates.take("a")


async def _flood(refusals: Refusals) -> None:
    for number in range(log.LINES + 50):
        refusals.note("nobody", "GET /v1/jobs", "CT-5010", f"10.0.{number // 256}.{number % 256}")
    for _ in range(1000):
        refusals.note("user eve", "POST /v1/peers", "CT-5011", "10.9.9.9")


def test_a_flood_fills_no_disk_and_hides_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log, "LINES", 100)
    store = Store(tmp_path / "store.sqlite")
    refusals = Refusals(store)
    asyncio.run(_flood(refusals))
    found = refusals.views(10_000)
    assert len(found) == log.LINES + 2
    assert sum(one.count for one in found) == log.LINES + 50 + 1000
    assert [one.count for one in found if one.who == "user eve"] == [1000]
    assert [one.count for one in found if one.address == "(any)"] == [50]
    again = Refusals(store)  # after a restart the day goes on
    asyncio.run(_flood(again))
    assert len(again.views(10_000)) == log.LINES + 2
    store.close()
