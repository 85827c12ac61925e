"""A peer with a pinned key, or a caller without one, who does what an honest node never does."""

from __future__ import annotations

import asyncio
import socket
import ssl
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

from coterie.agreement import Agreement, Terms
from coterie.crypto import Identity, canonical
from coterie.errors import NotAgreed
from coterie.node.allowance import BURST, PAUSE_SECONDS, Allowance
from coterie.node.messages import AgreementPull, AgreementPush, FactsAnswer, FactsQuestion, Message, Ok
from coterie.wire import Invitation, PeerAddress, PeerClient, accept_invitation
from tests.node.conftest import Daemon, Trio, ended, refused
from tests.node.test_agreements import stored
from tests.wire.rawpeer import RawPeer

A = TypeVar("A", bound=Message)


def ask(source: Daemon, target: Daemon, kind: str, request: Message, answer: type[A]) -> A:
    """A request of a peer's making, with its key."""
    host, port = target.address.split(":")
    to = PeerAddress(Identity.load(target.home).public, host, int(port))
    return PeerClient(Identity.load(source.home), 8 * 2**20).ask(to, kind, request, answer)


def test_runs_that_start_at_once_are_counted_one_by_one(trio: Trio) -> None:
    agreement = trio.agree(max_runs="1")
    with ThreadPoolExecutor(3) as pool:
        jobs = list(
            pool.map(lambda n: _submitted((trio.lender, trio.payments)[n % 2], trio, agreement.id), range(3))
        )
    over = [ended(trio.lender.client, job, 30) for job in jobs if job]
    assert [view.state for view in over].count("done") <= 1, [(view.state, view.error) for view in over]
    for daemon in trio.all:
        assert daemon.client.agreement(agreement.id).runs_used <= 1


def _submitted(daemon: Daemon, trio: Trio, agreement: str) -> str | None:
    try:
        return daemon.client.submit(trio.job(daemon.client.agreement(agreement))).id
    except NotAgreed:
        return None


def test_callers_without_a_token_cannot_keep_others_from_the_api(trio: Trio) -> None:
    context = ssl.create_default_context(cafile=str(trio.lender.home / "identity" / "api-cert.pem"))
    host, port = trio.lender.address.split(":")
    head = (
        b"POST /v1/jobs HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n"
    )
    with ExitStack() as stack:
        for _ in range(70):
            raw = stack.enter_context(socket.create_connection((host, int(port)), 10))
            tls = stack.enter_context(context.wrap_socket(raw, server_hostname=host))
            tls.sendall(head)
        assert trio.lender.client.health().status == "ok"


def test_what_a_stranger_says_is_one_line_in_the_log(trio: Trio) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["coterie-enrol/1"])
    host, port = trio.lender.address.split(":")
    acceptance = {
        "invitation": "0" * 32,
        "identity": {},
        "host": None,
        "port": None,
        "proof": "0" * 64,
        "signature": "0" * 128,
        "x\n2026-01-01 00:00:00,000 coterie.node INFO forged": 1,
    }
    body = canonical(acceptance)
    with socket.create_connection((host, int(port)), 10) as raw, context.wrap_socket(raw) as tls:
        assert tls.recv(8)
        tls.sendall(len(body).to_bytes(4, "little") + body)
        assert tls.recv(4)
    lines = (trio.lender.home / "node.log").read_text().splitlines()
    assert any("forged" in line for line in lines)
    assert not any(line.startswith("2026-01-01 00:00:00,000") for line in lines)


def test_an_agreement_too_large_to_be_read_again_is_not_kept(trio: Trio) -> None:
    document, _ = stored(trio.lender.home, trio.agree().id)
    wide = {"name": "fill", "params": {"p": {"one_of": ["x" * 1000] * 1500}}}
    terms = Terms.model_validate({**document.terms.model_dump(), "components": (wide,)})
    with refused("CT-1602"):
        ask(
            trio.payments,
            trio.lender,
            "agreement/push",
            AgreementPush(agreement=Agreement(terms=terms), drafted_by="payments"),
            Ok,
        )
    assert trio.lender.client.agreements()


def test_facts_are_not_told_under_an_agreement_that_ended(trio: Trio) -> None:
    agreement = trio.agree()
    question = FactsQuestion(agreement=agreement.id, dataset="customers")
    assert ask(trio.payments, trio.lender, "facts", question, FactsAnswer).facts.rows == 300
    trio.lender.client.revoke_agreement(agreement.id, "enough")
    with refused("CT-1622"):
        ask(trio.payments, trio.lender, "facts", question, FactsAnswer)


