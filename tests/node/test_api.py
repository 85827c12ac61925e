"""Who may call the API, and what it answers to those who may not or ask wrongly."""

from __future__ import annotations

import json
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from coterie.client import Client
from coterie.errors import CoterieError
from coterie.node import Check, api_door
from coterie.node.doctor import SLOW_STORE, Doctor
from coterie.node.errors import STORE_UNUSABLE
from tests.node.conftest import Trio, refused


def raw(trio: Trio, path: str, body: bytes | None = None, token: str | None = None) -> tuple[int, bytes]:
    """A request by another HTTP client than ours."""
    context = ssl.create_default_context(cafile=str(trio.lender.home / "identity" / "api-cert.pem"))
    request = urllib.request.Request(f"https://{trio.lender.address}/v1{path}", data=body)
    if body is not None:
        request.add_header("Content-Type", "application/json")
    if token is not None:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, context=context, timeout=10) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_health_needs_no_token_and_everything_else_does(trio: Trio) -> None:
    status, body = raw(trio, "/health")
    assert (status, json.loads(body)["status"]) == (200, "ok")
    paths = json.loads(raw(trio, "/openapi.json")[1])["paths"]
    for path, methods in paths.items():
        if "get" in methods and path not in ("/v1/health", "/healthz", "/readyz", "/v1/session/oidc"):
            status, body = raw(trio, path.removeprefix("/v1").replace("{job}", "x").replace("{name}", "x"))
            assert (path, status, json.loads(body)["code"]) == (path, 401, "CT-5010")


def test_errors_are_coded_json(trio: Trio) -> None:
    token = api_door(trio.lender.home).token
    status, body = raw(trio, "/nothing", token=token)
    error = json.loads(body)
    assert (status, error["code"], error["family"]) == (404, "CT-5014", "BadInput")
    assert set(error) == {"code", "family", "title", "detail", "next_step", "party", "step"}
    assert raw(trio, "/jobs", b"{", token)[0] == 400
    assert json.loads(raw(trio, "/jobs", b'{"spec": "x", "more": 1}', token)[1])["code"] == "CT-5012"
    status, body = raw(trio, "/jobs", b'{"spec": "' + b"x" * 3_000_000 + b'"}', token)
    assert (status, json.loads(body)["code"]) == (413, "CT-5013")


def test_roles(trio: Trio) -> None:
    url, fingerprint = trio.lender.client.url, api_door(trio.lender.home).fingerprint
    made = {role: trio.lender.client.create_token(f"a {role}", role) for role in ("reader", "analyst")}  # type: ignore[arg-type]
    for token in made.values():
        assert token.secret not in repr(token)
    with (
        Client(url, made["reader"].secret, fingerprint) as reader,
        Client(url, made["analyst"].secret, fingerprint) as analyst,
    ):
        assert reader.jobs() == analyst.jobs() == trio.lender.client.jobs()
        with refused("CT-5011"):
            reader.submit("x")
        with refused("CT-4001"):
            analyst.submit("x")
        for forbidden in (analyst.invite, analyst.tokens, lambda: analyst.sign_agreement("x")):
            with refused("CT-5011"):
                forbidden()
        trio.lender.client.remove_token(made["reader"].id)
        with refused("CT-5010"):
            reader.jobs()
    assert "a reader" not in {token.name for token in trio.lender.client.tokens()}
    with refused("CT-5012"):
        trio.lender.client.remove_token("home")


def test_secrets_are_not_kept(trio: Trio) -> None:
    secret = trio.lender.client.create_token("kept").secret
    trio.lender.client.health()
    files = [path for path in trio.lender.home.rglob("*") if path.is_file() and path.name != "token"]
    for known in (secret, api_door(trio.lender.home).token):
        assert [path for path in files if known.encode() in path.read_bytes()] == []


def test_another_certificate_is_refused_before_the_token_is_sent(trio: Trio) -> None:
    stranger = Client(trio.lender.client.url, "secret", "sha256:" + "0" * 64)
    with stranger, refused("CT-6051"):
        stranger.jobs()


def test_no_node_at_the_address() -> None:
    with Client("https://127.0.0.1:1", "token", "sha256:" + "0" * 64) as client, refused("CT-6050"):
        client.health()


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"url": "https://h:1"},
        {"url": "h", "token": "t", "fingerprint": "sha256:" + "0" * 64},
        {"url": "https://h:1", "token": "t", "fingerprint": ""},
        {"url": "https://h:1", "token": "t", "fingerprint": "sha256:"},
    ],
)
def test_a_client_needs_to_know_whom_it_calls(arguments: dict[str, str]) -> None:
    with refused("CT-6053"):
        Client(**arguments)  # type: ignore[arg-type]


