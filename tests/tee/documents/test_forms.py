"""Each document has one form; what is unknown, missing, too long or said twice is refused."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coterie.crypto import canonical
from coterie.errors import CoterieError
from coterie.tee.documents.base import DOCUMENT_LIMIT
from coterie.tee.documents.exchange import (
    MESSAGE_LIMIT,
    Challenge,
    Checkpoint,
    Release,
    ReleaseRequest,
    release_info,
)
from coterie.tee.documents.grant import Grant
from coterie.tee.documents.manifest import JobManifest
from coterie.tee.documents.receipt import Receipt, ReceiptKey
from tests.tee.documents.conftest import Job
from tests.tee.joint import resigned

DIGEST = "sha256:" + "ab" * 32
OUTPUT = {
    "step": "train",
    "kind": "model",
    "name": "train.model",
    "file": "01" * 16,
    "root": DIGEST,
    "commitment": "02" * 32,
    "size": 1000,
    "receivers": ["lender"],
}
INPUT = {"owner": "lender", "dataset": "lender/loans", "record": DIGEST, "root": DIGEST}
RECEIPT: dict[str, Any] = {
    "assurance": "simulated",
    "manifest": DIGEST,
    "grants_root": DIGEST,
    "log_checkpoint": DIGEST,
    "evidence": {"lender": DIGEST},
    "inputs": [INPUT],
    "outputs": [OUTPUT],
    "resources": {"wall_ms": 10, "cpu_ms": 9, "memory": 2**30},
    "started": "2026-11-23T12:00:00Z",
    "finished": "2026-11-23T12:00:01Z",
}

Parse = Callable[[bytes], object]


def code(call: Callable[..., object], *arguments: Any) -> str:
    with pytest.raises(CoterieError) as caught:
        call(*arguments)
    return caught.value.code


def set_at(value: Any, path: tuple[str | int, ...], new: Any) -> Any:
    changed = copy.deepcopy(value)
    inner = changed
    for part in path[:-1]:
        inner = inner[part]
    if new is ...:
        del inner[path[-1]]
    else:
        inner[path[-1]] = new
    return changed


@pytest.fixture(scope="module")
def receipt() -> Receipt:
    return ReceiptKey.generate().sign(RECEIPT)


def documents(job: Job, receipt: Receipt) -> list[tuple[Any, Parse, str, int]]:
    return [
        (job.manifest, JobManifest.parse, "CT-2270", DOCUMENT_LIMIT),
        (job.grant(), Grant.parse, "CT-2271", DOCUMENT_LIMIT),
        (receipt, Receipt.parse, "CT-2272", DOCUMENT_LIMIT),
    ]


def test_documents_are_read_as_they_are_written(job: Job, receipt: Receipt) -> None:
    for document, parse, _, _ in documents(job, receipt):
        data = document.to_bytes()
        assert parse(data) == document
        assert data == canonical(json.loads(data))


def test_any_other_bytes_are_refused(job: Job, receipt: Receipt) -> None:
    for document, parse, refused, limit in documents(job, receipt):
        data = document.to_bytes()
        plain = json.loads(data)
        assert code(parse, json.dumps(plain).encode()) == refused  # the same values, not canonical
        assert code(parse, data + b"\n") == refused
        assert code(parse, canonical(plain | {"more": 1})) == refused
        assert code(parse, canonical(plain | {"version": "coterie/other/v1"})) == refused
        assert code(parse, data[:-1]) == refused
        assert code(parse, b'"' + b"a" * limit + b'"') == refused
        assert code(parse, b"\xff") == refused
        for field in plain:
            assert code(parse, canonical({name: plain[name] for name in plain if name != field})) == refused


@given(data=st.data())
def test_no_bytes_break_the_readers(data: st.DataObject) -> None:
    content = data.draw(st.binary(max_size=200))
    for parse in (
        JobManifest.parse,
        Grant.parse,
        Receipt.parse,
        Challenge.parse,
        Checkpoint.parse,
        Release.parse,
        ReleaseRequest.parse,
    ):
        assert code(parse, content).startswith("CT-227")


def test_messages_are_bounded() -> None:
    assert code(Release.parse, b'"' + b"a" * MESSAGE_LIMIT + b'"') == "CT-2273"
    fields = {
        "version": "coterie/release/v1",
        "provider": "lender",
        "job": DIGEST,
        "grant": DIGEST,
        "nonce": "01" * 32,
        "wrapped": "AAAA",
    }
    assert code(Release.parse, canonical(fields)) == "CT-2273"
    challenge = {"version": "coterie/challenge/v1", "provider": "lender", "job": DIGEST, "nonce": "01" * 31}
    assert code(Challenge.parse, canonical(challenge | {"expires": "2026-11-23T12:00:00Z"})) == "CT-2273"


STEP = {"name": "align", "component": "align", "params": {}}
BAD_MANIFESTS: list[tuple[tuple[str | int, ...], Any]] = [
    (("job",), "01" * 15),
    (("agreement",), "ab" * 32),
    (("steps",), []),
    (("steps", 1, "name"), "align"),
    (("steps", 0, "component"), "Align"),
    (("steps", 0, "more"), 1),
    (("datasets",), []),
    (("datasets", 1, "owner"), "lender"),
    (("datasets", 0, "dataset"), "payments/loans"),
    (("datasets", 0, "dataset"), "lender/../loans"),
    (("datasets", 0, "columns"), ["age", "age"]),
    (("datasets", 0, "columns"), ["age", "default"]),
    (("datasets", 0, "columns"), ["customer"]),
    (("datasets", 0, "rows"), -1),
    (("outputs",), []),
    (("outputs", 0, "step"), "score"),
    (("outputs", 0, "kind"), "everything"),
    (("outputs", 0, "receivers"), []),
    (("outputs", 0, "receivers"), ["lender", "lender"]),
    (("outputs", 0, "receivers"), ["lender", "regulator"]),
    (("outputs", 0, "max_bytes"), 0),
    (("outputs", 0, "max_bytes"), 1.5),
    (("outputs", 0, "count"), 0),
    (("outputs", 0, "name"), "../model"),
    (("outputs", 1, "kind"), "model"),
    (("min_rows",), 0),
    (("keys", "hub"), ...),
    (("keys", "mallory"), "09" * 32),
    (("keys", "hub"), "ab"),
    (("host",), "mallory"),
    (("assurance",), "hardware"),
    (("measurements",), {}),
    (("measurements",), {"sim": []}),
    (("measurements", "sim", 0), {}),
    (("measurements", "snp"), [{"measurement": "ab" * 48}]),
    (("created",), "2026-11-23"),
    (("created",), "2026-13-23T12:00:00Z"),
]


@pytest.mark.parametrize(("path", "value"), BAD_MANIFESTS)
def test_a_manifest_that_does_not_fit_together(job: Job, path: tuple[str | int, ...], value: Any) -> None:
    plain = json.loads(job.manifest.to_bytes())
    assert code(JobManifest.parse, canonical(set_at(plain, path, value))) == "CT-2270"


def test_keys_of_a_manifest_are_of_different_parties(job: Job) -> None:
    keys = job.fields["keys"] | {"hub": job.fields["keys"]["lender"]}
    assert (
        code(JobManifest.parse, canonical(json.loads(job.manifest.to_bytes()) | {"keys": keys})) == "CT-2270"
    )


BAD_GRANTS: list[tuple[tuple[str | int, ...], Any]] = [
    (("manifest",), None),
    (("components",), []),
    (("expires",), "2026-01-01T00:00:00Z"),
    (("dataset",), "payments/loans"),
    (("keys", "lender"), "00" * 32),
    (("keys", "payments"), ...),
    (("keys", "hub"), ...),
    (("owner", "key"), "00" * 32),
    (("columns",), ["age", "age"]),
    (("columns",), ["customer"]),
    (("partners", 0, "owner"), "hub"),
    (("partners", 0, "dataset"), "lender/loans"),
    (("outputs", 0, "receivers"), ["lender", "lender"]),
    (("outputs", 1, "kind"), "model"),
    (("max_runs",), 0),
    (("max_runs",), True),
    (("min_interval",), -1),
    (("platform", "debug"), True),
    (("platform", "more"), True),
    (("platform", "simulated"), False),
    (("measurements", "sim", 0, "measurement"), "AB"),
    (("signature",), "00" * 63),
]


@pytest.mark.parametrize(("path", "value"), BAD_GRANTS)
def test_a_grant_that_does_not_fit_together(job: Job, path: tuple[str | int, ...], value: Any) -> None:
    plain = json.loads(job.grant().to_bytes())
    assert code(Grant.parse, canonical(set_at(plain, path, value))) == "CT-2271"


def test_every_field_of_a_grant_is_signed(job: Job) -> None:
    grant = job.grant()
    grant.verify()
    other = resigned(
        job.grant(reusable=True),
        job.who["lender"],
        min_rows=7,
        max_runs=9,
        min_interval=5,
        hosts=(),
        assurance="hardware",
        agreement=DIGEST,
        record=DIGEST,
        id="x",
        label=None,
        columns=("age",),
        partners=(),
        outputs=(),
        keys={**grant.keys, "mallory": "09" * 32},
        not_before="2026-01-01T00:00:00Z",
        expires="2028-01-01T00:00:00Z",
        measurements={},
        platform=grant.platform.model_copy(update={"vmpls": (1,)}),
        created="2026-01-01T00:00:00Z",
    )
    for field in set(Grant.model_fields) - {"version", "owner", "signature", "dataset"}:
        assert getattr(grant, field) != getattr(other, field), field
        changed = grant.model_copy(update={field: getattr(other, field)})
        assert code(changed.verify) == "CT-1101"
        assert changed.digest != grant.digest
    assert code(grant.model_copy(update={"dataset": "lender/other"}).verify) == "CT-1101"
    with_key = grant.model_copy(update={"owner": job.grant("payments").owner})
    assert code(with_key.verify) == "CT-1101"


BAD_RECEIPTS: list[tuple[tuple[str | int, ...], Any]] = [
    (("finished",), "2026-11-23T11:59:59Z"),
    (("evidence",), {}),
    (("evidence", "payments"), DIGEST),
    (("inputs",), [INPUT, INPUT]),
    (("outputs",), [OUTPUT, OUTPUT]),
    (("outputs",), [OUTPUT, OUTPUT | {"name": "other"}]),
    (("outputs", 0, "receivers"), []),
    (("outputs", 0, "commitment"), "00"),
    (("resources", "wall_ms"), -1),
    (("resources", "more"), 1),
]


@pytest.mark.parametrize(("path", "value"), BAD_RECEIPTS)
def test_a_receipt_that_does_not_fit_together(path: tuple[str | int, ...], value: Any) -> None:
    assert code(ReceiptKey.generate().sign, set_at(RECEIPT, path, value)) == "CT-2272"


def test_a_receipt_is_signed_by_its_key(receipt: Receipt) -> None:
    receipt.verify()
    assert code(receipt.model_copy(update={"key": ReceiptKey.generate().public}).verify) == "CT-1101"
    assert code(receipt.model_copy(update={"manifest": "sha256:" + "00" * 32}).verify) == "CT-1101"


def test_a_receipts_key_does_not_leave(receipt: Receipt) -> None:
    key = ReceiptKey.generate()
    assert repr(key) == "ReceiptKey()"
    with pytest.raises(TypeError):
        pickle.dumps(key)


def test_what_a_key_is_released_for_has_one_reading() -> None:
    one = release_info("simulated", DIGEST, DIGEST, "01" * 32)
    assert len(one) == len("coterie/release/v1") + 1 + len("simulated") + 1 + 96
    assert one != release_info("hardware", DIGEST, DIGEST, "01" * 32)
    with pytest.raises(ValueError, match="32 bytes"):
        release_info("hardware", DIGEST, DIGEST, "01" * 31)
