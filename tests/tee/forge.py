"""Platforms of our own making, by the vendors' formats: for what no real evidence is at hand of.

Each is built from the specification's offsets alone, with keys made here, under roots that are pinned for
the test.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import cbor2
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA384, HashAlgorithm
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID, ObjectIdentifier

from coterie.tee.evidence.certificates import key_digest
from coterie.tee.evidence.model import Endorsements, Evidence
from coterie.tee.evidence.roots import Roots

NOW = datetime(2026, 6, 1, tzinfo=UTC)
AMD_OID = "1.3.6.1.4.1.3704.1"
PSS = padding.PSS(padding.MGF1(SHA384()), 48)
KEYS = [rsa.generate_private_key(65537, 2048) for _ in range(2)]
CHIP_KEY = ec.generate_private_key(ec.SECP384R1())
USAGE = dict.fromkeys(
    (
        *(
            "digital_signature",
            "content_commitment",
            "key_encipherment",
            "data_encipherment",
            "key_agreement",
        ),
        *("key_cert_sign", "crl_sign", "encipher_only", "decipher_only"),
    ),
    False,
)


def named(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def builder(
    subject: str, issuer: str, key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(named(subject))
        .issuer_name(named(issuer))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=100))
        .not_valid_after(NOW + timedelta(days=100))
    )


def authority(given: x509.CertificateBuilder, depth: int | None = None) -> x509.CertificateBuilder:
    return given.add_extension(
        x509.BasicConstraints(ca=True, path_length=depth), critical=True
    ).add_extension(x509.KeyUsage(**(USAGE | {"key_cert_sign": True, "crl_sign": True})), critical=True)


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def spki_digest(key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey) -> str:
    return key_digest(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


def integer(value: int) -> bytes:
    content = value.to_bytes(1 + (value >= 128), "big")
    return bytes([2, len(content)]) + content


TCB_OIDS = {"bootloader": 1, "tee": 2, "snp": 3, "microcode": 8, "fmc": 9}


@dataclass
class SnpPlatform:
    """A chip, its firmware and its chain. Every field can be made wrong."""

    product: str = "Turin"
    chain_product: str = ""
    name_in_vcek: str = ""
    leaf_name: str = "SEV-VCEK"
    version: int = 5
    cpuid: tuple[int, int] | None = None
    tcb: dict[str, int] = field(
        default_factory=lambda: {"fmc": 1, "bootloader": 2, "tee": 3, "snp": 4, "microcode": 200}
    )
    certified_tcb: dict[str, int] | None = None
    chip_id: bytes = bytes(range(1, 9)).ljust(64, b"\0")
    hwid: bytes | None = None
    policy: int = 0x30000
    vmpl: int = 0
    flags: int = 0
    algorithm: int = 1
    patches: dict[int, bytes] = field(default_factory=dict)
    """Bytes put at these places of the report before it is signed."""
    revoked: bool = False
    crl_number: int | None = None
    crl_issued: datetime = NOW - timedelta(days=1)

    def evidence(self) -> Evidence:
        report = bytearray(0x4A0)
        struct.pack_into("<IIQ", report, 0, self.version, 7, self.policy)
        struct.pack_into("<II", report, 0x30, self.vmpl, self.algorithm)
        struct.pack_into("<QII", report, 0x40, 0, self.flags, 0)
        report[0x50:0x90] = bytes(range(64))
        report[0x90:0xC0] = b"\x11" * 48
        report[0xC0:0xE0] = b"\x22" * 32
        for place in (0x38, 0x180, 0x1E0, 0x1F0):
            report[place : place + 8] = self._version()
        if self.version >= 3:
            default = {"Milan": (0x19, 1), "Genoa": (0x19, 0x11), "Turin": (0x1A, 2)}[self.product]
            report[0x188:0x18A] = bytes(self.cpuid or default)
        report[0x1A0:0x1E0] = self.chip_id
        for place, content in self.patches.items():
            report[place : place + len(content)] = content
        r, s = decode_dss_signature(CHIP_KEY.sign(bytes(report[:0x2A0]), ec.ECDSA(SHA384())))
        report[0x2A0:0x2E8] = r.to_bytes(72, "little")
        report[0x2E8:0x330] = s.to_bytes(72, "little")
        return Evidence.of("snp", bytes(report))

    def _version(self) -> bytes:
        order: list[str | None] = ["bootloader", "tee", None, None, None, None, "snp", "microcode"]
        if self.product == "Turin":
            order = ["fmc", "bootloader", "tee", "snp", None, None, None, "microcode"]
        return bytes(self.tcb[name] if name else 0 for name in order)

    def endorsements(self) -> Endorsements:
        product = self.chain_product or self.product
        ark_name, ask_name = f"ARK-{product}", f"SEV-{product}"
        ark_key, ask_key = KEYS
        ark = authority(builder(ark_name, ark_name, ark_key.public_key())).sign(
            ark_key, SHA384(), rsa_padding=PSS
        )
        ask = authority(builder(ask_name, ark_name, ask_key.public_key()), 0).sign(
            ark_key, SHA384(), rsa_padding=PSS
        )
        chip = builder(self.leaf_name, ask_name, CHIP_KEY.public_key())
        for name, value in (self.certified_tcb or self.tcb).items():
            chip = self._add(chip, f"3.{TCB_OIDS[name]}", integer(value))
        label = (self.name_in_vcek or f"{self.product}-B0").encode()
        chip = self._add(chip, "2", bytes([22, len(label)]) + label)
        hwid = self.hwid if self.hwid is not None else self.chip_id[: 8 if self.product == "Turin" else 64]
        chip = self._add(chip, "4", hwid)
        vcek = chip.sign(ask_key, SHA384(), rsa_padding=PSS)
        crls = () if self.crl_number is None else (self._crl(ark_name, ask),)
        return Endorsements(type="snp", certificates=(der(vcek), der(ask), der(ark)), crls=crls)

    @staticmethod
    def _add(given: x509.CertificateBuilder, part: str, content: bytes) -> x509.CertificateBuilder:
        oid = ObjectIdentifier(f"{AMD_OID}.{part}")
        return given.add_extension(x509.UnrecognizedExtension(oid, content), critical=False)

    def _crl(self, issuer: str, ask: x509.Certificate) -> bytes:
        made = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(named(issuer))
            .last_update(self.crl_issued)
            .next_update(self.crl_issued + timedelta(days=30))
            .add_extension(x509.CRLNumber(self.crl_number or 0), critical=False)
        )
        if self.revoked:
            one = (
                x509.RevokedCertificateBuilder().serial_number(ask.serial_number).revocation_date(NOW).build()
            )
            made = made.add_revoked_certificate(one)
        return made.sign(KEYS[0], SHA384(), rsa_padding=PSS).public_bytes(Encoding.DER)

    def roots(self) -> Roots:
        product = self.chain_product or self.product
        return Roots(profile="development", amd={product: spki_digest(KEYS[0].public_key())})


@dataclass
class NitroPlatform:
    """An enclave with a chain of root, intermediate and leaf."""

    pcrs: dict[int, bytes] = field(default_factory=lambda: {0: b"\x01" * 48, 1: b"\x02" * 48})
    changes: dict[str, object] = field(default_factory=dict)
    """Fields of the payload put in place of the right ones; None leaves a field out."""
    protected: bytes = bytes.fromhex("a1013822")
    unprotected: dict[int, int] = field(default_factory=dict)
    leaf_usage: str = "digital_signature"
    middle_usage: str = "key_cert_sign"
    ca: bool = True
    root_depth: int | None = None
    demand: bool = False
    """Whether the zone's certificate has a critical extension that nobody knows."""
    hash: HashAlgorithm = field(default_factory=SHA384)

    def __post_init__(self) -> None:
        self.keys = [ec.generate_private_key(ec.SECP384R1()) for _ in range(3)]

    def evidence(self, *, tag: bool = False) -> Evidence:
        root_key, middle_key, leaf_key = self.keys
        root = authority(builder("root", "root", root_key.public_key()), self.root_depth).sign(
            root_key, SHA384()
        )
        zone = (
            builder("zone", "root", middle_key.public_key())
            .add_extension(
                x509.BasicConstraints(ca=self.ca, path_length=0 if self.ca else None), critical=True
            )
            .add_extension(x509.KeyUsage(**(USAGE | {self.middle_usage: True})), critical=True)
        )
        if self.demand:
            unknown = x509.UnrecognizedExtension(ObjectIdentifier("1.2.3.4"), b"\x05\x00")
            zone = zone.add_extension(unknown, critical=True)
        middle = zone.sign(root_key, self.hash)
        leaf = (
            builder("enclave", "zone", leaf_key.public_key())
            .add_extension(x509.KeyUsage(**(USAGE | {self.leaf_usage: True})), critical=True)
            .sign(middle_key, SHA384())
        )
        payload: dict[str, object] = {
            "module_id": "i-0abc-enc0123",
            "digest": "SHA384",
            "timestamp": int(NOW.timestamp() * 1000),
            "pcrs": self.pcrs,
            "certificate": der(leaf),
            "cabundle": [der(root), der(middle)],
            "public_key": None,
            "user_data": bytes(range(64)),
            "nonce": None,
        }
        payload |= self.changes
        payload = {name: value for name, value in payload.items() if value is not ...}
        body = cbor2.dumps(payload)
        signed = cbor2.dumps(["Signature1", self.protected, b"", body])
        r, s = decode_dss_signature(leaf_key.sign(signed, ec.ECDSA(SHA384())))
        parts = [self.protected, self.unprotected, body, r.to_bytes(48, "big") + s.to_bytes(48, "big")]
        return Evidence.of("nitro", cbor2.dumps(cbor2.CBORTag(18, parts) if tag else parts))

    def roots(self) -> Roots:
        return Roots(profile="development", nitro={"test": spki_digest(self.keys[0].public_key())})
