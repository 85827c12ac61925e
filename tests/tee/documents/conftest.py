"""One agreement, two sealed data sets, one job within it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from coterie.agreement import Terms
from coterie.crypto import Identity
from coterie.tee.container.record import DatasetRecord
from coterie.tee.documents.derive import grant_for
from coterie.tee.documents.grant import Grant
from coterie.tee.documents.manifest import JobManifest
from tests.tee import joint


@dataclass(frozen=True)
class Job:
    who: dict[str, Identity]
    terms: Terms
    records: dict[str, DatasetRecord]
    fields: dict[str, Any]
    manifest: JobManifest

    def grant(self, name: str = "lender", **options: Any) -> Grant:
        manifest = options.pop("manifest", self.manifest)
        return grant_for(self.terms, manifest, self.records[name], self.who[name], now=joint.NOW, **options)

    def grants(self, **options: Any) -> tuple[Grant, ...]:
        return tuple(self.grant(name, **options) for name in ("lender", "payments"))

    def changed(self, **changes: Any) -> JobManifest:
        return JobManifest.model_validate(self.fields | changes)


@pytest.fixture(scope="package")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    who = joint.people(tmp_path_factory.mktemp("people"))
    terms = joint.agreed(who).terms
    records = {name: joint.sealed(who[name])[0] for name in joint.TABLES}
    fields = joint.manifest_fields(terms, records, joint.keys_of(who))
    return Job(who, terms, records, fields, JobManifest.model_validate(fields))
