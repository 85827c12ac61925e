"""Agreements between nodes: signing, forging, the key of the id hashes, revocation."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from coterie.agreement import Agreement, Terms, commitment
from coterie.client import Client
from coterie.crypto import Identity
from coterie.errors import CoterieError
from coterie.node.messages import AgreementPull, AgreementPush, Ok
from coterie.wire import PeerAddress, PeerClient
from tests.node.conftest import Daemon, Trio, ended, refused


def as_peer(sender: Daemon, receiver: Daemon) -> tuple[PeerClient, PeerAddress]:
    """What a dishonest operator of ``sender`` can say to ``receiver``."""
    host, port = receiver.address.split(":")
    there = PeerAddress(Identity.load(receiver.home).public, host, int(port))
    return PeerClient(Identity.load(sender.home)), there


def push(sender: Daemon, receiver: Daemon, message: AgreementPush) -> None:
    client, there = as_peer(sender, receiver)
    asyncio.run(client.call(there, "agreement/push", message, Ok))


def stored(home: Path, agreement: str) -> tuple[Agreement, bytes | None]:
    """The document and the key in a node's store."""
    with sqlite3.connect(home / "store.sqlite") as store:
        document, key = store.execute(
            "select document, id_key from agreements where id = ?", [agreement]
        ).fetchone()
    store.close()
    return Agreement.from_bytes(document.encode()), key


def test_from_draft_to_force(trio: Trio) -> None:
    lender, payments, hub = (daemon.client for daemon in (trio.lender, trio.payments, trio.hub))
    draft = lender.draft_agreement(trio.terms())
    assert (draft.state, draft.missing, draft.terms["id_key"][:7]) == (
        "draft",
        ("lender", "payments"),
        "sha256:",
    )
    assert draft.id not in {one.id for one in payments.agreements()}
    with refused("CT-5040"):
        payments.sign_agreement(draft.id)
    assert lender.offer_agreement(draft.id).not_offered_to == ()
    received = payments.agreement(draft.name)
    assert (received.state, received.drafted_by, received.terms) == ("offered", "lender", draft.terms)
    payments.sign_agreement(draft.id)
    assert lender.agreement(draft.id).missing == ("lender",)
    with refused("CT-5040"):
        hub.agreement(draft.id)
    assert lender.sign_agreement(draft.id).state == "active"
    assert {client.agreement(draft.id).state for client in (lender, payments, hub)} == {"active"}
    entries = payments.ledger(kind="agreement")
    events = [one.body["event"] for one in entries if one.body["agreement"] == draft.id]
    assert events == ["signed", "in force"]


def test_the_key_of_the_id_hashes_goes_to_owners_of_data_alone(trio: Trio) -> None:
    agreement = trio.agree()
    keys = {daemon.name: stored(daemon.home, agreement.id)[1] for daemon in trio.all}
    assert keys["hub"] is None
    assert keys["lender"] == keys["payments"]
    assert keys["lender"] is not None
    assert commitment(keys["lender"]) == agreement.terms["id_key"]
    client, there = as_peer(trio.hub, trio.lender)
    answer = asyncio.run(
        client.call(there, "agreement/pull", AgreementPull(agreement=agreement.id), AgreementPush)
    )
    assert answer.id_key is None
    for daemon in trio.all:
        for log in daemon.home.glob("*.log*"):
            assert keys["lender"].hex() not in log.read_text()


def test_what_is_forged_is_refused(trio: Trio) -> None:
    agreement = trio.agree()
    document, key = stored(trio.lender.home, agreement.id)
    assert key is not None
    altered = Terms.model_validate({**document.terms.model_dump(), "max_runs": 1000})
    forged = AgreementPush(
        agreement=Agreement(terms=altered, signatures=document.signatures),
        drafted_by="lender",
        id_key=key.hex(),
    )
    with refused("CT-1604"):
        push(trio.lender, trio.payments, forged)
    other_key = AgreementPush(agreement=document, drafted_by="lender", id_key="00" * 32)
    with refused("CT-5043"):
        push(trio.lender, trio.payments, other_key)
    without = dict(document.terms.parties)
    without["payments"] = "00" * 32
    stranger = Terms.model_validate({**document.terms.model_dump(), "parties": without})
    with refused("CT-5042"):
        push(
            trio.lender,
            trio.payments,
            AgreementPush(agreement=Agreement(terms=stranger), drafted_by="lender"),
        )
    assert trio.payments.client.agreement(agreement.id).terms == agreement.terms
    assert altered.id not in {one.id for one in trio.payments.client.agreements()}


