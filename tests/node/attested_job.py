"""Jobs of engine tee of the trio: the hub hosts the attested runner, on a simulated platform."""

from __future__ import annotations

from coterie.crypto import now
from coterie.node import AgreementView
from coterie.tee.evidence.attest.home import SimulatedHome
from tests.node.conftest import Trio

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


def agree(trio: Trio, measurement: str, **changes: str) -> AgreementView:
    """An agreement with a section ``tee``."""
    root = SimulatedHome(trio.hub.home / "tee" / "simulated", now()).pin
    text = trio.terms(engines="[mpc, tee]", **changes) + "\n" + TEE.format(measurement=measurement, root=root)
    draft = trio.lender.client.draft_agreement(text)
    trio.lender.client.offer_agreement(draft.id)
    trio.lender.client.sign_agreement(draft.id)
    return trio.payments.client.sign_agreement(draft.id)
