"""Two banks that agree: real identities, a draft as stewards write it, and a request within it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from coterie.agreement import Agreement, Decision, Request, Terms, decide, draft
from coterie.crypto import Identity

NOW = datetime(2026, 11, 22, 20, 0, tzinfo=UTC)

DRAFT = """\
name: joint-credit-score
parties: [lender, payments]
services: [hub]
dealer: hub
datasets:
  - name: loans
    owner: lender
    id: customer
    label: default
    columns: [age, income, no]
  - name: accounts
    owner: payments
    id: client
    columns: [spend, balance]
components:
  - name: align
  - name: split
    params:
      test: {min: 0.1, max: 0.5}
  - name: logistic
    params:
      l2: {max: 1}
      optimiser: {one_of: [momentum, newton]}
      guard: {equals: true}
engines: [mpc]
results:
  - kind: model
    to: [lender, payments]
  - kind: scores
    to: [lender]
min_rows: 1000
not_before: 2026-11-01T00:00:00Z
expires: 2027-11-01T00:00:00Z
max_runs: 10
approval: {lender: automatic}
"""


@pytest.fixture(scope="session")
def people(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Identity]:
    home: Path = tmp_path_factory.mktemp("homes")
    return {name: Identity.create(home / name, name) for name in ("lender", "payments", "hub", "mallory")}


@pytest.fixture(scope="session")
def keys(people: dict[str, Identity]) -> dict[str, str]:
    return {name: identity.public.key for name, identity in people.items()}


@pytest.fixture(scope="session")
def terms(keys: dict[str, str]) -> Terms:
    return draft(DRAFT, keys)


@pytest.fixture(scope="session")
def signed(terms: Terms, people: dict[str, Identity], keys: dict[str, str]) -> Agreement:
    agreement = Agreement(terms=terms)
    for name in terms.parties:
        agreement = agreement.sign(people[name], keys)
    return agreement


def request_document(agreement: str) -> dict[str, Any]:
    """A job that the draft allows, as plain JSON values."""
    return {
        "agreement": agreement,
        "submitter": "lender",
        "engine": "mpc",
        "parties": ["lender", "payments"],
        "dealer": "hub",
        "datasets": [
            {
                "name": "loans",
                "owner": "lender",
                "id": "customer",
                "columns": ["age", "no"],
                "label": "default",
                "rows": 5000,
            },
            {
                "name": "accounts",
                "owner": "payments",
                "id": "client",
                "columns": ["balance"],
                "label": None,
                "rows": 1000,
            },
        ],
        "steps": [
            {"component": "align", "params": {"reveal": False}, "defaults": {"reveal": False}},
            {"component": "split", "params": {"test": 0.3, "seed": 1}, "defaults": {"test": 0.2, "seed": 1}},
            {
                "component": "logistic",
                "params": {"l2": 0, "optimiser": "newton", "guard": True, "passes": 10, "note": None},
                "defaults": {"l2": 0.1, "optimiser": "momentum", "guard": False, "passes": 10, "note": None},
            },
        ],
        "results": {"model": ["lender", "payments"], "scores": ["lender"]},
        "common_rows": 1000,
    }


def judge(agreement: Agreement, document: dict[str, Any], keys: dict[str, str], **changed: Any) -> Decision:
    arguments: dict[str, Any] = {"now": NOW, "runs_used": 0, "revocations": (), "keys": keys} | changed
    return decide(agreement, Request.model_validate(document), **arguments)
