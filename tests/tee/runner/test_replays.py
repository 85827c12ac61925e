"""A host that keeps what it once carried, and plays it again; one that puts its own in its place; one that
rearranges containers. No key opens, no result passes.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from coterie.errors import CoterieError
from coterie.tee.container.header import CHUNK, TAG
from coterie.tee.container.sealing import seal
from coterie.tee.container.wrapping import purpose, wrap_for_runner, wrap_for_signer
from coterie.tee.documents.exchange import Challenge, Release, ReleaseRequest, release_info
from coterie.tee.documents.receipt import ReceiptKey
from coterie.tee.evidence.binding import ReportBinding
from coterie.tee.evidence.model import Endorsements, Evidence
from coterie.tee.evidence.verify import verify
from coterie.tee.release.receipts import Proof, check_receipt
from coterie.tee.runner.session import AttestedRun, SealedOutput
from coterie.tee.sandbox.command import Sandbox
from tests.tee.runner.world import World

Make = Callable[[str], World]


class Recorder(World):
    """A host that keeps everything, and answers from what it kept where it is told to."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.replayed: set[str] = set()
        self.kept: dict[tuple[str, str], Any] = {}

    def challenge(self, owner: str) -> Challenge:
        if "challenge" in self.replayed:
            return self.kept["challenge", owner]  # type: ignore[no-any-return]
        made = self.kept["challenge", owner] = super().challenge(owner)
        return made

    def release(self, owner: str, request: ReleaseRequest) -> Release:
        if "release" in self.replayed:
            return self.kept["release", owner]  # type: ignore[no-any-return]
        if "request" in self.replayed:
            request = self.kept["request", owner]
        self.kept["request", owner] = request
        made = self.kept["release", owner] = super().release(owner, request)
        return made


@pytest.fixture
def recorder(tmp_path: Path, sandbox: Sandbox, measurement: bytes) -> Iterator[Recorder]:
    made = Recorder(tmp_path / "recorder", sandbox, "sum", measurement)
    yield made
    made.close()


@pytest.mark.parametrize(
    ("replayed", "code"),
    [
        ({"challenge"}, "CT-2245"),  # the nonce is spent
        ({"challenge", "request"}, "CT-2245"),  # with the evidence that was good for it
        ({"request"}, "CT-2245"),
        ({"challenge", "release"}, "CT-2211"),  # the key is for a runner that is gone
        ({"release"}, "CT-2294"),  # and was given for another nonce
    ],
)
def test_words_of_an_earlier_run_are_of_no_use(recorder: Recorder, replayed: set[str], code: str) -> None:
    recorder.run()
    recorder.replayed = replayed
    with pytest.raises(CoterieError) as caught:
        recorder.run()
    assert caught.value.code == code
    assert len(list(recorder.ledgers["lender"].entries("release"))) == 1


class OwnKey(World):
    """A host that wraps a key of its own for the runner: anybody can, its public key is no secret."""

    def release(self, owner: str, request: ReleaseRequest) -> Release:
        made = super().release(owner, request)
        binding = request.binding
        info = release_info(binding.assurance, made.grant, made.job, made.nonce)
        own = wrap_for_runner(bytes(32), bytes.fromhex(binding.hpke_pk), info)
        return made.model_copy(update={"wrapped": own})


def test_a_key_of_the_hosts_own_opens_nothing_of_an_owners(
    tmp_path: Path, sandbox: Sandbox, measurement: bytes
) -> None:
    made = OwnKey(tmp_path / "own", sandbox, "sum", measurement)
    with pytest.raises(CoterieError) as caught:
        made.run()
    made.close()
    assert caught.value.code == "CT-2211"  # the secret beside it is bound to the owner's key