def test_a_hub_takes_only_what_names_it_as_dealer(trio: Trio) -> None:
    text = trio.terms(dealer="null")
    draft = trio.lender.client.draft_agreement(text)
    document, _ = stored(trio.lender.home, draft.id)
    with refused("CT-5042"):
        push(trio.lender, trio.hub, AgreementPush(agreement=document, drafted_by="lender"))
    with refused("CT-5034"):
        trio.hub.client.draft_agreement(text)


def refused_everywhere(trio: Trio, client: Client, agreement: str, code: str) -> None:
    with refused(code):
        client.submit(trio.job(client.agreement(agreement)))


def test_jobs_need_an_agreement_in_force(trio: Trio) -> None:
    lender = trio.lender.client
    unsigned = lender.draft_agreement(trio.terms())
    refused_everywhere(trio, lender, unsigned.id, "CT-5041")
    with refused("CT-5040"):
        lender.submit(trio.job(unsigned).replace(unsigned.id, "sha256:" + "0" * 64))


def test_an_expired_agreement(trio: Trio) -> None:
    over = {"expires": "2026-01-02T00:00:00Z"}
    with refused("CT-1601"):
        trio.lender.client.draft_agreement(trio.terms(expires=f'"{over["expires"]}"'))
    draft = trio.lender.client.draft_agreement(trio.terms())
    document, _ = stored(trio.lender.home, draft.id)
    terms = Terms.model_validate({**document.terms.model_dump(), **over})
    push(trio.payments, trio.lender, AgreementPush(agreement=Agreement(terms=terms), drafted_by="payments"))
    view = trio.lender.client.agreement(terms.id)
    assert view.state == "expired"
    with refused("CT-5041"):
        trio.lender.client.sign_agreement(terms.id)
    with pytest.raises(CoterieError) as caught:
        trio.lender.client.submit(trio.job(view))
    assert (caught.value.code, caught.value.next_step[:15]) == ("CT-5041", "Make a new one:")


def test_a_revoked_agreement(trio: Trio) -> None:
    agreement = trio.agree(approval="{lender: automatic, payments: person}")
    job = trio.lender.client.submit(trio.job(agreement))
    assert job.state == "proposed"
    assert trio.payments.client.revoke_agreement(agreement.id, "enough").state == "revoked"
    for daemon in trio.all:
        view = daemon.client.agreement(agreement.id)
        assert [(one.party, one.reason) for one in view.revocations] == [("payments", "enough")]
        over = ended(daemon.client, job.id)
        assert (over.state, over.error and over.error.code) == ("refused", "CT-1622")
    refused_everywhere(trio, trio.lender.client, agreement.id, "CT-1622")
    assert trio.hub.client.ledger(kind="revocation")[-1].body["party"] == "payments"
    with refused("CT-5041"):
        trio.lender.client.sign_agreement(agreement.id)


def test_what_was_altered_on_disk_is_found(trio: Trio) -> None:
    agreement = trio.agree()
    document, _ = stored(trio.payments.home, agreement.id)
    altered = Agreement(
        terms=Terms.model_validate({**document.terms.model_dump(), "min_rows": 1}),
        signatures=document.signatures,
    )
    change = "update agreements set document = ? where id = ?"
    with sqlite3.connect(trio.payments.home / "store.sqlite") as store:
        store.execute(change, [altered.to_bytes().decode(), agreement.id])
    try:
        with refused("CT-1621"):
            trio.lender.client.submit(trio.job(agreement))
    finally:
        with sqlite3.connect(trio.payments.home / "store.sqlite") as store:
            store.execute(change, [document.to_bytes().decode(), agreement.id])
        store.close()
    assert trio.payments.client.ledger(kind="refusal")[-1].body["code"] == "CT-1621"
