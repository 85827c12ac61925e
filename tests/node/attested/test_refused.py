"""What is not agreed does not run: a refusal ends the job at everybody with one code, and nobody waits."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from coterie.agreement import Terms
from coterie.crypto import Identity
from coterie.jobs import Proposal, derive_plan, new_job_id
from coterie.node import AgreementView, JobView
from coterie.node.messages import Propose, ProposeAnswer
from coterie.tee import DatasetRecord
from coterie.tee.container.record import DOMAIN, Owner
from tests.node.attested.world import BOTH, World
from tests.node.conftest import refused
from tests.node.test_agreements import as_peer


def releases(world: World, job: JobView, *names: str) -> int:
    """Keys that were released for a job."""
    parties = names or ("lender", "payments")
    return sum(len(world.daemons[name].client.ledger(kind="release", job=job.id)) for name in parties)


def nothing_came_of(world: World, job: JobView) -> None:
    for name, daemon in world.daemons.items():
        folder = daemon.home / "jobs" / job.id / "results"
        assert [path for path in folder.rglob("*") if path.is_file()] == [], name
    world.settle()


def test_other_code_at_the_host_is_not_even_started(five: World) -> None:
    """One bit of the measurement; and the job has used up the agreement's only run."""
    wrong = bytes([five.measured[0] ^ 1]) + five.measured[1:]
    agreement = five.agree(measurements={"sim": [{"measurement": wrong.hex()}]}, max_runs=1)
    job = five.submit(agreement)
    five.failed(job, "CT-4033", "hub")
    assert five.measured.hex() in str(five.payments.client.job(job.id).error)
    assert releases(five, job) == 0
    nothing_came_of(five, job)
    with refused("CT-1625"):
        five.submit(agreement)


def test_a_simulated_platform_that_the_agreement_does_not_count(five: World) -> None:
    agreement = five.agree(simulated_roots=None)
    job = five.submit(agreement)
    five.failed(job, "CT-2235", "lender")
    assert releases(five, job) == 0
    (refusal,) = five.lender.client.ledger(kind="refusal", job=job.id)
    assert (refusal.body["what"], refusal.body["code"]) == ("release", "CT-2235")
    nothing_came_of(five, job)


def test_a_node_in_production_takes_no_part_in_simulations(five: World) -> None:
    """Neither with data nor as a receiver: it is refused before anything is sent."""
    both = ("lender", "bank")
    guest = five.agree((*BOTH, "bank"), owners=BOTH)
    for agreement, more in ((five.agree(both), {"owners": both}), (guest, {"receivers": ["bank"]})):
        with refused("CT-2233") as caught:
            five.submit(agreement, ["align", "split", "logistic"], **more)
        assert caught.value.party == "bank"
        job = five.lender.client.jobs()[0]
        five.failed(job, "CT-2233", "bank", "lender", "hub", state="refused")
        refusal = five.bank.client.ledger(kind="refusal")[-1].body
        assert (refusal["job"], refusal["code"]) == (job.id, "CT-2233")
        assert releases(five, job) == 0


def test_a_node_in_production_takes_no_part_where_the_dealer_only_pretends(five: World) -> None:
    both = ("lender", "bank")
    pretends = {
        "platform": {"types": ["sim"], "simulated": True, "chips": "any"},
        "measurements": {"sim": [{"measurement": "00" * 48}]},
    }
    agreement = five.agree(both, engines=["mpc"], dealer="hub", dealer_tee=pretends)
    steps = ["align", "split", "fill", "standardize", "logistic"]
    with refused("CT-2233") as caught:
        five.submit(agreement, steps, owners=both, engine="mpc", correlations="tape")
    assert caught.value.party == "bank"


def test_an_owner_without_its_key_ends_the_job(five: World) -> None:
    agreement = five.agree(approval={"lender": "automatic", "payments": "person"})
    job = five.submit(agreement)
    file = five.proposal("payments", job).sealed["payments"].file
    (five.payments.home / "keys" / f"{file}.json").unlink()
    five.payments.client.approve(job.id)
    five.failed(job, "CT-2209", "payments")
    assert releases(five, job, "payments") == 0
    nothing_came_of(five, job)
    again = five.submit(agreement)
    assert five.proposal("payments", again).sealed["payments"].file != file, "it is sealed anew"
    five.payments.client.approve(again.id)
    five.done(again)


def test_revoked_between_proposal_and_start(five: World) -> None:
    agreement = five.agree(approval={"lender": "automatic", "payments": "person"})
    job = five.submit(agreement)
    assert job.state == "proposed"
    five.lender.client.revoke_agreement(agreement.id, "changed our mind")
    five.failed(job, "CT-1622", "lender", state="refused")
    with refused("CT-5051"):
        five.payments.client.approve(job.id)
    assert releases(five, job) == 0
    assert five.lender.client.ledger(kind="grant", job=job.id) == []
    nothing_came_of(five, job)


