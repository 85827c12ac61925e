"""Jobs of engine tee between daemons: the hub hosts the attested runner, on a simulated platform."""

from __future__ import annotations

import json

from coterie.crypto import now
from coterie.node import AgreementView
from coterie.tee.evidence.attest.home import SimulatedHome
from tests.node.conftest import Trio, ended

TEE = """\
tee:
  host: hub
  platform: {{types: [sim], simulated: true, chips: any}}
  measurements: {{sim: [{{measurement: "{measurement}"}}]}}
  simulated_roots: ["{root}"]
  max_output_bytes: 4000000
  attempts: 2
"""
JOB = """\
name: joint score
agreement: {agreement}
engine: tee
datasets: {{lender: customers, payments: behaviour}}
steps: {steps}
"""
LOGISTIC = "[align, split, fill, standardize, logistic, evaluate]"


def agree(trio: Trio, measurement: str, **changes: str) -> AgreementView:
    """An agreement with a section ``tee``."""
    root = SimulatedHome(trio.hub.home / "tee" / "simulated", now()).pin
    text = trio.terms(engines="[mpc, tee]", **changes) + "\n" + TEE.format(measurement=measurement, root=root)
    draft = trio.lender.client.draft_agreement(text)
    trio.lender.client.offer_agreement(draft.id)
    trio.lender.client.sign_agreement(draft.id)
    return trio.payments.client.sign_agreement(draft.id)


def test_a_joint_score_from_sealed_data_to_sealed_results(trio: Trio, measurement: str) -> None:
    agreement = agree(trio, measurement)
    job = trio.lender.client.submit(JOB.format(agreement=agreement.id, steps=LOGISTIC))
    over = ended(trio.lender.client, job.id, 60)
    assert over.state == "done", over.error
    for daemon in trio.all:
        kinds = [entry.kind for entry in daemon.client.ledger(job=job.id)]
        print(daemon.name, kinds)
        print(sorted(result.name for result in daemon.client.job(job.id).results))
    print(json.dumps(over.model_dump(), indent=1)[:2000])
