"""Common columns before there is an agreement: who may compare, how often, and what is learned."""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from coterie.client import Client
from coterie.crypto import Identity, now, timestamp
from coterie.ledger import Ledger, verify
from coterie.node import SchemaRunView, init_node
from coterie.node.comparing import MOST_COLUMNS, compare, normal
from coterie.node.core import Core
from coterie.node.home import Home
from coterie.node.messages import Ok, SchemaQuestion
from coterie.node.schemas import Run
from coterie.node.services import Services
from coterie.node.store import Store
from coterie.node.views import ColumnView
from coterie.wire import LinkMesh, local_meshes
from tests.cli.conftest import Said, call
from tests.wire.network import Network

from .conftest import Daemon, Trio, refused
from .test_agreements import as_peer

TABLES = {
    "lender": {
        "Kunden-Nr": "text id",
        "Age": "float",
        "Annual Income": "float",
        "bad": "int label",
        "city": "text",
    },
    "payments": {"user": "text id", "age": "float", "annual_income": "float", "BAD": "int", "city": "int"},
}


def described(name: str, columns: dict[str, str]) -> str:
    listed = []
    for column, words in columns.items():
        kind, *role = words.split()
        listed.append({"name": column, "type": kind} | ({"role": role[0]} if role else {}))
    return yaml.safe_dump({"name": name, "source": {"kind": "csv", "path": f"{name}.csv"}, "columns": listed})


def add(daemon: Daemon, folder: Path, name: str, columns: dict[str, str]) -> None:
    """A table of three rows."""
    texts = {"text id": "t{0}", "text": "t{0}", "float": "{0}.5", "int": "{0}", "int label": "1"}
    rows = [",".join(texts[words].format(row) for words in columns.values()) for row in range(3)]
    (folder / f"{name}.csv").write_text("\n".join([",".join(columns), *rows]) + "\n")
    daemon.client.add_dataset(described(name, columns), folder)


def over(client: Client, run: str) -> SchemaRunView:
    """The comparison, when it has ended here."""
    deadline = time.monotonic() + 20
    while (found := client.schema_run(run)).state == "running":
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found


@pytest.fixture(scope="module")
def loans(trio: Trio, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Trio]:
    for daemon in (trio.lender, trio.payments):
        add(daemon, tmp_path_factory.mktemp(daemon.name), "schema-loans", TABLES[daemon.name])
    yield trio
    for daemon in (trio.lender, trio.payments):
        daemon.client.remove_dataset("schema-loans")


def test_two_parties_learn_what_both_have_as_often_as_it_was_offered(loans: Trio) -> None:
    def cli(*words: str) -> Said:
        return call("--home", str(loans.payments.home), "schema", *words)

    lender, payments = loans.lender.client, loans.payments.client
    with refused("CT-5100") as caught:
        lender.common_schema("schema-loans", {"payments": None})
    assert caught.value.party == "payments"
    assert payments.ledger(kind="refusal")[-1].body["code"] == "CT-5100"
    offered = cli("offer", "schema-loans", "--to", "lender", "--runs", "2")
    assert offered.status == 0, offered.err
    found = lender.common_schema("schema-loans", {"payments": None})
    assert [(one.name, one.common, one.type, one.role) for one in found.common] == [
        ("Age", "age", "float", "feature"),
        ("Annual Income", "annual_income", "float", "feature"),
        ("bad", "bad", "int", "label"),
    ]
    line = yaml.safe_load(found.draft)[0]
    assert line == {
        "name": "schema-loans",
        "owner": "lender",
        "id": "Kunden-Nr",
        "label": "bad",
        "columns": ["Age", "Annual Income"],
    }
    theirs = over(payments, found.id)
    assert (theirs.id, theirs.state, theirs.asked_by) == (found.id, "done", "lender")
    assert [one.name for one in theirs.common] == ["age", "annual_income", "BAD"]
    assert "columns: [age, annual_income, BAD]" in cli("show").out
    for daemon in (loans.lender, loans.payments):
        entries = [one.body for one in daemon.client.ledger(kind="schema")]
        began, compared = entries[-2:]
        assert (began["event"], began["parties"], began["by"]) == ("began", ["lender", "payments"], "lender")
        assert (compared["event"], compared["common"], began["run"]) == ("compared", 3, compared["run"])
        assert verify(daemon.home / "ledger").ok
    sent = compared["sent"]["lender"]
    assert lender.common_schema("schema-loans", {"payments": "schema-loans"}).state == "done"
    over(payments, "last")
    assert payments.ledger(kind="schema")[-1].body["sent"] == {"lender": sent}
    with refused("CT-5101"):
        lender.common_schema("schema-loans", {"payments": None})
    (offer,) = payments.schema_offers()
    assert (offer.used, offer.runs) == (2, 2)
    assert "2 of 2" in cli("list").out
    payments.withdraw_schema("schema-loans")
    assert not payments.schema_offers()
    with refused("CT-5104"):
        payments.withdraw_schema("schema-loans")
    with refused("CT-5104"):
        payments.schema_run("none")


