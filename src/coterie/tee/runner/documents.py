"""The documents of a run as parts of a record: the host hands them over, the runner parses them."""

from __future__ import annotations

from coterie.crypto import canonical
from coterie.tee.container.record import parse_record
from coterie.tee.documents.exchange import Checkpoint
from coterie.tee.documents.grant import Grant
from coterie.tee.documents.manifest import JobManifest
from coterie.tee.release.case import Case
from coterie.tee.runner.errors import RUN_REFUSED
from coterie.tee.runner.records import Record


def parts_of(case: Case, public: bytes) -> list[bytes]:
    """Manifest, checkpoint, what is for the work, then the grant and the record of each owner in the
    manifest's order. Errors: CT-2294 where it is not one of each.
    """
    grants = {grant.owner.name: grant for grant in case.grants}
    records = {record.owner.name: record for record in case.records}
    owners = case.manifest.owners
    for found, count in ((grants, len(case.grants)), (records, len(case.records))):
        if sorted(found) != sorted(owners) or count != len(owners):
            raise RUN_REFUSED("a grant and a record are needed of every owner, and of nobody else")
    made = [case.manifest.to_bytes(), case.checkpoint.to_bytes(), public]
    for owner in owners:
        made += [grants[owner].to_bytes(), canonical(records[owner])]
    return made


def parse_case(record: Record) -> tuple[Case, bytes]:
    """What the host has put together, and what it has for the work; nothing is checked but the case's form.
    Errors: CT-2270, CT-2271,
    CT-2273, CT-2207.
    """
    manifest, checkpoint, public, *others = record.parts
    case = Case(
        JobManifest.parse(manifest),
        tuple(Grant.parse(part) for part in others[0::2]),
        tuple(parse_record(part) for part in others[1::2]),
        Checkpoint.parse(checkpoint),
    )
    return case, public