def test_components_and_version(trio: Trio) -> None:
    found = {one.name: one for one in trio.lender.client.components()}
    assert "mpc" in found["align"].engines
    assert "test" in found["split"].parameters["properties"]
    assert trio.lender.client.version().api == "1"
    identity = trio.lender.client.identity()
    assert (identity.name, identity.address) == ("lender", trio.lender.address)
    assert identity.api_fingerprint == api_door(trio.lender.home).fingerprint


def test_the_doctor_finds_a_healthy_node_healthy_and_names_what_is_not(trio: Trio) -> None:
    checks = {one.name: one for one in trio.lender.client.doctor()}
    assert {
        "keys",
        "rights",
        "disk",
        "ledger",
        "store",
        "port",
        "address",
        "peer hub",
        "clock of payments",
    } <= set(checks)
    own = {"keys", "rights", "disk", "ledger", "store", "port", "address", "peer hub", "peer payments"}
    assert {name for name, one in checks.items() if one.status == "fail"} & own == set()
    key = trio.lender.home / "identity" / "api-key.pem"
    key.chmod(0o644)
    try:
        rights = next(one for one in trio.lender.client.doctor() if one.name == "rights")
    finally:
        key.chmod(0o600)
    assert rights.status == "fail"
    assert str(key) in rights.detail
    assert rights.next_step


def test_the_doctor_names_a_store_that_takes_no_change_or_takes_long() -> None:
    @contextmanager
    def session(error: CoterieError | None) -> Iterator[Any]:
        if error is None:
            time.sleep(SLOW_STORE + 0.1)
        yield SimpleNamespace(merge=lambda row: row)
        if error is not None:
            raise error  # as a full disk shows: when the change is committed

    def check(error: CoterieError | None) -> Check:
        store = SimpleNamespace(session=lambda: session(error))
        return Doctor(cast("Any", SimpleNamespace(store=store)), cast("Any", None))._store()

    full = check(STORE_UNUSABLE("disk I/O error"))
    assert (full.status, full.detail[:7], bool(full.next_step)) == ("fail", "CT-5005", True)
    assert check(None).status == "warn"


def test_datasets(trio: Trio, tmp_path: Path) -> None:
    view = trio.lender.client.dataset("customers")
    assert (view.rows, view.owner) == (300, "lender")
    assert {column.name: column.role for column in view.columns}["bad"] == "label"
    with refused("CT-5030"):
        trio.lender.client.add_dataset(CUSTOMERS_AGAIN, trio.data)
    with refused("CT-5031"):
        trio.lender.client.dataset("nothing")
    with refused("CT-5034"):
        trio.hub.client.add_dataset(CUSTOMERS_AGAIN, trio.data)
    (tmp_path / "t.csv").write_text("id,x\na,1\na,2\n")
    text = "name: twice\nsource: {kind: csv, path: t.csv}\ncolumns:\n- {name: id, type: text, role: id}\n"
    text += "- {name: x, type: int}\n"
    with pytest.raises(Exception, match=r"CT-1[45]\d\d"):
        trio.lender.client.add_dataset(text, tmp_path)
    (tmp_path / "t.csv").write_text("id,x\na,1\nb,2\n")
    assert trio.lender.client.add_dataset(text, tmp_path).rows == 2
    trio.lender.client.remove_dataset("twice")
    (tmp_path / "t.csv").write_text("id,x\na,1\n,2\na,3\nb,4\n")
    some = text.replace("columns:", "missing_ids: skip\nduplicates: first\ncolumns:")
    view = trio.lender.client.add_dataset(some, tmp_path)
    assert (view.rows, view.ids, view.without_id, view.repeated) == (2, 2, 1, 1)
    assert trio.lender.client.dataset("twice") == view
    assert view in trio.lender.client.datasets()
    trio.lender.client.remove_dataset("twice")
    view = trio.lender.client.add_dataset(some.replace("first", "all"), tmp_path)
    assert (view.rows, view.ids, view.without_id, view.repeated) == (3, 2, 1, 0)
    trio.lender.client.remove_dataset("twice")
    names = [one.name for one in trio.lender.client.datasets()]
    assert "customers" in names
    assert "twice" not in names


CUSTOMERS_AGAIN = """\
name: customers
source: {kind: csv, path: customers.csv}
columns: [{name: customer, type: text, role: id}, {name: age, type: float}]
"""
