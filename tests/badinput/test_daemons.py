"""What goes wrong between real nodes, or at a node's door: the same code at everybody, within seconds."""

from __future__ import annotations

import http.client
import json
import ssl
import struct
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from coterie.crypto import Identity, now, timestamp
from coterie.node import AgreementView, JobView, api_door
from tests.node.conftest import BEHAVIOUR, CUSTOMERS, Daemon, Trio, ended, refused
from tests.wire.rawpeer import tls_client

TEN_GIGABYTES = 10 * 2**30
CUSTOMERS_TERMS = "  - {{name: {name}, owner: lender, id: customer, label: bad, columns: [age]}}"
BEHAVIOUR_TERMS = "  - {{name: {name}, owner: payments, id: user, columns: [flow, ratio]}}"


def resident(daemon: Daemon) -> int:
    """Bytes of memory that a daemon holds."""
    status = Path(f"/proc/{daemon.pid}/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmRSS:"))


def agree_on(trio: Trio, customers: str = "customers", behaviour: str = "behaviour") -> AgreementView:
    """An agreement about other datasets than usual."""
    lines = [CUSTOMERS_TERMS.format(name=customers), BEHAVIOUR_TERMS.format(name=behaviour)]
    return trio.agree(datasets="\n" + "\n".join(lines))


def ended_alike(trio: Trio, job: JobView, code: str, party: str, step: str) -> None:
    for daemon in trio.all:
        view = ended(daemon.client, job.id, 40)
        assert view.error is not None
        found = (daemon.name, view.state, view.error.code, view.error.party, view.error.step)
        assert found == (daemon.name, "failed", code, party, step)
        told = [entry.body for entry in daemon.client.ledger(kind="job", job=job.id)]
        assert [body["code"] for body in told if body["event"] == "ended"] == [code]
        assert told[-1]["event"] in ("ended", "destroyed")
    deadline = time.monotonic() + 15
    while any(daemon.workers() for daemon in trio.all):
        assert time.monotonic() < deadline, "a worker is left over"
        time.sleep(0.05)


def test_a_label_with_three_values_ends_the_job_everywhere(trio: Trio, tmp_path: Path) -> None:
    header, *rows = (trio.data / "customers.csv").read_text().splitlines()
    table = "\n".join([header, *(row.replace(",1,", ",2,") if n % 2 else row for n, row in enumerate(rows))])
    (tmp_path / "customers.csv").write_text(table)
    trio.lender.client.add_dataset(CUSTOMERS.replace("name: customers", "name: three", 1), tmp_path)
    agreement = agree_on(trio, customers="three")
    spec = trio.job(agreement, "[align, split]").replace("lender: customers", "lender: three")
    job = trio.lender.client.submit(spec)
    ended_alike(trio, job, "CT-1502", "lender", "split")


def test_a_file_that_is_gone_since_it_was_registered(trio: Trio, tmp_path: Path) -> None:
    table = tmp_path / "behaviour.csv"
    table.write_bytes((trio.data / "behaviour.csv").read_bytes())
    trio.payments.client.add_dataset(BEHAVIOUR.replace("name: behaviour", "name: fleeting", 1), tmp_path)
    agreement = agree_on(trio, behaviour="fleeting")
    table.unlink()
    with refused("CT-1410") as caught:
        trio.lender.client.submit(trio.job(agreement).replace("payments: behaviour", "payments: fleeting"))
    assert caught.value.party == "payments"
    assert str(tmp_path) not in caught.value.detail, "a peer learns where a party keeps its files"


def test_a_column_that_is_not_granted(trio: Trio) -> None:
    spec = trio.job(trio.agree())
    with refused("CT-1628") as caught:
        trio.lender.client.submit(spec + "columns: {lender: [secret]}\n")
    assert "secret" in caught.value.detail
    assert trio.lender.client.ledger(kind="refusal")[-1].body["code"] == "CT-1628"


def test_an_agreement_that_has_run_out(trio: Trio) -> None:
    ends = now() + timedelta(seconds=3)
    agreement = trio.agree(expires=f'"{timestamp(ends)}"')
    assert agreement.state == "active"
    while now() <= ends + timedelta(seconds=1):
        time.sleep(0.1)
    for daemon in (trio.lender, trio.payments):
        assert daemon.client.agreement(agreement.id).state == "expired"
        with refused("CT-1624") as caught:
            daemon.client.submit(trio.job(agreement))
        assert caught.value.title not in caught.value.detail


