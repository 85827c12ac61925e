"""TPM quotes of our own making: every signature scheme, chains, and structures that are wrong in one
thing.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass, field

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256, SHA384
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from coterie.errors import CoterieError
from coterie.tee.evidence.model import Claims, Endorsements, Evidence
from coterie.tee.evidence.roots import Roots
from coterie.tee.evidence.verify import verify
from tests.tee.forge import KEYS, NOW, USAGE, authority, builder, der, spki_digest
from tests.tee.material import tpm_signature

EC_KEY = ec.generate_private_key(ec.SECP256R1())
SHORT_KEY = rsa.generate_private_key(65537, 1024)
Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def spki(key: Key) -> bytes:
    return key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@dataclass
class Tpm:
    """A quote over PCRs 0 and 16. Every field can be made wrong."""

    key: Key = EC_KEY
    scheme: int = 0x0018
    magic: int = 0xFF544347
    kind: int = 0x8018
    banks: int = 1
    bank: int = 0x000B
    selection: bytes = b"\x01\x00\x01"
    values: list[bytes] = field(default_factory=lambda: [b"\1" * 32, b"\2" * 32])
    tail: bytes = b""

    def evidence(self) -> Evidence:
        pcrs = b"".join(self.values)
        attest = struct.pack(">IH", self.magic, self.kind) + b"\0\2\0\x0b" + b"\0\x20" + b"\7" * 32
        attest += struct.pack(">QIIBQ", 1, 2, 3, 1, 4) + struct.pack(">IH", self.banks, self.bank)
        attest += bytes([len(self.selection)]) + self.selection
        attest += b"\0\x20" + hashlib.sha256(pcrs).digest() + self.tail
        return Evidence.of("tpm", attest, {"signature": self._sign(attest), "pcrs": pcrs})

    def _sign(self, attest: bytes) -> bytes:
        if isinstance(self.key, ec.EllipticCurvePrivateKey):
            return tpm_signature(self.key.sign(attest, ec.ECDSA(SHA256())))
        filler = padding.PSS(padding.MGF1(SHA256()), 32) if self.scheme == 0x16 else padding.PKCS1v15()
        made = self.key.sign(attest, filler, SHA256())
        return struct.pack(">HHH", self.scheme, 0x000B, len(made)) + made

    def verified(self) -> Claims:
        roots = Roots(tpm_keys=frozenset({spki_digest(self.key.public_key())}))
        return verify(self.evidence(), Endorsements(type="tpm", keys=(spki(self.key),)), NOW, roots)


@pytest.mark.parametrize(("key", "scheme"), [(EC_KEY, 0x18), (KEYS[0], 0x14), (KEYS[0], 0x16)])
def test_every_scheme(key: Key, scheme: int) -> None:
    claims = Tpm(key=key, scheme=scheme).verified()
    assert claims.report_data == "07" * 32
    assert claims.measurements == {"pcr0": "01" * 32, "pcr16": "02" * 32}
    assert (claims.launch_bound, claims.debug, claims.valid_until) == ("02" * 32, None, None)


def test_sha384_bank() -> None:
    wide = [b"\1" * 48, b"\2" * 48]
    assert Tpm(bank=0x000C, values=wide).verified().measurements["pcr0"] == "01" * 48


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (Tpm(magic=0xFF544346), "CT-2230"),
        (Tpm(kind=0x8017), "CT-2230"),
        (Tpm(banks=2), "CT-2230"),
        (Tpm(bank=0x0004), "CT-2230"),
        (Tpm(selection=b"\0\0\0"), "CT-2230"),
        (Tpm(selection=b"\1\0\0\1"), "CT-2230"),
        (Tpm(selection=b"\1\0\1\0\0"), "CT-2230"),
        (Tpm(tail=b"\0"), "CT-2230"),
        (Tpm(values=[b"\1" * 32]), "CT-2231"),
        (Tpm(values=[b"\1" * 32, b"\2" * 32, b"\3" * 32]), "CT-2231"),
        (Tpm(key=KEYS[0], scheme=0x15), "CT-2230"),
        (Tpm(key=SHORT_KEY, scheme=0x14), "CT-2234"),
        (Tpm(key=KEYS[0], scheme=0x18), "CT-2230"),
    ],
)
def test_one_thing_wrong(wrong: Tpm, code: str) -> None:
    with pytest.raises(CoterieError) as caught:
        wrong.verified()
    assert caught.value.code == code


def chain(usage: str = "digital_signature") -> tuple[bytes, ...]:
    root_key = KEYS[1]
    root = authority(builder("TPM maker", "TPM maker", root_key.public_key())).sign(root_key, SHA384())
    leaf = (
        builder("AK", "TPM maker", EC_KEY.public_key())
        .add_extension(x509.KeyUsage(**(USAGE | {usage: True})), critical=True)
        .sign(root_key, SHA384())
    )
    return der(leaf), der(root)


def refused(endorsements: Endorsements, roots: Roots) -> str:
    with pytest.raises(CoterieError) as caught:
        verify(Tpm().evidence(), endorsements, NOW, roots)
    return caught.value.code


def test_certified_key() -> None:
    roots = Roots(tpm=frozenset({spki_digest(KEYS[1].public_key())}))
    claims = verify(Tpm().evidence(), Endorsements(type="tpm", certificates=chain()), NOW, roots)
    assert claims.chip_id == spki_digest(EC_KEY.public_key())
    assert claims.valid_until == "2026-09-09T00:00:00Z"
    assert "TPM maker" in claims.root
    assert refused(Endorsements(type="tpm", certificates=chain()), Roots()) == "CT-2235"
    assert refused(Endorsements(type="tpm", certificates=chain("key_agreement")), roots) == "CT-2235"
    both = Endorsements(type="tpm", certificates=chain(), keys=(spki(EC_KEY),))
    assert refused(both, roots) == refused(Endorsements(type="tpm"), roots) == "CT-2234"
    assert refused(Endorsements(type="tpm", certificates=chain(), crls=(b"x",)), roots) == "CT-2234"


def test_another_key_than_the_one_that_signed() -> None:
    other = ec.generate_private_key(ec.SECP256R1())
    roots = Roots(tpm_keys=frozenset({spki_digest(other.public_key()), spki_digest(KEYS[0].public_key())}))
    assert refused(Endorsements(type="tpm", keys=(spki(other),)), roots) == "CT-2231"
    assert refused(Endorsements(type="tpm", keys=(spki(KEYS[0]),)), roots) == "CT-2234"