def test_data_of_the_hosts_own_under_its_own_key_is_not_the_owners(
    tmp_path: Path, sandbox: Sandbox, measurement: bytes
) -> None:
    """Key and container fit; they are not those whose record the owner has signed."""
    made = OwnKey(tmp_path / "own", sandbox, "sum", measurement)
    header = made.records["lender"].preamble.header
    content, sealed = made.plain("lender"), io.BytesIO()
    put = seal(
        io.BytesIO(content), sealed.write, size=len(content), dataset=header.dataset, schema=header.schema
    )
    made.containers["lender"].write_bytes(sealed.getvalue())

    def release(owner: str, request: ReleaseRequest) -> Release:
        given = World.release(made, owner, request)
        info = release_info(request.binding.assurance, given.grant, given.job, given.nonce)
        own = wrap_for_runner(put.key, bytes.fromhex(request.binding.hpke_pk), info)
        return given.model_copy(update={"wrapped": own})

    made.release = release  # type: ignore[method-assign]
    with pytest.raises(CoterieError) as caught:
        made.run()
    made.close()
    assert caught.value.code in {"CT-2203", "CT-2208", "CT-2211"}


class Long(World):
    """An owner whose container has several chunks."""

    def plain(self, name: str) -> bytes:
        table = pq.read_table(io.BytesIO(super().plain(name)))
        if name == "payments":
            fields = [
                pa.array([f"client-{row}".ljust(3000) for row in range(table.num_rows)])
                if field.name == "client"
                else table.column(field.name)
                for field in table.schema
            ]
            table = pa.table(fields, names=table.column_names)
        file = io.BytesIO()
        pq.write_table(table, file, compression="none", use_dictionary=False)
        return file.getvalue()


def parts(path: Path, head: int) -> tuple[bytes, list[bytes]]:
    """Preamble and chunks of a container."""
    data = path.read_bytes()
    step = CHUNK + TAG
    return data[:head], [data[start : start + step] for start in range(head, len(data), step)]


REARRANGED: dict[str, tuple[Callable[[bytes, list[bytes], bytes], bytes], str]] = {
    "chunks reordered": (lambda head, own, other: head + own[1] + own[0] + b"".join(own[2:]), "CT-2203"),
    "a chunk repeated": (lambda head, own, other: head + own[0] + own[0] + b"".join(own[2:]), "CT-2203"),
    "a chunk left out": (lambda head, own, other: head + own[0] + b"".join(own[2:]), "CT-2202"),
    "the last chunk left out": (lambda head, own, other: head + b"".join(own[:-1]), "CT-2202"),
    "spliced with another": (lambda head, own, other: head + own[0] + other + b"".join(own[2:]), "CT-2203"),
    "followed by another": (lambda head, own, other: head + b"".join(own) + other, "CT-2203"),
}


@pytest.mark.parametrize("what", REARRANGED)
def test_containers_that_the_host_rearranges_stay_closed(
    tmp_path: Path, sandbox: Sandbox, measurement: bytes, what: str
) -> None:
    made = Long(tmp_path / "long", sandbox, "sum", measurement)
    record = made.records["payments"]
    path = made.containers["payments"]
    length = path.stat().st_size
    head = length - record.preamble.header.size - TAG * record.preamble.header.chunks
    start, chunks = parts(path, head)
    assert len(chunks) >= 3
    made._seal("payments")  # the same data, sealed once more: chunks of equal length under another key
    foreign = parts(path, head)[1][1]
    change, code = REARRANGED[what]
    path.write_bytes(change(start, chunks, foreign))
    with pytest.raises(CoterieError) as caught:
        made.run()
    made.close()
    assert caught.value.code == code
    assert list((made.home / "results").iterdir()) == []


def proofs(world: World, requests: dict[str, ReleaseRequest]) -> dict[str, Proof]:
    """What receivers make of the evidence that they are shown."""
    made: dict[str, Proof] = {}
    for owner, request in requests.items():
        roots = world.releasers[owner].roots
        claims = verify(request.evidence, Endorsements(type="sim"), world.clock(), roots)
        made[owner] = Proof(request.binding, claims)
    return made


def own_result(world: World, run: AttestedRun) -> SealedOutput:
    """A result that the host has made up, sealed to the receiver as the runner would: its key is public."""
    content, sealed = b'{"auc": 1.0}', io.BytesIO()
    put = seal(io.BytesIO(content), sealed.write, size=len(content), dataset=run.outputs[0].described.name)
    path = world.home / "made-up.sealed"
    path.write_bytes(sealed.getvalue())
    described = run.outputs[0].described.model_copy(
        update={
            "file": put.preamble.header.file_id.hex(),
            "root": f"sha256:{put.root.hex()}",
            "commitment": put.preamble.commitment.hex(),
            "size": len(content),
        }
    )
    wrapped = wrap_for_signer(put.key, "lender", world.who["lender"].public.key, purpose(put.preamble))
    return SealedOutput(described, path, {"lender": wrapped})