def test_an_agreement_that_has_not_begun(trio: Trio) -> None:
    agreement = trio.agree(not_before='"2090-01-01T00:00:00Z"')
    with refused("CT-1623"):
        trio.lender.client.submit(trio.job(agreement))


def test_a_party_that_does_not_know_our_key_any_more(trio: Trio) -> None:
    agreement = trio.agree()
    trio.payments.client.remove_peer("lender")
    try:
        with refused("CT-1221") as caught:
            trio.lender.client.submit(trio.job(agreement))
        assert caught.value.party == "payments"
    finally:
        trio.payments.client.accept(str(trio.lender.client.invite().text))
    assert trio.lender.client.preview(trio.job(agreement)).document["parties"] == ["lender", "payments"]


def test_a_small_record_that_claims_gigabytes(trio: Trio) -> None:
    known, port = Identity.load(trio.lender.home), int(trio.payments.address.split(":")[1])
    before = resident(trio.payments)
    with tls_client(known, port, "payments.coterie", "coterie-peer/1") as tls:
        assert tls.recv(8) == b"coterie\x01"
        tls.sendall(struct.pack("<I", 0xFFFFFFFF) + b"{" * 1000)
        size = struct.unpack("<I", tls.recv(4))[0]
        answer = json.loads(tls.recv(size))
    assert answer["error"]["code"] == "CT-1203"
    assert resident(trio.payments) - before < 2**25
    assert trio.payments.client.health().status == "ok"


def test_a_request_that_claims_gigabytes(trio: Trio) -> None:
    door = api_door(trio.lender.home)
    context = ssl.create_default_context(cafile=str(trio.lender.home / "identity" / "api-cert.pem"))
    before = resident(trio.lender)
    caller = http.client.HTTPSConnection(trio.lender.address, context=context, timeout=10)
    try:
        caller.putrequest("POST", "/v1/jobs")
        caller.putheader("Authorization", f"Bearer {door.token}")
        caller.putheader("Content-Type", "application/json")
        caller.putheader("Content-Length", str(TEN_GIGABYTES))
        caller.endheaders()
        caller.send(b"x" * 3_000_000)
        answer = caller.getresponse()
        assert (answer.status, json.loads(answer.read())["code"]) == (413, "CT-5013")
    finally:
        caller.close()
    assert resident(trio.lender) - before < 2**25


def bad_files(folder: Path) -> Iterator[tuple[str, str]]:
    """Paths of tables that cannot be registered, and the codes."""
    contents = {
        "empty.csv": (b"", "CT-1416"),
        "header.csv": (b"user,flow,ratio\n", "CT-1416"),
        "latin.csv": (b"user,flow,ratio\ncaf\xe9,1,2\n", "CT-1414"),
        "ragged.csv": (b"user,flow,ratio\na,1\n", "CT-1415"),
        "short.csv": (b"user,flow\na,1\n", "CT-1420"),
        "words.csv": (b"user,flow,ratio\na,much,2\n", "CT-1430"),
        "infinite.csv": (b"user,flow,ratio\na,inf,2\n", "CT-1432"),
        "nan.csv": (b"user,flow,ratio\na,nan,2\n", "CT-1431"),
        "twice.csv": (b"user,flow,ratio\na,1,2\n A,1,2\n", "CT-1440"),
        "nobody.csv": (b"user,flow,ratio\n,1,2\n", "CT-1441"),
    }
    for name, (content, code) in contents.items():
        (folder / name).write_bytes(content)
        yield name, code
    yield "nothing.csv", "CT-1410"
    yield ".", "CT-1416"
    yield "/dev/zero", "CT-1411"


def test_tables_that_a_node_does_not_register(trio: Trio, tmp_path: Path) -> None:
    found = {}
    for path, _ in bad_files(tmp_path):
        with pytest.raises(Exception, match="CT-1") as caught:
            trio.payments.client.add_dataset(
                BEHAVIOUR.replace("name: behaviour", "name: bad", 1).replace("behaviour.csv", path), tmp_path
            )
        found[path] = caught.value.code  # type: ignore[attr-defined]
    assert found == dict(bad_files(tmp_path))
    assert "bad" not in [one.name for one in trio.payments.client.datasets()]
