"""Is this receipt one of an attested run of this job? Whoever receives a result asks, and every audit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from coterie.crypto import equal
from coterie.errors import CoterieError
from coterie.tee.documents.errors import RECEIPT_INVALID
from coterie.tee.documents.grants import TOLD
from coterie.tee.documents.receipt import Receipt, ReceiptInput
from coterie.tee.evidence.binding import ReportBinding, reported
from coterie.tee.evidence.model import Claims
from coterie.tee.release.case import Case


@dataclass(frozen=True)
class Proof:
    """What one owner released its key for: the binding, and what was verified of the evidence over it."""

    binding: ReportBinding
    claims: Claims


def check_receipt(receipt: Receipt, case: Case, proofs: Mapping[str, Proof]) -> None:
    """The receipt is of a run of this case, by the code that these proofs are of.

    :param proofs: by owner, at least one. An owner checks with its own; a receiver without data with those
        that owners show it, whose evidence it has verified and appraised itself.

    Errors: CT-2272 with the reasons.
    """
    reasons = [
        *_signature(receipt),
        *_case(receipt, case),
        *_outputs(receipt, case),
        *_proofs(receipt, case, proofs),
    ]
    if reasons:
        raise RECEIPT_INVALID("; ".join(reasons[:TOLD]))


def _signature(receipt: Receipt) -> Iterator[str]:
    try:
        receipt.verify()
    except CoterieError:
        yield "its key did not sign it"


def _case(receipt: Receipt, case: Case) -> Iterator[str]:
    if receipt.manifest != case.job:
        yield "it is of another job"
    if receipt.grants_root != case.grants_root or receipt.log_checkpoint != case.checkpoint.digest:
        yield "it is under other grants, or another state of the logs"
    if receipt.assurance != case.manifest.assurance:
        yield f"it is of a {receipt.assurance} platform"
    inputs = [
        ReceiptInput(owner=record.owner.name, dataset=record.dataset, record=record.digest, root=record.root)
        for record in case.records
    ]
    if sorted(receipt.inputs, key=lambda one: one.owner) != sorted(inputs, key=lambda one: one.owner):
        yield "it took in other data than was granted"


def _outputs(receipt: Receipt, case: Case) -> Iterator[str]:
    used: dict[tuple[str, str], list[int]] = {}
    for output in receipt.outputs:
        declared = case.manifest.output(output.step, output.kind)
        if declared is None:
            yield f"{output.kind} of step '{output.step}' was not to leave"
            continue
        if not set(output.receivers) <= set(declared.receivers):
            yield f"'{output.name}' is for {', '.join(output.receivers)}"
        if declared.name is not None and output.name != declared.name:
            yield f"'{output.name}' instead of '{declared.name}'"
        used.setdefault((output.step, output.kind), []).append(output.size)
    for (step, kind), sizes in used.items():
        declared = case.manifest.output(step, kind)
        if declared is not None and (len(sizes) > declared.count or sum(sizes) > declared.max_bytes):
            yield f"{len(sizes)} outputs of {sum(sizes):,} bytes are more {kind} than step '{step}' may give"


def _proofs(receipt: Receipt, case: Case, proofs: Mapping[str, Proof]) -> Iterator[str]:
    if not proofs:
        yield "nothing shows whose key signed it"
    for owner, proof in proofs.items():
        given, claims = proof.binding, proof.claims
        expected = case.binding(
            provider=owner, nonce=given.nonce, hpke_pk=given.hpke_pk, receipt_pk=receipt.key
        )
        carried = bytes.fromhex(claims.report_data)
        if given != expected or not equal(carried, reported(claims.type, expected.report_data())):
            yield f"the evidence for '{owner}' is not bound to this key and run"
        if receipt.evidence.get(owner) != claims.body:
            yield f"the evidence for '{owner}' is other than the receipt names"
        if claims.assurance != receipt.assurance:
            yield f"the evidence for '{owner}' is {claims.assurance}"
