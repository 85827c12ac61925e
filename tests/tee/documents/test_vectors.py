"""The published vectors: made again by code that shares nothing with the product, read by the product."""

from __future__ import annotations

import json
from typing import Any

import pytest

from coterie.tee.documents.exchange import Checkpoint, release_info
from coterie.tee.documents.grant import Grant
from coterie.tee.documents.grants import grants_root
from coterie.tee.documents.manifest import JobManifest
from coterie.tee.documents.receipt import Receipt
from coterie.tee.evidence.binding import ReportBinding
from coterie.tee.release.case import Case
from tests.tee.documents import oracle


@pytest.fixture(scope="module")
def vectors() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(oracle.VECTORS.read_text())
    return found


def test_they_are_what_the_format_says(vectors: dict[str, Any]) -> None:
    assert vectors == oracle.vectors()


def test_the_product_reads_and_verifies_them(vectors: dict[str, Any]) -> None:
    manifest = JobManifest.parse(vectors["manifest"].encode())
    assert manifest.digest == vectors["manifest_digest"]
    grants = tuple(Grant.parse(text.encode()) for text in vectors["grants"])
    for grant in grants:
        grant.verify()
    assert [grant.digest for grant in grants] == vectors["grant_digests"]
    assert grants_root(grants) == vectors["grants_root"]
    checkpoint = Checkpoint.parse(vectors["checkpoint"].encode())
    assert checkpoint.digest == vectors["checkpoint_digest"]
    for logged in checkpoint.logged:
        assert logged.head.signed_with(manifest.keys[logged.owner])
    receipt = Receipt.parse(vectors["receipt"].encode())
    receipt.verify()
    binding = Case(manifest, grants, (), checkpoint).binding(
        provider="lender", nonce=oracle.NONCE, hpke_pk=oracle.HPKE, receipt_pk=receipt.key
    )
    assert binding == ReportBinding.model_validate(json.loads(vectors["binding"]))
    assert binding.report_data().hex() == vectors["report_data"]
    info = release_info("simulated", grants[0].digest, manifest.digest, oracle.NONCE)
    assert info.hex() == vectors["release_info"]
