"""A lender and a payment service that agree on one attested job: real identities, ledgers, sealed data."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from coterie.agreement import Agreement, Revocation, Terms, draft
from coterie.crypto import Identity, atomic_write, digest, now, timestamp
from coterie.data import Column
from coterie.ledger import Ledger
from coterie.tee.container.keystore import KeyStore
from coterie.tee.container.record import DatasetRecord, schema_digest, sign_record
from coterie.tee.container.sealing import seal
from coterie.tee.container.wrapping import RunnerKey
from coterie.tee.documents.derive import grant_for
from coterie.tee.documents.exchange import Checkpoint, LoggedGrant
from coterie.tee.documents.grant import Grant
from coterie.tee.documents.manifest import JobManifest
from coterie.tee.documents.receipt import ReceiptKey
from coterie.tee.evidence.attest.sim import SimAttester
from coterie.tee.evidence.roots import Roots
from coterie.tee.evidence.store import EndorsementStore
from coterie.tee.release.case import Case
from coterie.tee.release.counters import FileCounters
from coterie.tee.release.releaser import Releaser, ReleaserNode

NOW = datetime.fromisoformat(
    os.environ.setdefault("COTERIE_TESTS_NOW", (now() + timedelta(days=1)).isoformat())
)
"""Ledgers tell the time by the machine's clock; what tests set is after that. The same in processes that
tests start, however much later they do."""
MEASUREMENT = hashlib.sha256(b"the runner").digest()
NAMES = ("lender", "payments", "hub", "mallory")

DRAFT = f"""\
name: joint-credit-score
parties: [lender, payments]
services: [hub]
datasets:
  - {{name: loans, owner: lender, id: customer, label: default, columns: [age, income]}}
  - {{name: accounts, owner: payments, id: client, columns: [spend, balance]}}
components:
  - name: align
  - name: boosting
    params:
      trees: {{max: 300}}
engines: [tee]
results:
  - {{kind: model, to: [lender, payments]}}
  - {{kind: metrics, to: [lender, payments]}}
  - {{kind: scores, to: [lender]}}
min_rows: 100
not_before: {timestamp(NOW - timedelta(days=30))}
expires: {timestamp(NOW + timedelta(days=300))}
max_runs: 10
tee:
  host: hub
  platform: {{types: [sim], simulated: true, chips: any}}
  measurements: {{sim: [{{measurement: "{MEASUREMENT.hex()}"}}]}}
  max_output_bytes: 1000000
  attempts: 2
"""


def people(home: Path) -> dict[str, Identity]:
    return {name: Identity.create(home / name, name) for name in NAMES}


def keys_of(who: dict[str, Identity]) -> dict[str, str]:
    return {name: identity.public.key for name, identity in who.items()}


def agreed(who: dict[str, Identity], text: str = DRAFT) -> Agreement:
    keys = keys_of(who)
    agreement = Agreement(terms=draft(text, keys))
    for name in agreement.terms.parties:
        agreement = agreement.sign(who[name], keys)
    return agreement


TABLES: dict[str, tuple[str, tuple[Column, ...]]] = {
    "lender": (
        "loans",
        (
            Column(name="customer", type="text", role="id"),
            Column(name="age", type="int", nullable=True),
            Column(name="income", type="float"),
            Column(name="default", type="bool", role="label"),
        ),
    ),
    "payments": (
        "accounts",
        (
            Column(name="client", type="text", role="id"),
            Column(name="spend", type="float"),
            Column(name="balance", type="float"),
            Column(name="note", type="text"),
        ),
    ),
}


def sealed(
    owner: Identity,
    keys: KeyStore | None = None,
    rows: int = 1000,
    columns: tuple[Column, ...] | None = None,
    ids: int | None = None,
) -> tuple[DatasetRecord, bytes]:
    """A record of fresh sealed data, and the data key."""
    name, known = TABLES[owner.name]
    columns = columns or known
    plain = f"rows of {owner.name}".encode() * 40
    made = seal(
        io.BytesIO(plain),
        lambda _: None,
        size=len(plain),
        dataset=f"{owner.name}/{name}",
        schema=schema_digest(columns, ("trim",)),
    )
    if keys is not None:
        keys.keep(made.preamble, made.key)
    return sign_record(owner, made, columns=columns, id_rule=("trim",), rows=rows, ids=ids), made.key


def manifest_fields(terms: Terms, records: dict[str, DatasetRecord], keys: dict[str, str]) -> dict[str, Any]:
    """A job that the terms allow, as plain values."""
    return {
        "job": "0123456789abcdef" * 2,
        "agreement": terms.id,
        "plan": digest(b"the plan"),
        "steps": [
            {"name": "align", "component": "align", "params": {"reveal": False}},
            {"name": "train", "component": "boosting", "params": {"trees": 300, "depth": 4}},
        ],
        "datasets": [
            {
                "owner": "lender",
                "dataset": "lender/loans",
                "record": records["lender"].digest,
                "id": "customer",
                "columns": ["age", "income"],
                "label": "default",
                "rows": 1000,
            },
            {
                "owner": "payments",
                "dataset": "payments/accounts",
                "record": records["payments"].digest,
                "id": "client",
                "columns": ["spend"],
                "label": None,
                "rows": 1000,
            },
        ],
        "outputs": [
            {"step": "train", "kind": "model", "receivers": ["lender", "payments"], "max_bytes": 500_000},
            {"step": "train", "kind": "scores", "receivers": ["lender"], "max_bytes": 100_000, "count": 2},
        ],
        "min_rows": 100,
        "keys": {name: keys[name] for name in ("lender", "payments", "hub")},
        "host": "hub",
        "assurance": "simulated",
        "measurements": {"sim": [{"measurement": MEASUREMENT.hex()}]},
        "created": timestamp(NOW),
    }


def resigned(grant: Grant, owner: Identity, **changes: Any) -> Grant:
    """The grant with other fields, signed by ``owner``."""
    fields = {name: getattr(grant, name) for name in Grant.model_fields if name not in ("owner", "signature")}
    return Grant.sign(owner, fields | changes)


class Folder:
    """Files by their digest."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(exist_ok=True)

    def put(self, content: bytes) -> str:
        atomic_write(self.folder / digest(content), content)
        return digest(content)