def test_facts_have_all_parts_of_an_id_and_nothing_of_rows_left_out(trio: Trio, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("name,born,age,x\na,1,1,1\n,2,1,1\na,1,1,1\nb,1,1,1\n")
    text = "name: parts\nsource: {kind: csv, path: t.csv}\nmissing_ids: skip\nduplicates: first\ncolumns:\n"
    text += "- {name: name, type: text, role: id}\n- {name: born, type: text, role: id, rule: [digits]}\n"
    text += "- {name: age, type: int}\n- {name: x, type: int}\n"
    trio.lender.client.add_dataset(text, tmp_path)
    one = "{name: parts, owner: lender, id: name, columns: [age]}"
    other = "{name: behaviour, owner: payments, id: user, label: flow, columns: []}"
    agreement = trio.agree(datasets=f"[{one}, {other}]")
    question = FactsQuestion(agreement=agreement.id, dataset="parts")
    answer = ask(trio.payments, trio.lender, "facts", question, FactsAnswer).facts
    assert [(one.name, one.role, one.rule) for one in answer.columns] == [
        ("name", "id", None),
        ("born", "id", ("digits",)),
        ("age", "feature", None),
    ]
    told = answer.model_dump(mode="json")
    assert (told.pop("rows"), set(told)) == (2, {"name", "owner", "columns", "id_rule"})
    trio.lender.client.remove_dataset("parts")


def test_files_with_secrets_are_the_owners_alone(trio: Trio) -> None:
    for name in ("store.sqlite", "store.sqlite-wal", "store.sqlite-shm", "node.log", "lock"):
        path = trio.lender.home / name
        assert not path.exists() or path.stat().st_mode & 0o077 == 0, name


def test_why_a_job_ended_is_told_to_its_participants_alone(trio: Trio) -> None:
    agreement = trio.agree(engines="[clear]")
    spec = trio.job(agreement, "[align]").replace("engine: mpc", "engine: clear")
    job = trio.lender.client.submit(spec.replace(", payments: behaviour", "")).id
    assert ended(trio.lender.client, job).state == "done"
    caller = RawPeer(Identity.load(trio.payments.home), int(trio.lender.address.split(":")[1]), job, "lender")
    answer = caller.hello()
    caller.close()
    assert (answer["status"], answer["failure"]["code"]) == ("gone", "CT-5050")


def test_a_new_party_under_an_old_name_gets_nothing_of_the_old_one(trio: Trio, tmp_path: Path) -> None:
    agreement = trio.agree()
    invited = Identity.create(tmp_path, "payments")
    trio.lender.client.remove_peer("payments")
    try:
        invitation = Invitation.parse(str(trio.lender.client.invite().text))
        lender = asyncio.run(accept_invitation(invited, invitation, None, None))
        client = PeerClient(invited)
        with refused("CT-5040"):
            client.ask(lender, "agreement/pull", AgreementPull(agreement=agreement.id), AgreementPush)
        with refused("CT-5040"):
            question = FactsQuestion(agreement=agreement.id, dataset="customers")
            client.ask(lender, "facts", question, FactsAnswer)
    finally:
        trio.lender.client.remove_peer("payments")
        trio.lender.client.accept(str(trio.payments.client.invite().text))


def test_a_peer_is_not_written_down_without_limit() -> None:
    clock = [0.0]
    allowance = Allowance(lambda: clock[0])
    for _ in range(BURST):
        allowance.take("payments")
    with refused("CT-5026"):
        allowance.take("payments")
    allowance.take("lender")
    clock[0] += PAUSE_SECONDS
    allowance.take("payments")
    with refused("CT-5026"):
        allowance.take("payments")


def test_a_node_has_descriptors_for_all_its_callers_and_dumps_no_core(trio: Trio) -> None:
    limits = Path(f"/proc/{trio.lender.pid}/limits").read_text().splitlines()
    by_name = {line[:26].strip(): line[26:].split() for line in limits}
    hard = by_name["Max open files"][1]
    assert int(by_name["Max open files"][0]) >= min(8192, int(hard))
    assert by_name["Max core file size"][:2] == ["0", "0"]
