"""Whom a provider gives its key to keep, and for which keeper and which words a deposit opens."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import timedelta
from typing import Any

import cbor2
import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from coterie.crypto import Identity, canonical, timestamp
from coterie.tee.documents.exchange import ReleaseRequest
from coterie.tee.evidence.binding import ReportBinding
from coterie.tee.evidence.roots import Roots
from coterie.tee.keeper import inside
from coterie.tee.keeper.clock import HeldClock
from coterie.tee.keeper.deposit import DOMAIN, Deposit, PinnedRoots
from coterie.tee.keeper.documents import (
    LAUNCHED_FOR,
    Collect,
    Collected,
    KeeperChallenge,
    KeeperOffer,
    Withdrawal,
)
from coterie.tee.keeper.inside import Desk
from coterie.tee.runner.records import Kind, Record
from tests.tee.joint import MEASUREMENT, NOW, Clock, resigned
from tests.tee.keeper.local import KEEPER, SHARED, Steady, World, code, keepers


def flipped(measurement: bytes) -> bytes:
    return measurement[:-1] + bytes([measurement[-1] ^ 1])


def test_evidence_of_a_runner_is_none_of_a_keeper(world: World) -> None:
    """By each of the three things that tell them apart, the other two being right."""
    runner = world.attester_of(KEEPER, world.manifest.digest_bytes)
    for attester in (world.attester_of(MEASUREMENT), runner):
        world.host.attester = attester
        assert code(world.deposit, world.custody().offer()) == "CT-2240"
    world.host.attester = world.attester_of(KEEPER)
    offer = world.custody().offer()
    bound = ReportBinding(
        nonce=offer.binding.nonce,
        provider="lender",
        hpke_pk=offer.binding.hpke_pk,
        receipt_pk=offer.binding.log_pk,
        job="sha256:" + LAUNCHED_FOR.hex(),
        grants_root="sha256:" + "00" * 32,
        log_checkpoint="sha256:" + "00" * 32,
        assurance="simulated",
    )
    evidence = world.host.attester.quote(bound.report_data())
    assert code(world.deposit, offer.model_copy(update={"evidence": evidence})) == "CT-2240"


def test_evidence_of_a_keeper_is_none_of_a_runner(world: World) -> None:
    releaser = world.restarted()
    job = releaser.admit(world.case)
    runner = world.runner(world.case)
    nonce = releaser.challenge(job).nonce
    offer = world.custody().offer()
    binding = runner.binding(nonce, hpke_pk=offer.binding.hpke_pk)
    bound = offer.binding.model_copy(update={"nonce": nonce})
    for attester, asked_for in (
        (runner.attester, bound),
        (world.host.attester, bound),
        (world.host.attester, binding),
    ):
        nonce = releaser.challenge(job).nonce
        fresh = asked_for.model_copy(update={"nonce": nonce})
        evidence = attester.quote(fresh.report_data())
        told = binding.model_copy(update={"nonce": nonce})
        assert code(releaser.release, ReleaseRequest(binding=told, evidence=evidence)) == "CT-2240"


@pytest.mark.parametrize(
    "reference", [keepers(flipped(KEEPER)), keepers(KEEPER, chips=()), keepers(MEASUREMENT)]
)
def test_other_code_or_another_platform_gets_no_deposit(world: World, reference: Any) -> None:
    depositor = world.depositor_of(reference)
    offer = world.custody(depositor).offer()
    grant, record = world.reusable(max_runs=1), world.records["lender"]
    assert code(depositor.deposit, offer, grant, record, NOW + timedelta(days=1)) == "CT-2240"
    assert [entry.kind for entry in world.ledgers["lender"].entries("deposit")] == []


def test_debug_another_root_and_production(world: World) -> None:
    world.host.attester = world.attester_of(KEEPER, debug=True)
    assert code(world.deposit, world.custody().offer()) == "CT-2240"
    world.host.attester = world.attester_of(KEEPER)
    for roots, refused in ((Roots(), "CT-2233"), (Roots(profile="development"), "CT-2235")):
        depositor = world.depositor_of(roots=roots)
        offer = world.custody(depositor).offer()
        grant = world.reusable(max_runs=1)
        until = NOW + timedelta(days=1)
        assert code(depositor.deposit, offer, grant, world.records["lender"], until) == refused


def test_a_nonce_is_good_once_for_its_own_answer_and_five_minutes(world: World) -> None:
    offer = world.custody().offer()
    world.deposit(offer)
    assert code(world.deposit, offer) == "CT-2245"
    late = world.custody().offer()
    world.clock.now += timedelta(seconds=301)
    assert code(world.deposit, late) == "CT-2245"
    foreign = world.custody(world.depositor_of()).offer()
    assert code(world.deposit, foreign) == "CT-2245"
    # A keeper's answer to another nonce, under this one.
    old, new = world.custody().offer(), world.custody().offer()
    bound = old.binding.model_copy(update={"nonce": new.binding.nonce})
    assert code(world.deposit, old.model_copy(update={"binding": bound})) == "CT-2240"


def test_offers_that_are_bound_otherwise(world: World, who: dict[str, Identity]) -> None:
    offer = world.custody().offer()
    other = offer.binding.model_copy(update={"provider": "payments"})
    assert code(world.deposit, offer.model_copy(update={"binding": other})) == "CT-2332"
    offer = world.custody().offer()
    hardware = offer.binding.model_copy(update={"assurance": "hardware"})
    assert code(world.deposit, offer.model_copy(update={"binding": hardware})) == "CT-2332"
    offer = world.custody().offer()
    key = offer.binding.model_copy(update={"hpke_pk": "00" * 1216})
    assert code(world.deposit, offer.model_copy(update={"binding": key})) == "CT-2240"
    fields = json.loads(offer.to_bytes())
    fields["log"] = who["mallory"].public.model_dump(mode="json")
    assert code(KeeperOffer.parse, canonical(fields)) == "CT-2326"
    fields["log"] = Identity.in_memory("keeper").public.model_dump(mode="json")
    assert code(KeeperOffer.parse, canonical(fields)) == "CT-2326"
    theirs = resigned(world.grants["payments"], who["payments"])
    offer = world.custody().offer()
    assert code(lambda: world.deposit(offer, grant=theirs)) == "CT-2327"


def test_a_key_for_hardware_is_not_kept_by_a_simulation(world: World, who: dict[str, Identity]) -> None:
    grant = world.reusable(max_runs=1).model_copy(update={"assurance": "hardware"})
    grant = grant.with_signature(who["lender"].sign("coterie/grant/v1", grant.signed_body()))
    offer = world.custody().offer()
    assert code(lambda: world.deposit(offer, grant=grant)) == "CT-2332"


def test_a_platform_that_gives_other_evidence_makes_no_offer(world: World) -> None:
    custody = world.custody()
    attester = world.host.attester
    world.host.quote = lambda report_data: (attester.quote(bytes(64)), None)  # type: ignore[method-assign]
    assert code(custody.offer) == "CT-2332"


def test_a_deposit_is_for_one_keeper_and_one_offer(world: World) -> None:
    one, other = world.custody(), world.custody()
    deposit = world.deposit(one.offer())
    assert code(other.accept, deposit) == "CT-2327"
    moved = deposit.model_copy(update={"binding": other._binding})
    assert code(other.accept, moved) == "CT-1101"
    assert not other.holds
    one.accept(deposit)
    assert code(one.accept, deposit) == "CT-2327"


def test_the_keepers_word_that_it_holds_the_key(world: World) -> None:
    custody = world.custody()
    deposit = world.deposit(custody.offer())
    word = custody.accept(deposit)
    deposit.confirm(word)
    other = world.custody()
    theirs = other.accept(world.deposit(other.offer(), grant=world.reusable(max_runs=1)))
    later = custody.collect(Collect(deposit=custody.name, nonce="00" * 32, after=0)).statement
    custody.withdraw(world.depositor.withdraw(custody.name))
    question = Collect(deposit=custody.name, nonce=deposit.binding.nonce, after=0)
    ended = custody.collect(question).statement
    for wrong in (theirs, later, ended, word.model_copy(update={"holds": False})):
        assert code(deposit.confirm, wrong) == "CT-2334"


@pytest.mark.parametrize(
    "change",
    [
        {"expires": timestamp(NOW + timedelta(days=60))},
        {"reference": keepers(MEASUREMENT)},
        {"marks": {"x": 1}},
        {"created": timestamp(NOW + timedelta(seconds=1))},
    ],
)
def test_no_word_of_a_deposit_can_be_changed(
    world: World, who: dict[str, Identity], change: dict[str, Any]
) -> None:
    """Not by the host; and who could sign it anew has no use of the keys that were sealed for other words."""
    custody = world.custody()
    deposit = world.deposit(custody.offer())
    edited = deposit.model_copy(update=change)
    assert code(custody.accept, edited) == "CT-1101"
    again = edited.with_signature(who["lender"].sign(DOMAIN, edited.signed_body()))
    assert code(custody.accept, again) == "CT-2211"
    assert custody.accept(deposit).holds


def test_somebody_else_cannot_deposit_under_the_providers_name(
    world: World, who: dict[str, Identity]
) -> None:
    custody = world.custody()
    deposit = world.deposit(custody.offer())
    thief = deposit.owner.model_copy(update={"key": who["mallory"].public.key})
    stolen = deposit.model_copy(update={"owner": thief})
    stolen = stolen.with_signature(who["mallory"].sign(DOMAIN, stolen.signed_body()))
    assert code(custody.accept, stolen) == "CT-2327"


def test_parts_that_do_not_belong_together(world: World, who: dict[str, Identity]) -> None:
    deposit = world.deposit(world.custody().offer())
    fields = json.loads(deposit.to_bytes())
    assert Deposit.parse(canonical(fields)) == deposit
    theirs = json.loads(world.grants["payments"].to_bytes())
    changes: list[dict[str, Any]] = [
        {"owner": {"name": "payments", "key": who["payments"].public.key}},
        {"grant": theirs},
        {"grant": json.loads(world.reusable(max_runs=1).to_bytes())},
        {"record": json.loads(canonical(world.records["payments"]))},
        {"logged": fields["logged"] | {"entry": fields["logged"]["entry"] + 1}},
        {"logged": fields["logged"] | {"owner": "payments"}},
        {"expires": deposit.created},
        {"expires": timestamp(NOW + timedelta(days=301))},
        {"wrapped": "AAAA"},
        {"more": 1},
        {"agreement": fields["agreement"] | {"signatures": {}}, "grant": theirs},
    ]
    for change in changes:
        assert code(Deposit.parse, canonical(fields | change)) == "CT-2326", change
    assert code(Deposit.parse, b" " + canonical(fields)) == "CT-2326"
    unsigned = deposit.model_copy(
        update={"agreement": deposit.agreement.model_copy(update={"signatures": {}})}
    )
    unsigned = unsigned.with_signature(who["lender"].sign(DOMAIN, unsigned.signed_body()))
    assert code(unsigned.check) == "CT-1620"
    for field in ("grant", "record"):
        forged = getattr(deposit, field).model_copy(update={"signature": "00" * 64})
        broken = deposit.model_copy(update={field: forged})
        broken = broken.with_signature(who["lender"].sign(DOMAIN, broken.signed_body()))
        assert code(broken.check) == "CT-2327"
    head = deposit.logged.head.model_copy(update={"time": timestamp(NOW)})
    broken = deposit.model_copy(update={"logged": deposit.logged.model_copy(update={"head": head})})
    broken = broken.with_signature(who["lender"].sign(DOMAIN, broken.signed_body()))
    assert code(broken.check) == "CT-2327"


def test_forms_are_as_the_page_of_formats_says(world: World) -> None:
    """Made again from the page's words, with other libraries' functions."""
    custody = world.custody()
    private = custody._key._private  # type: ignore[union-attr]
    offer = custody.offer()
    binding = rfc8785.dumps(json.loads(offer.to_bytes())["binding"])
    asked = hashlib.sha512(b"coterie/keeper/v1" + binding).hexdigest()
    blob = cbor2.loads(offer.evidence.blob.split(b"\n", 1)[1])
    statement = json.loads(blob["statement"])
    assert statement["report_data"] == asked
    assert statement["launch_bound"] == hashlib.sha256(b"coterie/keeper/v1").hexdigest()
    deposit = json.loads(world.deposit(offer).to_bytes())
    signature = bytes.fromhex(deposit.pop("signature"))
    signed = b"coterie/deposit/v1\0" + rfc8785.dumps(deposit)
    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(deposit["owner"]["key"]))
    key.verify(signature, signed)
    sealed = {name: base64.b64decode(deposit.pop(name)) for name in ("wrapped", "secret")}
    said = hashlib.sha256(rfc8785.dumps(deposit)).digest()
    suite = Suite(KEM.MLKEM768_X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)
    for name, purpose, opened in (
        ("wrapped", b"coterie/deposit-key/v1", world.secrets["lender"]),
        ("secret", b"coterie/deposit-secret/v1", SHARED),
    ):
        assert sealed[name][:1] == b"\2"
        assert suite.decrypt(sealed[name][1:], private, purpose + b"\0simulated\0" + said) == opened


def test_roots_as_documents() -> None:
    roots = Roots(profile="development", simulated=frozenset({"ab" * 32}), tpm=frozenset({"cd" * 32}))
    assert PinnedRoots.of(roots).roots() == roots
    assert PinnedRoots.of(Roots()).roots() == Roots()
    strict = PinnedRoots.of(roots).model_copy(update={"profile": "production"})
    assert code(strict.roots) == "CT-2233"


def test_a_keeper_makes_room_for_offers_and_never_of_keys(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inside, "MOST", 3)
    custodies: dict[str, Any] = {}
    desk = Desk(world.host, world.home / "scratch", custodies)

    def ask(question: str, name: str, data: bytes) -> bytes:
        return desk.answer(Record(Kind.ASK, (question.encode(), name.encode(), data)))

    def offer() -> KeeperOffer:
        return KeeperOffer.parse(ask("offer", "", world.depositor.challenge("simulated").to_bytes()))

    offers = [offer() for _ in range(3)]
    for number, one in enumerate(offers[:2], 1):
        made = world.deposit(one, grant=world.reusable(max_runs=number))
        ask("deposit", made.binding.log_pk, made.to_bytes())
    third = offer()  # in the place of the one that nobody took
    assert list(custodies) == [*(one.binding.log_pk for one in offers[:2]), third.binding.log_pk]
    assert code(ask, "challenge", offers[2].binding.log_pk, b"") == "CT-2328"
    made = world.deposit(third, grant=world.reusable(max_runs=4))
    ask("deposit", made.binding.log_pk, made.to_bytes())
    assert code(offer) == "CT-2333"
    gone = offers[0].binding.log_pk
    ask("withdraw", gone, world.depositor.withdraw(gone).to_bytes())
    offer()
    assert gone not in custodies
    for question, name, data, refused in (
        ("dance", "", b"", "CT-2326"),
        ("offer", "", b"{}", "CT-2326"),
        ("deposit", third.binding.log_pk, b"{}", "CT-2326"),
        ("collect", third.binding.log_pk, b"{}", "CT-2326"),
        ("withdraw", third.binding.log_pk, b"{}", "CT-2326"),
        ("revoke", third.binding.log_pk, b"{}", "CT-1602"),
        ("release", third.binding.log_pk, b"{}", "CT-2273"),
        ("challenge", "\0", b"", "CT-2328"),
    ):
        assert code(ask, question, name, data) == refused
    for parse in (KeeperChallenge.parse, Withdrawal.parse, Collect.parse, Collected.parse):
        assert code(parse, b"[]") == "CT-2326"


def test_a_clock_that_is_held() -> None:
    wall, steady = Clock(), Steady()
    held = HeldClock(wall, steady)
    assert held() == NOW
    wall.now -= timedelta(days=1)
    assert held() == NOW
    steady.seconds += 61.9
    assert held() == NOW + timedelta(seconds=61)
    steady.seconds -= 1000
    assert held() == NOW + timedelta(seconds=61)
    wall.now = NOW + timedelta(days=2)
    assert held() == wall.now
    held.not_before(NOW)
    assert held() == wall.now
    held.not_before(NOW + timedelta(days=3))
    assert held() == NOW + timedelta(days=3)
    held.not_before(NOW.replace(year=9999, month=12, day=31))
    steady.seconds += 1e9
    assert held().year == 9999
