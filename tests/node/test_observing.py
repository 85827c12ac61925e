"""What a node shows of itself to monitors and in logs: alive, ready, what happened, and nothing of rows."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import ssl
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from coterie.node import api_door
from tests.node.conftest import BEHAVIOUR, CUSTOMERS, Daemon, Trio, ended


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


def ready(daemon: Daemon, *, wanted: bool = True) -> dict[str, bool]:
    """What the owner of a token is told, once it is so: a finding is good for a second."""
    deadline = time.monotonic() + 20
    while (view := daemon.client.ready()).ready is not wanted:
        assert time.monotonic() < deadline, view
        time.sleep(0.05)
    assert view.ready is (asked(daemon, "/readyz")[0] == 200)
    assert daemon.address.rpartition(":")[2] not in view.model_dump_json()
    return {one.name: one.ready for one in view.checks}


def test_a_node_is_alive_and_ready(trio: Trio) -> None:
    assert asked(trio.payments, "/healthz") == (200, "ok\n")
    # It asks the hub every second, and knew it when it was introduced.
    assert ready(trio.payments) == dict.fromkeys(("serving", "store", "ledger", "keys", "peer hub"), True)
    assert json.loads(asked(trio.payments, "/v1/ready")[1])["code"] == "CT-5010"


def test_a_node_without_its_key_is_not_ready_and_tells_strangers_no_more(trio: Trio) -> None:
    key = trio.payments.home / "identity" / "key.pem"
    away = key.rename(key.with_suffix(".away"))
    try:
        checks = ready(trio.payments, wanted=False)
        assert asked(trio.payments, "/readyz") == (503, "not ready\n")
        assert asked(trio.payments, "/healthz") == (200, "ok\n")
    finally:
        away.rename(key)
    assert [name for name, found in checks.items() if not found] == ["keys"]
    assert all(ready(trio.payments).values())


@pytest.mark.parametrize("path", ["/healthz/", "/metrics", "/readyz/x"])
def test_all_else_needs_a_token(trio: Trio, path: str) -> None:
    assert asked(trio.payments, path)[0] == 401


NUMBER = 31337.125
"""Of which the numbers of the rows below are made: in no log by chance."""

WATCHED = """[{name: watched-customers, owner: lender, id: customer, label: bad, columns: [age]},
  {name: watched-behaviour, owner: payments, id: user, columns: [flow, ratio]}]"""


@pytest.fixture(scope="module")
def canaries(trio: Trio, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What a job went through to its end, and another into an error; and what that one says of a row."""
    folder = tmp_path_factory.mktemp("watched")
    people = [f"canary-{n:03d}-perched" for n in range(60)]
    numbers = [f"{NUMBER + n:.3f}" for n in range(60)]
    rows = [
        f"{one},{n % 2},{number},0.5" for n, (one, number) in enumerate(zip(people, numbers, strict=True))
    ]
    (folder / "customers.csv").write_text("\n".join(["customer,bad,age,secret", *rows]) + "\n")
    rows = [f"{one.upper()},{number},0.25" for one, number in zip(people, numbers, strict=True)]
    (folder / "behaviour.csv").write_text("\n".join(["user,flow,ratio", *rows]) + "\n")
    trio.lender.client.add_dataset(CUSTOMERS.replace("name: customers", "name: watched-customers"), folder)
    trio.payments.client.add_dataset(BEHAVIOUR.replace("name: behaviour", "name: watched-behaviour"), folder)
    agreement = trio.agree(datasets=WATCHED, approval="{lender: automatic, payments: person}")
    spec = (
        trio.job(agreement)
        .replace("customers", "watched-customers")
        .replace("behaviour", "watched-behaviour")
    )
    done, broken = (trio.lender.client.submit(spec).id for _ in range(2))
    trio.payments.client.approve(done)
    assert ended(trio.lender.client, done).state == "done"
    rows[7] = rows[7].replace(numbers[7], "canary-in-a-number")
    (folder / "behaviour.csv").write_text("\n".join(["user,flow,ratio", *rows]) + "\n")
    trio.payments.client.approve(broken)
    failed = ended(trio.payments.client, broken)
    assert failed.error is not None
    assert "'flow', line 9" in failed.error.detail  # for the owner's own people
    assert failed.error.code in (trio.payments.home / "node.log").read_text()
    return [*people, *(one.upper() for one in people), *numbers, "canary-in-a-number", failed.error.detail]


def logs_of(daemon: Daemon) -> dict[Path, str]:
    """All that a node and its workers have written for people and collectors."""
    found = [*daemon.home.glob("*.log*"), *daemon.home.glob("jobs/*/worker.log")]
    return {path: path.read_text() for path in found}


def test_no_log_and_no_answer_holds_rows_or_keys(trio: Trio, canaries: list[str]) -> None:
    for daemon in trio.all:
        secret = [api_door(daemon.home).token]
        for key in (daemon.home / "identity").glob("*key.pem"):
            secret += [line for line in key.read_text().splitlines() if len(line) > 40]
        with contextlib.closing(sqlite3.connect(daemon.home / "store.sqlite")) as store:
            secret += [key for (key,) in store.execute("select id_key from agreements") if key]
        assert len(secret) > 2
        written = logs_of(daemon)
        assert any(path.name == "worker.log" for path in written)
        for path, text in written.items():
            assert [one for one in (*canaries, *secret) if str(one) in text] == [], path
        client = daemon.client
        told = [repr(one) for one in (client.doctor(), client.ready(), client.datasets(), client.ledger())]
        told += [repr(one) for one in client.jobs() if one.error is None]
        assert [one for one in (*canaries, *secret) if str(one) in "".join(told)] == []


def test_logs_are_json_where_that_is_wanted(trio: Trio, canaries: list[str]) -> None:
    events = []
    for path, text in logs_of(trio.payments).items():
        events += [json.loads(line) for line in text.splitlines()] if path.name != "console.log" else []
    assert all({"time", "level", "event", "party", "message"} <= set(one) for one in events)
    assert {one["party"] for one in events} == {"payments"}
    job = trio.payments.client.jobs()[0]
    assert job.error is not None
    ends = [one for one in events if one.get("job") == job.id and one.get("code") == job.error.code]
    assert {one["logger"] for one in ends} == {"coterie.node", "coterie.worker"}
    assert {one["step"] for one in ends} == {job.error.step}
    with pytest.raises(json.JSONDecodeError):  # the others are asked for text
        json.loads((trio.lender.home / "node.log").read_text().splitlines()[0])