def test_what_is_not_offered_to_all_is_refused(loans: Trio, tmp_path: Path) -> None:
    lender, payments, hub = loans.lender.client, loans.payments.client, loans.hub.client
    offer = payments.offer_schema("schema-loans", ["lender"], columns=["age"])
    assert offer.columns == ("age",)
    with refused("CT-5100"):  # the hub would learn it, too
        lender.common_schema("schema-loans", {"payments": None, "hub": None})
    with refused("CT-5100"):
        lender.common_schema("schema-loans", {"payments": "behaviour"})
    for others, code in (({"lender": None}, "CT-5105"), ({"nobody": None}, "CT-5020")):
        with refused(code):
            lender.common_schema("schema-loans", others)
    with refused("CT-5031"):
        lender.common_schema("nothing", {"payments": None})
    with refused("CT-5105"):
        payments.offer_schema("schema-loans", ["lender"], columns=["flow"])
    with refused("CT-5030|CT-5034"):
        hub.offer_schema("schema-loans", ["lender"])
    add(loans.lender, tmp_path, "schema-twice", {"id": "text id", "a b": "int", "A-B": "int"})
    with refused("CT-5102"):
        lender.offer_schema("schema-twice", ["payments"])
    lender.remove_dataset("schema-twice")
    assert [one.name for one in lender.common_schema("schema-loans", {"payments": None}).common] == ["Age"]
    payments.withdraw_schema("schema-loans")


def test_what_dishonest_peers_ask(loans: Trio) -> None:
    payments = loans.payments.client
    payments.offer_schema("schema-loans", ["lender"], runs=1)
    client, there = as_peer(loans.lender, loans.payments)

    def ask(run: str, *parties: str, begin: bool) -> None:
        question = SchemaQuestion(run=run, parties=parties, dataset=None, begin=begin)
        asyncio.run(client.call(there, "schema", question, Ok))

    run = secrets.token_hex(16)
    for parties in (("hub", "payments"), ("payments", "lender"), ("lender", "lender"), ("hub", "lender")):
        with refused("CT-5105"):
            ask(run, *parties, begin=False)
    with refused("CT-5105"):
        ask(run, "lender", "payments", begin=True)
    ask(run, "lender", "payments", begin=False)
    with refused("CT-5105"):
        ask(run, "lender", "payments", begin=False)
    with refused("CT-5106"):
        for _ in range(8):
            ask(secrets.token_hex(16), "lender", "payments", begin=False)
    assert payments.schema_offers()[0].used == 0
    ask(run, "lender", "payments", begin=True)  # and takes no part
    seen = over(payments, run)
    assert seen.error is not None
    assert (seen.state, seen.error.code, seen.common) == ("failed", "CT-5050", ())
    assert payments.ledger(kind="schema")[-1].body["code"] == "CT-5050"
    assert payments.schema_offers()[0].used == 1
    payments.withdraw_schema("schema-loans")
    with refused("CT-5100"):
        ask(run, "lender", "payments", begin=True)


def test_a_silent_peer_holds_nothing_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("coterie.node.schemas.RUN_SECONDS", 0.2)
    parties = ("lender", "payments")
    network = Network({name: Identity.create(tmp_path / name, name) for name in parties})
    init_node(tmp_path / "home", "lender", listen="127.0.0.1:7300", address=None, role="node")
    column = ColumnView(name="age", type="float", role="feature", nullable=False)

    async def compared(mesh: LinkMesh) -> None:
        home = Home.open(tmp_path / "home")
        store = Store(home.store_file)
        with Ledger(home.ledger, home.identity()) as ledger:
            schemas = Services.of(Core(home, home.identity(), store, ledger)).schemas
            run = Run("1" * 32, parties, "payments", "loans", (column,), None, timestamp(now()), 0.0, mesh)
            done, failure = await schemas._work(run)
            assert failure is not None
            assert (failure.code, done.state) == ("CT-5103", "failed")
            assert (await schemas.runs()) == [done]
            (entry,) = ledger.entries("schema")
            assert entry.body["code"] == "CT-5103"
        store.close()

    try:
        mine, _silent = network.join(*parties)
        asyncio.run(compared(mine))
    finally:
        network.close()


COLUMNS = {
    "a": ("x", "y", "only a b", "only a c", "z"),
    "b": ("Y", "only-a-b", "z", "X", "b"),
    "c": ("z", "ONLY_A_C", "x"),
}


def test_three_learn_what_all_have_and_send_as_much_whatever_they_have() -> None:
    meshes = local_meshes(list(COLUMNS))
    found: dict[str, list[str]] = {}

    def play(name: str) -> None:
        columns = [ColumnView(name=one, type="int", role="feature", nullable=False) for one in COLUMNS[name]]
        found[name] = [one.name for one in compare(meshes[name], "0" * 32, tuple(COLUMNS), columns)]

    threads = [threading.Thread(target=play, args=(name,)) for name in COLUMNS]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert found == {"a": ["x", "z"], "b": ["z", "X"], "c": ["z", "x"]}
    # Tables and points are of the bound's length: of b and c, whose numbers of columns differ, both are.
    sent = {name: meshes[name].egress()["schema"]["a"].sent for name in ("b", "c")}
    assert sent["b"] == sent["c"] > MOST_COLUMNS * 32


@given(st.text(min_size=1, max_size=20))
def test_a_normal_name_stays_and_spelling_does_not_count(name: str) -> None:
    assert normal(normal(name)) == normal(name)
    assert normal(f" {name.upper().lower()}-") == normal(name.upper().lower())


@pytest.mark.parametrize("name", ["annual income", "Annual-Income", "ANNUAL_INCOME ", "annual\u2013income"])
def test_spellings(name: str) -> None:
    assert normal(name) == "annual_income"
    assert normal("annualincome") != "annual_income"