@dataclass
class Book:
    """The agreements of a node."""

    agreement: Agreement
    revocations: list[Revocation]

    def find(self, agreement: str) -> tuple[Agreement, Iterable[Revocation]]:
        assert agreement == self.agreement.id
        return self.agreement, self.revocations


class Clock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


class World:
    """Everything that one run needs, under one folder; the lender's releaser is the one under test."""

    def __init__(self, home: Path, who: dict[str, Identity], text: str = DRAFT, **changes: Any) -> None:
        self.home, self.who, self.clock = home, who, Clock()
        self.agreement = agreed(who, text)
        self.keys = KeyStore(home / "keys")
        self.records: dict[str, DatasetRecord] = {}
        self.secrets: dict[str, bytes] = {}
        for name in TABLES:
            self.records[name], self.secrets[name] = sealed(who[name], self.keys)
        fields = manifest_fields(self.agreement.terms, self.records, keys_of(who))
        self.manifest = JobManifest.model_validate(fields | changes)
        self.grants = {name: self.grant(name) for name in TABLES}
        self.ledgers = {name: Ledger(home / f"ledger-{name}", who[name]) for name in TABLES}
        self.book = Book(self.agreement, [])
        self.attester = SimAttester(
            home / "sim", MEASUREMENT, launch_bound=self.manifest.digest_bytes, now=self.clock
        )
        self.releaser = self.restarted()
        self.case = self.case_of()

    def grant(self, name: str, **options: Any) -> Grant:
        record = self.records[name]
        return grant_for(self.agreement.terms, self.manifest, record, self.who[name], now=NOW, **options)

    def roots(self) -> Roots:
        return Roots(profile="development", simulated=frozenset({self.attester.pin}))

    def restarted(self, **changes: Any) -> Releaser:
        """The lender's releaser, as after a start of its node."""
        roots = changes.pop("roots", None) or self.roots()
        reference = changes.pop("reference", None)
        parts: dict[str, Any] = {
            "name": "lender",
            "log": self.ledgers["lender"],
            "counters": FileCounters(self.home / "counters"),
            "agreements": self.book,
            "endorsements": EndorsementStore(self.home / "endorsements"),
            "keys": self.keys,
            "archive": Folder(self.home / "archive"),
        }
        return Releaser(ReleaserNode(**{**parts, **changes}), roots, reference=reference, now=self.clock)

    def case_of(self, **grants: Grant) -> Case:
        """The case with every owner's grant logged."""
        given = {**self.grants, **grants}
        logged = (
            self.releaser.log_grant(given["lender"], self.manifest.job),
            self._logged(given["payments"]),
        )
        checkpoint = Checkpoint(manifest=self.manifest.digest, logged=logged)
        return Case(self.manifest, tuple(given.values()), tuple(self.records.values()), checkpoint)

    def _logged(self, grant: Grant) -> LoggedGrant:
        ledger = self.ledgers["payments"]
        entry = ledger.append("grant", {"job": self.manifest.job, "grant": grant.digest})
        return LoggedGrant(owner="payments", grant=grant.digest, entry=entry.seq, head=ledger.head())

    def close(self) -> None:
        for ledger in self.ledgers.values():
            ledger.close()


@dataclass
class Runner:
    """What the attested process does for a release."""

    case: Case
    attester: SimAttester

    def __post_init__(self) -> None:
        self.key = RunnerKey.generate()
        self.receipt = ReceiptKey.generate()

    def binding(self, nonce: str, **changes: Any) -> Any:
        made = self.case.binding(
            provider="lender", nonce=nonce, hpke_pk=self.key.public.hex(), receipt_pk=self.receipt.public
        )
        return made.model_copy(update=changes)
