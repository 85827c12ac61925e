"""A receipt holds for one run of one case, and only with evidence for the key that signed it."""

from __future__ import annotations

from typing import Any

import pytest

from coterie.crypto import timestamp
from coterie.errors import CoterieError
from coterie.tee.documents.receipt import ReceiptKey
from coterie.tee.evidence.model import Endorsements
from coterie.tee.evidence.verify import verify
from coterie.tee.release.receipts import Proof, check_receipt
from tests.tee.joint import NOW, Runner, World

DIGEST = "sha256:" + "ab" * 32


@pytest.fixture
def runner(world: World) -> Runner:
    return Runner(world.case, world.attester)


def proof(world: World, runner: Runner, owner: str = "lender", **changes: Any) -> Proof:
    binding = runner.binding(changes.pop("nonce", "0a" * 32), provider=owner, **changes)
    evidence = runner.attester.quote(binding.report_data())
    return Proof(binding, verify(evidence, Endorsements(type="sim"), NOW, world.roots()))


def fields(world: World, proofs: dict[str, Proof]) -> dict[str, Any]:
    return {
        "assurance": "simulated",
        "manifest": world.case.job,
        "grants_root": world.case.grants_root,
        "log_checkpoint": world.case.checkpoint.digest,
        "evidence": {owner: one.claims.body for owner, one in proofs.items()},
        "inputs": [
            {"owner": name, "dataset": record.dataset, "record": record.digest, "root": record.root}
            for name, record in world.records.items()
        ],
        "outputs": [output(), output(kind="scores", receivers=["lender"], name="s-1", file="02" * 16)],
        "resources": {"wall_ms": 1, "cpu_ms": 1, "memory": 1},
        "started": timestamp(NOW),
        "finished": timestamp(NOW),
    }


def output(**changes: Any) -> dict[str, Any]:
    return {
        "step": "train",
        "kind": "model",
        "name": "train.model",
        "file": "01" * 16,
        "root": DIGEST,
        "commitment": "02" * 32,
        "size": 60_000,
        "receivers": ["payments", "lender"],
    } | changes


def test_a_receipt_of_the_run(world: World, runner: Runner) -> None:
    proofs = {owner: proof(world, runner, owner) for owner in ("lender", "payments")}
    receipt = runner.receipt.sign(fields(world, proofs))
    check_receipt(receipt, world.case, proofs)
    check_receipt(receipt, world.case, {"lender": proofs["lender"]})


SCORES = {"kind": "scores", "receivers": ["lender"]}
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"manifest": DIGEST}, "another job"),
    ({"grants_root": DIGEST}, "other grants"),
    ({"log_checkpoint": DIGEST}, "state of the logs"),
    ({"assurance": "hardware"}, "a hardware platform"),
    ({"outputs": [output(kind="metrics")]}, "was not to leave"),
    ({"outputs": [output(step="align")]}, "was not to leave"),
    ({"outputs": [output(receivers=["payments", "hub"])]}, "is for payments, hub"),
    ({"outputs": [output(size=500_001)]}, "more model"),
    ({"outputs": [output(), output(name="again", file="03" * 16)]}, "2 outputs"),
    (
        {"outputs": [output(**SCORES, name=f"s{n}", file=f"0{n}" * 16, size=50_001) for n in (1, 2)]},
        "100,002 bytes",
    ),
]


@pytest.mark.parametrize(("change", "reason"), WRONG)
def test_a_receipt_of_something_else(
    world: World, runner: Runner, change: dict[str, Any], reason: str
) -> None:
    proofs = {owner: proof(world, runner, owner) for owner in ("lender", "payments")}
    receipt = runner.receipt.sign(fields(world, proofs) | change)
    with pytest.raises(CoterieError, match=reason) as caught:
        check_receipt(receipt, world.case, proofs)
    assert caught.value.code == "CT-2272"


def test_other_data_than_granted(world: World, runner: Runner) -> None:
    proofs = {owner: proof(world, runner, owner) for owner in ("lender", "payments")}
    made = fields(world, proofs)
    made["inputs"][0]["root"] = DIGEST
    with pytest.raises(CoterieError, match="other data"):
        check_receipt(runner.receipt.sign(made), world.case, proofs)


def test_a_receipt_by_the_hosts_own_key(world: World, runner: Runner) -> None:
    """The host has honest evidence of the runner, and signs a receipt of its own."""
    proofs = {owner: proof(world, runner, owner) for owner in ("lender", "payments")}
    forged = ReceiptKey.generate().sign(fields(world, proofs))
    with pytest.raises(CoterieError, match="not bound to this key"):
        check_receipt(forged, world.case, proofs)
    honest = runner.receipt.sign(fields(world, proofs))
    with pytest.raises(CoterieError, match="nothing shows whose key"):
        check_receipt(honest, world.case, {})
    edited = honest.model_copy(update={"finished": timestamp(NOW.replace(year=NOW.year + 1))})
    with pytest.raises(CoterieError, match="did not sign"):
        check_receipt(edited, world.case, proofs)


def test_evidence_of_another_exchange(world: World, runner: Runner) -> None:
    """Evidence over another nonce is other evidence, though the same runner made it."""
    proofs = {owner: proof(world, runner, owner) for owner in ("lender", "payments")}
    receipt = runner.receipt.sign(fields(world, proofs))
    later = proof(world, runner, nonce="0b" * 32)
    with pytest.raises(CoterieError, match="other than the receipt names"):
        check_receipt(receipt, world.case, {"lender": later})
    with pytest.raises(CoterieError, match="not bound"):
        check_receipt(receipt, world.case, {"lender": Proof(later.binding, proofs["lender"].claims)})
    with pytest.raises(CoterieError, match="not bound"):
        check_receipt(receipt, world.case, {"lender": proof(world, runner, job=DIGEST)})