def test_revoked_while_the_runner_works(five: World) -> None:
    agreement = five.agree()
    with five.working(agreement) as job:
        assert releases(five, job) == 2
        five.payments.client.revoke_agreement(agreement.id, "stop")
        five.failed(job, "CT-1622", "payments", state="cancelled")
    nothing_came_of(five, job)
    with refused("CT-1622"):
        five.submit(agreement)


def test_a_table_that_has_changed_is_sealed_again(five: World) -> None:
    """And the key of what was sealed before is destroyed, wherever copies of it lie."""
    owners = ("lender", "telecom")
    agreement = five.agree(owners)
    job = five.submit(agreement, owners=owners)
    five.done(job, *owners, "hub")
    before = five.proposal("hub", job).sealed["telecom"]
    table = five.data / "usage.csv"
    head, first, *rest = table.read_text().splitlines()
    table.write_text("\n".join([head, *rest, first]) + "\n")
    job = five.submit(agreement, owners=owners)
    five.done(job, *owners, "hub")
    after = five.proposal("hub", job).sealed["telecom"]
    assert before.root != after.root
    keys = {path.stem for path in (five.telecom.home / "keys").iterdir()}
    assert before.file not in keys
    assert after.file in keys
    told = [entry.body for entry in five.telecom.client.ledger(kind="sealed")]
    events = [one["event"] for one in told if before.file == one.get("file")]
    assert events[:2] == ["sealed", "key destroyed"]


# -- a proposer who is not honest


@pytest.fixture(scope="module")
def honest(five: World) -> tuple[AgreementView, Proposal]:
    """A proposal that everybody has accepted; what is made of it has another job's id."""
    agreement = five.agree(approval={"lender": "automatic", "payments": "person"})
    job = five.submit(agreement)
    five.lender.client.cancel(job.id)
    return agreement, five.proposal("payments", job)


def others(world: World, sealed: dict[str, DatasetRecord]) -> dict[str, DatasetRecord]:
    """The proposer's own data in the place of the other's."""
    return {**sealed, "payments": sealed["lender"]}


def posing(world: World, sealed: dict[str, DatasetRecord]) -> dict[str, DatasetRecord]:
    """The other's record under the proposer's key."""
    identity = Identity.load(world.lender.home)
    owner = Owner(name="payments", key=identity.public.key)
    return {**sealed, "payments": signed(identity, sealed["payments"].model_copy(update={"owner": owner}))}


def edited(world: World, sealed: dict[str, DatasetRecord]) -> dict[str, DatasetRecord]:
    """One bit of the other's root."""
    record = sealed["payments"]
    root = record.root[:-1] + f"{int(record.root[-1], 16) ^ 1:x}"
    return {**sealed, "payments": record.model_copy(update={"root": root})}


def edited_own(world: World, sealed: dict[str, DatasetRecord]) -> dict[str, DatasetRecord]:
    """Another root under the signature that it had."""
    return {**sealed, "lender": sealed["lender"].model_copy(update={"root": sealed["payments"].root})}


def fewer(world: World, sealed: dict[str, DatasetRecord]) -> dict[str, DatasetRecord]:
    """The own data with fewer rows than the proposer has told; well signed."""
    record = sealed["lender"].model_copy(update={"rows": 299})
    return {**sealed, "lender": signed(Identity.load(world.lender.home), record)}


def missing(world: World, sealed: dict[str, DatasetRecord]) -> dict[str, DatasetRecord]:
    return {"payments": sealed["payments"]}


def nothing(world: World, sealed: dict[str, DatasetRecord]) -> dict[str, DatasetRecord]:
    return {}


def signed(identity: Identity, record: DatasetRecord) -> DatasetRecord:
    return record.model_copy(update={"signature": identity.sign(DOMAIN, record.signed_body()).hex()})


@pytest.mark.parametrize(
    ("change", "owner", "host"),
    [
        (others, "CT-4010", "CT-4031"),
        (posing, "CT-4010", "CT-4031"),
        (edited, "CT-4010", "CT-4031"),
        (edited_own, "CT-4031", "CT-4031"),
        (fewer, "CT-4031", "CT-4031"),
        (missing, "CT-4030", "CT-4030"),
        (nothing, "CT-4010", "CT-4030"),
    ],
)
def test_a_proposal_whose_sealed_data_is_not_its_owners(
    five: World, honest: tuple[AgreementView, Proposal], change: Any, owner: str, host: str
) -> None:
    """Neither the owner nor the host takes it."""
    agreement, proposal = honest
    for receiver, code in ((five.payments, owner), (five.hub, host)):
        job = new_job_id()
        wrong = proposal.model_copy(update={"job": job, "sealed": change(five, dict(proposal.sealed))})
        honestly = wrong if change is nothing else proposal.model_copy(update={"job": job})
        plan = derive_plan(honestly, Terms.model_validate(agreement.terms))
        client, there = as_peer(five.lender, receiver)
        message = Propose(proposal=wrong, plan=plan.to_document())
        with refused(code) as caught:
            asyncio.run(client.call(there, "job/propose", message, ProposeAnswer))
        assert caught.value.party in ("lender", "payments")
        assert receiver.client.ledger(kind="refusal", job=job)[-1].body["code"] == code
