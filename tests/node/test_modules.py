"""Users' modules at nodes: stewards read what they are asked to sign, and what is not agreed does not run."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from coterie.node.messages import AgreementPush, Ok
from tests.cli.conftest import call
from tests.node.conftest import Daemon, Trio, refused
from tests.node.test_agreements import stored
from tests.node.test_hostile_peers import ask

SOURCE = """\
# A line. \x1b[2J\u202e\ufe0f\u3164\u115f\u0301

def build(inputs, outputs, settings):
    import torch

    return torch.nn.Linear(inputs, outputs)
"""
SHA = hashlib.sha256(SOURCE.encode()).hexdigest()
LISTED = f"""
modules:
  - {{name: line, sha256: {SHA}, size: {len(SOURCE.encode())}, purpose: A line between good and bad.}}"""
JOB = """\
name: theirs
agreement: {agreement}
engine: mpc
datasets: {{lender: customers, payments: behaviour}}
steps: [align, {{module: {{module: {name}, weights: ["weight 1x1", "bias 1"]}}}}]
"""


def said(daemon: Daemon, *words: str) -> str:
    """What a steward sees."""
    return call("--home", str(daemon.home), *words).out


def test_stewards_read_a_module_before_they_sign_and_no_other_runs(trio: Trio, tmp_path: Path) -> None:
    lender, payments = trio.lender, trio.payments
    (tmp_path / "line.py").write_text(SOURCE)
    draft = lender.client.draft_agreement(trio.terms(engines="[mpc]" + LISTED))
    with refused("CT-4063"):  # nobody signs for what its node does not have
        lender.client.sign_agreement(draft.id)
    told = said(lender, "module", "add", str(tmp_path / "line.py"))
    assert f"sha256: {SHA}" in told
    assert [one.model_dump() for one in payments.client.modules()] == []
    with refused("CT-4063"):
        payments.client.module(SHA)
    lender.client.offer_agreement(draft.id)

    (listed,) = payments.client.agreed_modules(draft.id)
    assert (listed.name, listed.sha256, listed.here) == ("line", SHA, True)
    for reference in (SHA, SHA[:8], "line"):
        assert payments.client.module(reference).source == SOURCE
    shown = said(payments, "agreement", "modules", draft.id, "line")
    assert "def build(inputs, outputs, settings):" in shown
    assert "# A line. \\u{1b}[2J\\u{202e}\\u{fe0f}\\u{3164}\\u{115f}\\u{301}\n" in shown  # nothing hides
    assert "lines beyond ASCII 1 # A line." in " ".join(shown.split())
    raw = said(payments, "--json", "module", "show", SHA)
    assert raw.isascii()
    assert json.loads(raw)["source"] == SOURCE
    assert f"sha256 {SHA}" in " ".join(said(payments, "agreement", "show", draft.id).split())

    lender.client.sign_agreement(draft.id)
    (payments.home / "modules" / f"{SHA}.py").unlink()
    with refused("CT-4063"):
        payments.client.sign_agreement(draft.id)
    lender.client.offer_agreement(draft.id)
    payments.client.sign_agreement(draft.id)
    other = lender.client.draft_agreement(trio.terms(engines="[mpc]" + LISTED.replace(SHA, "ab" * 32)))
    with refused("CT-4063") as caught:
        lender.client.module("line")  # one is here, and which of them is meant nobody has said
    assert f"'line' at lender, by the agreements {draft.name}, {other.name}" in str(caught.value)
    with refused("CT-1650"):
        lender.client.submit(JOB.format(agreement=draft.id, name="other"))
    refusals = lender.client.ledger(kind="refusal")
    assert refusals[-1].body["code"] == "CT-1650"
    file = lender.home / "modules" / f"{SHA}.py"
    assert file.stat().st_mode & 0o077 == 0
    file.write_text(SOURCE + "\n")  # what is not the agreed file is as good as none
    with refused("CT-4063"):
        lender.client.submit(JOB.format(agreement=draft.id, name="line"))
    lender.client.add_module(SOURCE)
    with refused("CT-4003"):  # the file is the agreed one again: the rest is the engine
        lender.client.submit(JOB.format(agreement=draft.id, name="line"))


def test_files_that_an_agreement_does_not_list_are_not_kept(trio: Trio) -> None:
    agreement = trio.agree()
    push = AgreementPush(
        agreement=stored(trio.lender.home, agreement.id)[0], drafted_by="lender", modules=("import os\n",)
    )
    ask(trio.lender, trio.payments, "agreement/push", push, Ok)
    other = hashlib.sha256(b"import os\n").hexdigest()
    assert not (trio.payments.home / "modules" / f"{other}.py").exists()
