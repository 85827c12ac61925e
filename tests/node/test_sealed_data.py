"""Sealed data between jobs: where it lies, how it ends, and what proves that."""

from __future__ import annotations

import io
import time
from pathlib import Path

import pyarrow.parquet as pq

from coterie.crypto import Identity
from coterie.ledger import Entry
from coterie.tee import KeyStore, open_in_memory, peek
from tests.node.conftest import Daemon, Trio, ended, refused
from tests.node.test_attested_jobs import JOB, agree


def sealed_entries(daemon: Daemon, event: str) -> list[dict[str, object]]:
    """Bodies of the ledger's entries about sealed data."""
    entries = daemon.client.ledger(kind="sealed")
    return [entry.body for entry in entries if entry.body["event"] == event]


def run_align(trio: Trio, agreement: str) -> None:
    job = trio.lender.client.submit(JOB.format(agreement=agreement, steps="[align]"))
    over = ended(trio.lender.client, job.id, 60)
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


def test_data_is_sealed_once_and_deleted_with_proof(trio: Trio, measurement: str) -> None:
    agreement = agree(trio, measurement).id
    run_align(trio, agreement)
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


def test_with_the_agreement_ends_what_was_sealed_for_it(trio: Trio, measurement: str) -> None:
    agreement = agree(trio, measurement).id
    run_align(trio, agreement)
    files = held(trio, agreement)
    trio.payments.client.revoke_agreement(agreement, "enough")
    for owner in (trio.lender, trio.payments):
        await_entry(owner, "deletion proven", files[owner.name])
        assert not [one for one in owner.client.sealed() if one.agreement == agreement]
        assert not (owner.home / "keys" / f"{files[owner.name]}.json").exists()
    assert held(trio, agreement) == {}


def test_a_host_deletes_what_it_holds_and_its_owner_hears_of_it(trio: Trio, measurement: str) -> None:
    agreement = agree(trio, measurement).id
    run_align(trio, agreement)
    file = held(trio, agreement)["payments"]
    trio.hub.client.remove_sealed(file)
    assert await_entry(trio.payments, "deletion proven", file)["host"] == "hub"
    with refused("CT-5015"):
        trio.hub.client.remove_sealed(file)
    run_align(trio, agreement)  # the owner has its key still, and sends the same again
    assert held(trio, agreement)["payments"] == file


def test_a_container_holds_what_the_agreement_grants_and_no_more(trio: Trio, measurement: str) -> None:
    agreement = agree(trio, measurement).id
    run_align(trio, agreement)
    place = trio.lender.home / "sealed" / agreement.removeprefix("sha256:")[:16] / "customers.sealed"
    key = KeyStore(trio.lender.home / "keys").key(peek(place))
    assert columns_in(place, key) == ["customer", "bad", "age"]  # the table has `secret` too


def columns_in(container: Path, key: bytes) -> list[str]:
    with container.open("rb") as file:
        return pq.read_schema(io.BytesIO(open_in_memory(file, key)[1])).names
