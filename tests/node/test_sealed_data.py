"""Sealed data between jobs: where it lies, how it ends, and what proves that."""

from __future__ import annotations

import asyncio
import io
import time
from pathlib import Path
from types import SimpleNamespace

import pyarrow.parquet as pq
import pytest

from coterie.crypto import Identity, now, timestamp
from coterie.crypto.errors import CANNOT_WRITE
from coterie.ledger import Entry
from coterie.node import proposals
from coterie.node.messages import Ok, SealAnswer, SealedDropped
from coterie.node.sealings import Sealings
from coterie.tee import KeyStore, open_in_memory, peek
from tests.node.attested_job import JOB, agree
from tests.node.conftest import Daemon, Trio, ended, refused
from tests.node.test_agreements import as_peer


def sealed_entries(daemon: Daemon, event: str) -> list[dict[str, object]]:
    """Bodies of the ledger's entries about sealed data."""
    entries = daemon.client.ledger(kind="sealed")
    return [entry.body for entry in entries if entry.body["event"] == event]


def run_align(trio: Trio, agreement: str) -> None:
    job = trio.lender.client.submit(JOB.format(agreement=agreement, steps="[align]"))
    for daemon in (trio.lender, trio.payments, trio.hub):
        over = ended(daemon.client, job.id, 60)
        assert over.state == "done", over.error


def held(trio: Trio, agreement: str) -> dict[str, str]:
    """File by owner, of what the hub has."""
    return {
        one.dataset.partition("/")[0]: one.file
        for one in trio.hub.client.sealed()
        if one.agreement == agreement
    }


def await_entry(daemon: Daemon, event: str, file: str) -> dict[str, object]:
    deadline = time.monotonic() + 10
    while True:
        found = [body for body in sealed_entries(daemon, event) if body["file"] == file]
        if found:
            return found[-1]
        assert time.monotonic() < deadline, f"no entry {event!r} of {file}"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def agreement(trio: Trio, measurement: str) -> str:
    """An agreement under which a job has run; the last of its tests revokes it."""
    agreed = agree(trio, measurement).id
    run_align(trio, agreed)
    return agreed


def test_data_is_sealed_once_and_deleted_with_proof(trio: Trio, agreement: str) -> None:
    run_align(trio, agreement)
    (own,) = (one for one in trio.lender.client.sealed() if one.agreement == agreement)
    assert (own.dataset, own.whose, own.rows) == ("lender/customers", "own", 300)
    assert held(trio, agreement)["lender"] == own.file  # sent once, found there by the second job
    assert len([one for one in sealed_entries(trio.lender, "sealed") if one["agreement"] == agreement]) == 1
    keys = trio.lender.home / "keys" / f"{own.file}.json"
    assert keys.exists()

    trio.lender.client.remove_sealed(own.file, "no longer wanted")
    assert not keys.exists()
    destroyed = sealed_entries(trio.lender, "key destroyed")[-1]
    assert (destroyed["file"], destroyed["reason"]) == (own.file, "no longer wanted")
    proof = await_entry(trio.lender, "deletion proven", own.file)
    entry = Entry.model_validate(proof["entry"])
    assert entry.body["reason"] == "lender: no longer wanted"
    identity = Identity.load(trio.hub.home).public
    assert entry.signed_by(identity)
    assert entry.hash_fits()
    assert set(held(trio, agreement)) == {"payments"}
    root = own.root.removeprefix("sha256:")
    assert not list((trio.hub.home / "tee" / "sealed").rglob(f"{root}*"))

    run_align(trio, agreement)  # it is sealed anew, under another key
    assert held(trio, agreement)["lender"] != own.file


def test_a_host_deletes_what_it_holds_and_its_owner_hears_of_it(trio: Trio, agreement: str) -> None:
    file = held(trio, agreement)["payments"]
    trio.hub.client.remove_sealed(file)
    assert await_entry(trio.payments, "deletion proven", file)["host"] == "hub"
    with refused("CT-5015"):
        trio.hub.client.remove_sealed(file)
    run_align(trio, agreement)  # the owner has its key still, and sends the same again
    assert held(trio, agreement)["payments"] == file


