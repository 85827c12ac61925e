"""Two parties, and a ledger as a job leaves it."""

from __future__ import annotations

from pathlib import Path

import pytest

from coterie.crypto import Identity
from coterie.ledger import Ledger

JOB = "0123456789abcdef" * 2


@pytest.fixture(scope="session")
def lender(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return Identity.create(tmp_path_factory.mktemp("lender"), "lender")


@pytest.fixture(scope="session")
def payments(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return Identity.create(tmp_path_factory.mktemp("payments"), "payments")


@pytest.fixture(scope="session")
def mallory(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    """Somebody who took the lender's name."""
    return Identity.create(tmp_path_factory.mktemp("mallory"), "lender")


def fill(ledger: Ledger) -> None:
    """Nine entries of all that a job writes."""
    ledger.append("agreement", {"id": "sha256:" + "1" * 64, "name": "joint-score"})
    ledger.append("job", {"job": JOB, "state": "proposed", "by": "lender"})
    ledger.append("plan", {"job": JOB, "stage": 0, "plan": "sha256:" + "2" * 64})
    ledger.append("approval", {"job": JOB, "party": "payments"})
    ledger.append(
        "reveal", {"job": JOB, "what": "score of each test row", "to": ["lender"], "values": 45_000}
    )
    ledger.append(
        "egress", {"job": JOB, "step": "train", "planned": {"payments": 7}, "sent": {"payments": 7}}
    )
    ledger.append("result", {"job": JOB, "kind": "report", "name": "Bericht für März.html"})
    ledger.append("refusal", {"code": "CT-1628", "reason": "a column is not granted"})
    ledger.append("job", {"job": JOB, "state": "done"})


@pytest.fixture
def filled(tmp_path: Path, lender: Identity) -> Path:
    """A closed ledger of nine entries."""
    with Ledger(tmp_path / "ledger", lender) as ledger:
        fill(ledger)
    return tmp_path / "ledger"
