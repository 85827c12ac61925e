"""What is fuzzed: a function of bytes for each format that a foreign party can send.

A target may raise what its parser says that it raises, and nothing else. Where bytes are read, what was read
is written again: a document has one form, or two parties could sign different bytes of the same thing.
"""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Callable
from typing import Any

from pydantic import BaseModel, ValidationError

from coterie.agreement import Agreement, Revocation
from coterie.crypto import canonical, digest, parse_json
from coterie.errors import CoterieError
from coterie.jobs import parse_spec as parse_job
from coterie.learn import boosting, glm, logistic, neural
from coterie.learn.expression import parsed
from coterie.learn.pipeline.file import opened as opened_pipeline
from coterie.ledger.files import parse_entry
from coterie.node.network import KINDS
from coterie.tee.container.header import Header, read_preamble
from coterie.tee.container.record import parse_record
from coterie.tee.dealing.binding import TapeEvidence
from coterie.tee.documents.exchange import Challenge, Checkpoint, LoggedGrant, Release, ReleaseRequest
from coterie.tee.documents.grant import Grant
from coterie.tee.documents.manifest import JobManifest
from coterie.tee.documents.receipt import Receipt
from coterie.tee.evidence import cbor, intel, nitro, snp, tpm
from coterie.tee.evidence.der import parse_chip_certificate
from coterie.tee.evidence.model import Endorsements, Evidence
from coterie.tee.keeper.deposit import Deposit
from coterie.tee.keeper.documents import Collect, Collected, KeeperChallenge, KeeperOffer, Withdrawal
from coterie.wire.address import parse_address
from coterie.wire.clienthello import parse_client_hello
from coterie.wire.enrol import Invitation
from coterie.wire.frames import HEADER, decode_header, decode_hello, decode_tag
from coterie.wire.frontdoor import read_link_name
from coterie.wire.messages import read_record

__all__ = ["TARGETS", "Target"]

Target = Callable[[bytes], None]

CONTROL = 1 << 20
TARGETS: dict[str, Target] = {}


def target(name: str) -> Callable[[Target], Target]:
    """Enter a function under a name."""

    def enter(function: Target) -> Target:
        TARGETS[name] = function
        return function

    return enter


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


# ---- what strangers and peers send over the network ----


@target("client_hello")
def _(data: bytes) -> None:
    parse_client_hello(data)


@target("link_name")
def _(data: bytes) -> None:
    read_link_name(_text(data))


@target("address")
def _(data: bytes) -> None:
    parse_address(_text(data))


@target("invitation")
def _(data: bytes) -> None:
    Invitation.parse("coterie-invite:" + _text(data))


@target("frame")
def _(data: bytes) -> None:
    if len(data) < HEADER.size:
        data = data.ljust(HEADER.size, b"\0")
    header = decode_header(data, "peer")
    decode_tag(data[HEADER.size :][: header.tag_length], "peer")


@target("link_hello")
def _(data: bytes) -> None:
    decode_hello(data, "peer")


@target("json")
def _(data: bytes) -> None:
    value = parse_json(data, limit=CONTROL)
    assert parse_json(canonical(value), limit=16 * CONTROL) == value


def _control(model: type[BaseModel]) -> Target:
    def read(data: bytes) -> None:
        read_record(data, model, CONTROL, "peer")

    return read


for model, kind in KINDS.items():
    TARGETS[f"message_{kind.replace('-', '_').replace(' ', '_')}"] = _control(model)


# ---- documents ----

DOCUMENTS: dict[str, Any] = {
    "agreement": Agreement.from_bytes,
    "revocation": Revocation.from_bytes,
    "grant": Grant.parse,
    "receipt": Receipt.parse,
    "manifest": JobManifest.parse,
    "challenge": Challenge.parse,
    "checkpoint": Checkpoint.parse,
    "logged_grant": LoggedGrant.parse,
    "release_request": ReleaseRequest.parse,
    "release": Release.parse,
    "tape_evidence": TapeEvidence.parse,
    "keeper_challenge": KeeperChallenge.parse,
    "keeper_offer": KeeperOffer.parse,
    "withdrawal": Withdrawal.parse,
    "collect": Collect.parse,
    "collected": Collected.parse,
    "deposit": Deposit.parse,
    "evidence": Evidence.parse,
    "endorsements": Endorsements.parse,
    "container_record": parse_record,
    "container_header": Header.parse,
}
for name, parse in DOCUMENTS.items():
    TARGETS[name] = parse


@target("container_preamble")
def _(data: bytes) -> None:
    read_preamble(io.BytesIO(data))


@target("ledger_entry")
def _(data: bytes) -> None:
    try:
        parse_entry(data)
    except ValueError:
        return


@target("job")
def _(data: bytes) -> None:
    parse_job(_text(data))


@target("expression")
def _(data: bytes) -> None:
    parsed(_text(data), "expression")


# ---- evidence ----

EVIDENCE: dict[str, Target] = {
    "cbor": lambda data: cbor.decode(data, 1 << 16),
    "snp_report": snp.parse,
    "nitro_document": nitro.parse,
    "tdx_quote": lambda data: intel.parse("tdx", data),
    "sgx_quote": lambda data: intel.parse("sgx", data),
    "tpm_quote": tpm.parse,
    "tpm_signature": tpm.parse_signature,
    "chip_certificate": parse_chip_certificate,
}
TARGETS |= EVIDENCE


# ---- models and pipelines, with digests made right: what is behind them is what is fuzzed ----


def _with_digests(magic: bytes, data: bytes) -> bytes:
    """Input is a length, a header without the body's size and digest, and a body."""
    length = int.from_bytes(data[:2], "little")
    try:
        header = json.loads(data[2 : 2 + length])
    except (ValueError, RecursionError):
        return magic + data
    body = data[2 + length :]
    if not isinstance(header, dict):
        return magic + data
    try:
        text = canonical({**header, "body_size": len(body), "body_digest": digest(body)})
    except CoterieError:
        return magic + data
    return magic + struct.pack("<I", len(text)) + text + body


MODELS: dict[str, tuple[bytes, Callable[[bytes], Any]]] = {
    "boosting_model": (b"coterie.boosting/1\n", boosting.load_model),
    "glm_model": (b"coterie.glm/1\n", glm.load_model),
    "logistic_model": (b"coterie.logistic/1\n", logistic.load_model),
    "neural_model": (b"coterie.neural/1\n", neural.load_model),
}


def _model(magic: bytes, load: Callable[[bytes], Any]) -> Target:
    def read(data: bytes) -> None:
        load(_with_digests(magic, data))

    return read


for name, (magic, load) in MODELS.items():
    TARGETS[name] = _model(magic, load)


@target("pipeline_file")
def _(data: bytes) -> None:
    opened_pipeline(data)


def checked(name: str) -> Target:
    """The target, for which the errors that its parser raises are no finding."""
    run = TARGETS[name]

    def one(data: bytes) -> None:
        try:
            run(data)
        except CoterieError as error:
            if error.family == "Bug":
                raise AssertionError("what a peer sends is called a bug") from error
        except ValidationError as error:
            raise AssertionError("pydantic's error goes out") from error

    return one