def test_a_container_holds_what_the_agreement_grants_and_no_more(trio: Trio, agreement: str) -> None:
    place = trio.lender.home / "sealed" / agreement.removeprefix("sha256:")[:16] / "customers.sealed"
    key = KeyStore(trio.lender.home / "keys").key(peek(place))
    assert columns_in(place, key) == ["customer", "bad", "age"]  # the table has `secret` too


def columns_in(container: Path, key: bytes) -> list[str]:
    with container.open("rb") as file:
        return pq.read_schema(io.BytesIO(open_in_memory(file, key)[1])).names


def test_a_proof_of_what_was_never_sealed_for_the_sender_is_refused(trio: Trio, agreement: str) -> None:
    """Whoever can reach this node must not fill its ledger; and a proof that comes twice is one."""
    file = held(trio, agreement)["lender"]
    body = {"event": "deleted", "owner": "lender", "file": file, "root": "r", "dataset": "lender/customers"}
    moment = timestamp(now())

    def send(sender: Daemon, **changes: str) -> None:
        owner = Identity.load(sender.home)
        entry = Entry.make(owner, 7, "sha256:" + "0" * 64, moment, "sealed", body | changes)
        client, there = as_peer(sender, trio.lender)
        asyncio.run(client.call(there, "sealed/dropped", SealedDropped(entry=entry), Ok))

    for sender, changes in (
        (trio.hub, {"file": "0" * 32}),
        (trio.payments, {}),
        (trio.hub, {"owner": "hub"}),
    ):
        with refused("CT-5081"):
            send(sender, **changes)
    before = len(sealed_entries(trio.lender, "deletion proven"))
    for _ in range(2):
        send(trio.hub)
    assert len(sealed_entries(trio.lender, "deletion proven")) == before + 1


def test_with_the_agreement_ends_what_was_sealed_for_it(trio: Trio, agreement: str) -> None:
    files = held(trio, agreement)
    trio.payments.client.revoke_agreement(agreement, "enough")
    for owner in (trio.lender, trio.payments):
        await_entry(owner, "deletion proven", files[owner.name])
        assert not [one for one in owner.client.sealed() if one.agreement == agreement]
        assert not (owner.home / "keys" / f"{files[owner.name]}.json").exists()
    assert held(trio, agreement) == {}


def test_a_key_that_cannot_be_removed_is_not_called_destroyed() -> None:
    told: list[object] = []

    class Stuck:
        def remove(self, file: bytes) -> None:
            raise CANNOT_WRITE(file.hex())

    async def record(kind: str, body: object) -> None:
        told.append((kind, body))

    sealings = object.__new__(Sealings)
    sealings._core = SimpleNamespace(record=record)  # type: ignore[assignment]
    sealings._keys = Stuck()  # type: ignore[assignment]
    with refused("CT-1121"):
        asyncio.run(sealings._destroy(SimpleNamespace(file="00" * 16), "why"))  # type: ignore[arg-type]
    assert told == []


def test_who_says_for_ever_that_it_still_seals_is_not_asked_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proposals, "SEAL_SECONDS", 0.2)
    monkeypatch.setattr(proposals, "SEAL_PAUSE", 0.05)
    asked: list[str] = []

    async def ask(peer: str, *_: object) -> SealAnswer:
        asked.append(peer)
        return SealAnswer(record=None)

    one = object.__new__(proposals.Proposals)
    one._core = SimpleNamespace(name="lender")  # type: ignore[assignment]
    one._network = SimpleNamespace(ask=ask)  # type: ignore[assignment]
    agreement = SimpleNamespace(id="sha256:" + "0" * 64)
    with refused("CT-5085"):
        asyncio.run(one._record("payments", "behaviour", agreement))  # type: ignore[arg-type]
    assert 2 <= len(asked) <= 6
