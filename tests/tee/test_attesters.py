"""Attesters of hardware, against trees of files and answers as the kernel's documents describe them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import cbor2
import pytest

from coterie.errors import CoterieError
from coterie.tee.evidence.attest import nitro as nitro_attester
from coterie.tee.evidence.attest.gramine import GramineAttester
from coterie.tee.evidence.attest.nitro import NitroAttester
from coterie.tee.evidence.attest.tsm import TsmAttester
from coterie.tee.evidence.model import Endorsements
from coterie.tee.evidence.verify import verify
from tests.tee.forge import NOW, NitroPlatform, SnpPlatform

DATA = bytes(range(64))


class Kernel:
    """Makes the files of a report when its folder is made, as configfs does, and removes them with it."""

    def __init__(self, reports: Path, monkeypatch: pytest.MonkeyPatch, **files: bytes) -> None:
        self.reports, self.files, self.written = reports, files, {}  # type: ignore[var-annotated]
        reports.mkdir(parents=True)
        make, remove = Path.mkdir, Path.rmdir

        def mkdir(path: Path, *args: Any, **kwargs: Any) -> None:
            make(path, *args, **kwargs)
            if path.parent == reports:
                for name, content in files.items():
                    (path / name).write_bytes(content)

        def rmdir(path: Path) -> None:
            if path.parent != reports:
                return remove(path)
            self.written = {one.name: one.read_bytes() for one in path.iterdir()}
            return shutil.rmtree(path)

        monkeypatch.setattr(Path, "mkdir", mkdir)
        monkeypatch.setattr(Path, "rmdir", rmdir)


def failed(attester: Any, data: bytes = DATA) -> str:
    with pytest.raises(CoterieError) as caught:
        attester.quote(data)
    return caught.value.code


def test_tsm_of_an_snp_guest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    platform = SnpPlatform()
    blob = platform.evidence().blob
    files = {"provider": b"sev_guest\n", "outblob": blob, "auxblob": b"table", "generation": b"2\n"}
    kernel = Kernel(tmp_path / "report", monkeypatch, **files)
    evidence = TsmAttester(kernel.reports, vmpl=1).quote(DATA)
    assert (evidence.type, evidence.aux) == ("snp", {"certificates": b"table"})
    assert (kernel.written["inblob"], kernel.written["privlevel"]) == (DATA, b"1")
    assert list(kernel.reports.iterdir()) == []
    assert verify(evidence, platform.endorsements(), NOW, platform.roots()).report_data == DATA.hex()


def test_tsm_of_a_tdx_guest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"provider": b"tdx_guest\n", "outblob": b"quote", "generation": b"1\n"}
    kernel = Kernel(tmp_path / "report", monkeypatch, **files)
    evidence = TsmAttester(kernel.reports).quote(DATA)
    assert (evidence.type, evidence.blob, evidence.aux) == ("tdx", b"quote", {})
    assert "privlevel" not in kernel.written


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"generation": b"2\n"}, "CT-2248"),
        ({"provider": b"arm_cca_guest\n"}, "CT-2247"),
        ({"outblob": b""}, "CT-2230"),
        ({"outblob": b"x" * 40000}, "CT-2248"),
    ],
)
def test_tsm_that_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: dict[str, bytes], code: str
) -> None:
    files = {"provider": b"tdx_guest\n", "outblob": b"quote", "generation": b"1\n", **change}
    kernel = Kernel(tmp_path / "report", monkeypatch, **files)
    assert failed(TsmAttester(kernel.reports)) == code
    assert list(kernel.reports.iterdir()) == []


def test_tsm_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CoterieError, match="CT-2247"):
        TsmAttester(tmp_path / "none")
    (tmp_path / "report").mkdir()
    attester = TsmAttester(tmp_path / "report")
    assert failed(attester, b"short") == "CT-2248"


def test_gramine(tmp_path: Path) -> None:
    with pytest.raises(CoterieError, match="CT-2247"):
        GramineAttester(tmp_path)
    (tmp_path / "attestation_type").write_text("none\n")
    with pytest.raises(CoterieError, match="CT-2247"):
        GramineAttester(tmp_path)
    (tmp_path / "attestation_type").write_text("dcap\n")
    attester = GramineAttester(tmp_path)
    assert failed(attester) == "CT-2248"
    (tmp_path / "quote").write_bytes(b"")
    assert failed(attester) == "CT-2248"
    (tmp_path / "quote").write_bytes(b"quote")
    evidence = attester.quote(DATA)
    assert (evidence.type, evidence.blob) == ("sgx", b"quote")
    assert (tmp_path / "user_report_data").read_bytes() == DATA
    assert failed(attester, b"short") == "CT-2248"


class Module:
    """Answers as aws-nitro-enclaves-nsm-api writes requests and responses."""

    def __init__(self, platform: NitroPlatform) -> None:
        self.platform = platform
        self.asked: list[dict[str, dict[str, object]]] = []

    def __call__(self, request: bytes) -> bytes:
        value = cbor2.loads(request)
        self.asked.append(value)
        ((name, fields),) = value.items()
        if name == "Attestation":
            self.platform.changes["user_data"] = fields["user_data"]
            return cbor2.dumps({name: {"document": self.platform.evidence().blob}})
        return cbor2.dumps({name: {"data": bytes(48)}} if name == "ExtendPCR" else name)


def test_nitro() -> None:
    module = Module(NitroPlatform())
    attester = NitroAttester(module)
    attester.bind_launch(b"\7" * 32)
    evidence = attester.quote(DATA[::-1])
    claims = verify(evidence, Endorsements(type="nitro"), NOW, module.platform.roots())
    assert claims.report_data == DATA[::-1].hex()
    assert module.asked[:2] == [
        {"ExtendPCR": {"index": 16, "data": b"\7" * 32}},
        {"LockPCR": {"index": 16}},
    ]
    assert module.asked[2] == {"Attestation": {"user_data": DATA[::-1], "nonce": None, "public_key": None}}


@pytest.mark.parametrize(
    "answer",
    [
        cbor2.dumps({"Error": "InvalidArgument"}),
        cbor2.dumps({"Attestation": {}}),
        cbor2.dumps({"Attestation": {"document": "text"}}),
        cbor2.dumps({"Attestation": []}),
        cbor2.dumps("Attestation"),
        cbor2.dumps([]),
        b"\xff",
        b"",
    ],
)
def test_nitro_answers_that_are_none(answer: bytes) -> None:
    assert failed(NitroAttester(lambda _: answer)) == "CT-2248"


def test_nitro_without_its_device(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(nitro_attester, "DEVICE", tmp_path / "nsm")
    with pytest.raises(CoterieError, match="CT-2247"):
        NitroAttester()
    (tmp_path / "nsm").write_bytes(b"")
    assert failed(NitroAttester()) == "CT-2248"  # a file takes no ioctl
    assert failed(NitroAttester(), b"short") == "CT-2248"
    with pytest.raises(CoterieError, match="CT-2248"):
        nitro_attester.ioctl_exchange(bytes(0x1001))


def test_nitro_speaks_to_the_device_as_the_header_says(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The ioctl gets struct nsm_raw: two pairs of address and length, which the kernel fills in."""
    import ctypes
    import fcntl

    monkeypatch.setattr(nitro_attester, "DEVICE", tmp_path / "nsm")
    (tmp_path / "nsm").write_bytes(b"")
    answer = cbor2.dumps({"Attestation": {"document": b"doc"}})

    def ioctl(descriptor: int, number: int, raw: Any) -> int:
        assert os.fstat(descriptor)
        assert number == 0xC0200A00
        assert ctypes.sizeof(raw) == 32
        assert set(cbor2.loads(ctypes.string_at(raw.request, raw.request_len))) == {"Attestation"}
        assert raw.response_len == 0x3000
        ctypes.memmove(raw.response, answer, len(answer))
        raw.response_len = len(answer)
        return 0

    monkeypatch.setattr(fcntl, "ioctl", ioctl)
    assert NitroAttester().quote(DATA).blob == b"doc"