def test_results_of_the_hosts_own_are_none_of_the_runners(recorder: Recorder) -> None:
    run = recorder.run()
    shown = proofs(recorder, {owner: recorder.kept["request", owner] for owner in ("lender", "payments")})
    check_receipt(run.receipt, recorder.case, shown)
    forged = own_result(recorder, run)
    # It opens, for anybody can seal to a receiver: what it is worth, the receipt says.
    assert recorder.open(forged, "lender") == b'{"auc": 1.0}'
    outputs = (forged.described, *run.receipt.outputs[1:])
    with pytest.raises(CoterieError, match="did not sign"):
        check_receipt(run.receipt.model_copy(update={"outputs": outputs}), recorder.case, shown)
    fields = {name: getattr(run.receipt, name) for name in type(run.receipt).model_fields}
    fields = {name: value for name, value in fields.items() if name not in ("key", "signature", "version")}
    signed = ReceiptKey.generate().sign({**fields, "outputs": outputs})
    with pytest.raises(CoterieError, match="not bound to this key"):
        check_receipt(signed, recorder.case, shown)
    # And under the description that the receipt has, it does not open.
    with pytest.raises(CoterieError) as caught:
        recorder.open(replace(forged, described=run.outputs[0].described), "lender")
    assert caught.value.code == "CT-2203"


def test_a_receipt_of_an_earlier_run_is_none_of_this_one(recorder: Recorder) -> None:
    first = recorder.run()
    before = {owner: recorder.kept["request", owner] for owner in ("lender", "payments")}
    second = recorder.run()
    after = {owner: recorder.kept["request", owner] for owner in ("lender", "payments")}
    check_receipt(first.receipt, recorder.case, proofs(recorder, before))
    with pytest.raises(CoterieError, match="CT-2272"):
        check_receipt(first.receipt, recorder.case, proofs(recorder, after))
    with pytest.raises(CoterieError, match="CT-2272"):
        check_receipt(second.receipt, recorder.case, proofs(recorder, before))


class Answering(World):
    """A host that runs nothing: it asks the owners itself, with keys of its own."""

    def ask(self, evidence: Callable[[ReportBinding], Evidence]) -> Release:
        from coterie.tee.container.wrapping import RunnerKey

        nonce = self.releasers["lender"].challenge(self.case.job).nonce
        binding = self.case.binding(
            provider="lender",
            nonce=nonce,
            hpke_pk=RunnerKey.generate().public.hex(),
            receipt_pk=ReceiptKey.generate().public,
        )
        return self.releasers["lender"].release(ReleaseRequest(binding=binding, evidence=evidence(binding)))


def test_a_host_that_answers_for_the_runner_gets_no_key(
    tmp_path: Path, sandbox: Sandbox, measurement: bytes
) -> None:
    made = Answering(tmp_path / "answering", sandbox, "sum", measurement)
    honest: list[Evidence] = []

    def attest(measured: bytes, job: bytes) -> Any:
        attester = made.attest(measured, job)

        class Kept:
            def quote(self, report_data: bytes) -> Evidence:
                honest.append(attester.quote(report_data))
                return honest[-1]

        return Kept()

    made.run(attest=attest)
    with pytest.raises(CoterieError) as caught:  # evidence of the true runner, over its own keys
        made.ask(lambda binding: honest[0])
    assert (caught.value.code, "report data" in caught.value.detail) == ("CT-2240", True)
    own = World.attest(made, bytes(48), made.case.manifest.digest_bytes)  # its own platform, other code
    with pytest.raises(CoterieError) as caught:
        made.ask(lambda binding: own.quote(binding.report_data()))
    assert (caught.value.code, "measurements" in caught.value.detail) == ("CT-2240", True)
    made.close()
