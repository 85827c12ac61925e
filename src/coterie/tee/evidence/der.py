"""Certificates of AMD's chips, read by hand.

They have the serial number 0, which RFC 5280 forbids and ``cryptography`` is going to refuse, so they are
read here: DER (X.690) of the one shape that AMD's specification 57230 gives, and nothing else. Signatures
are checked by ``cryptography``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, NoReturn

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.serialization import load_der_public_key

from coterie.tee.evidence.errors import BAD_ENDORSEMENTS, UNTRUSTED_ROOT

INTEGER, BITS, OCTETS, OID, IA5, UTC_TIME, TIME, SEQUENCE, BOOLEAN = 2, 3, 4, 6, 22, 23, 24, 0x30, 1
_VERSION, _EXTENSIONS = 0xA0, 0xA3
_PSS: Final = (
    "06092a864886f70d01010a30{}a00f300d06096086480165030402020500a11c301a06092a864886f70d010108300d0609608648016503"
    "0402020500a203020130"
)
PSS_SHA384: Final = (
    bytes.fromhex("3041" + _PSS.format("34")),
    bytes.fromhex("3046" + _PSS.format("39") + "a303020101"),
)
"""AlgorithmIdentifier of RSASSA-PSS with SHA-384, MGF1 of the same and 48 bytes of salt (RFC 4055, section
3.1); AMD writes out the trailer field's default, which DER would leave out.
"""


def bad(what: str) -> NoReturn:
    """Raise CT-2234."""
    raise BAD_ENDORSEMENTS(f"a certificate: {what}")


class Reader:
    """Takes DER elements one after the other."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def __bool__(self) -> bool:
        return self._at < len(self._data)

    def peek(self) -> int | None:
        """The next tag."""
        return self._data[self._at] if self else None

    def take(self, tag: int) -> bytes:
        """The content of the next element, which must have this tag."""
        return self.element(tag)[1]

    def element(self, tag: int) -> tuple[bytes, bytes]:
        """The next element whole, and its content."""
        start = self._at
        head = self._data[start : start + 4]
        if len(head) < 2 or head[0] != tag:
            bad(f"no element {tag:#x} at byte {start}")
        size, begin = head[1], start + 2
        if size == 0x81 and len(head) > 2 and head[2] >= 0x80:
            size, begin = head[2], start + 3
        elif size == 0x82 and len(head) > 3 and head[2]:
            size, begin = int.from_bytes(head[2:4], "big"), start + 4
        elif size >= 0x80:
            bad("a length that is not DER")
        self._at = begin + size
        if self._at > len(self._data):
            bad("it is cut off")
        return self._data[start : self._at], self._data[begin : self._at]

    def end(self) -> None:
        """There must be nothing more."""
        if self:
            bad("bytes are left over")


@dataclass(frozen=True)
class ChipCertificate:
    """A VCEK or VLEK certificate, its signature not checked."""

    signed: bytes
    signature: bytes
    issuer: bytes
    """Name, DER."""
    name: str
    """The subject's common name."""
    not_before: datetime
    not_after: datetime
    key: ec.EllipticCurvePublicKey
    extensions: dict[str, bytes]
    """Content of the extensions by dotted object identifier."""

    def check_issued_by(self, name: bytes, key: object) -> None:
        """Errors: CT-2235 unless the holder of ``key`` of that ``name`` (DER) signed it."""
        if self.issuer != name or not isinstance(key, rsa.RSAPublicKey):
            raise UNTRUSTED_ROOT("the chip's certificate names another issuer")
        try:
            key.verify(
                self.signature,
                self.signed,
                padding.PSS(padding.MGF1(SHA384()), SHA384().digest_size),
                SHA384(),
            )
        except InvalidSignature as error:
            raise UNTRUSTED_ROOT("the chip's certificate is not signed by its issuer") from error

    def number(self, oid: str) -> int:
        """An extension that is an INTEGER between 0 and 255. Errors: CT-2234."""
        reader = Reader(self._extension(oid))
        content = reader.take(INTEGER)
        reader.end()
        value = int.from_bytes(content, "big", signed=True)
        if not content or not 0 <= value <= 255 or len(content) > 1 + (value >= 128):
            bad(f"extension {oid} is no security version")
        return value

    def text(self, oid: str) -> str:
        """An extension that is an IA5String. Errors: CT-2234."""
        reader = Reader(self._extension(oid))
        content = reader.take(IA5)
        reader.end()
        return "".join(chr(byte) if 32 <= byte < 127 else "?" for byte in content)

    def octets(self, oid: str, size: int) -> bytes:
        """An extension of ``size`` bytes, which some certificates wrap in an OCTET STRING. Errors:
        CT-2234.
        """
        content = self._extension(oid)
        if len(content) == size + 2 and content[0] == OCTETS:
            content = Reader(content).take(OCTETS)
        if len(content) != size:
            bad(f"extension {oid} has {len(content)} bytes instead of {size}")
        return content

    def _extension(self, oid: str) -> bytes:
        return self.extensions[oid] if oid in self.extensions else bad(f"extension {oid} is missing")


def parse_chip_certificate(der: bytes) -> ChipCertificate:
    """Read a certificate. Errors: CT-2234."""
    outer = Reader(der)
    certificate = Reader(outer.take(SEQUENCE))
    outer.end()
    signed, content = certificate.element(SEQUENCE)
    algorithm = certificate.element(SEQUENCE)[0]
    signature = certificate.take(BITS)
    certificate.end()
    body = Reader(content)
    if body.take(_VERSION) != bytes.fromhex("020102"):
        bad("it is not of version 3")
    body.take(INTEGER)
    if algorithm not in PSS_SHA384 or body.element(SEQUENCE)[0] != algorithm or signature[:1] != b"\0":
        bad("it is not signed with RSASSA-PSS and SHA-384")
    issuer = body.element(SEQUENCE)[0]
    validity = Reader(body.take(SEQUENCE))
    window = _moment(validity), _moment(validity)
    validity.end()
    name = _common_name(body.take(SEQUENCE))
    key = _key(body.element(SEQUENCE)[0])
    extensions = _extensions(body.take(_EXTENSIONS))
    body.end()
    return ChipCertificate(signed, signature[1:], issuer, name, *window, key, extensions)


def serial_of(der: bytes) -> int:
    """The serial number of any certificate. Errors: CT-2234."""
    return int.from_bytes(_after_version(der).take(INTEGER)[:64], "big", signed=True)


def subject_of(der: bytes) -> bytes:
    """The subject's name of any certificate, DER, as it stands there. Errors: CT-2234."""
    body = _after_version(der)
    body.take(INTEGER)
    for _ in ("algorithm", "issuer", "validity"):
        body.take(SEQUENCE)
    return body.element(SEQUENCE)[0]


def issuer_of(der: bytes) -> bytes:
    """The issuer's name of any certificate, DER, as it stands there. Errors: CT-2234."""
    body = _after_version(der)
    body.take(INTEGER)
    body.take(SEQUENCE)
    return body.element(SEQUENCE)[0]


def _after_version(der: bytes) -> Reader:
    body = Reader(Reader(Reader(der).take(SEQUENCE)).take(SEQUENCE))
    if body.peek() == _VERSION:
        body.take(_VERSION)
    return body


def _moment(reader: Reader) -> datetime:
    forms: dict[int | None, str] = {UTC_TIME: "%y%m%d%H%M%SZ", TIME: "%Y%m%d%H%M%SZ"}
    tag = reader.peek()
    if tag not in forms or tag is None:
        bad("a time is missing")
    try:
        # RFC 5280, 4.1.2.5.1: two digits below 50 are of this century. None of AMD's is older.
        return datetime.strptime(reader.take(tag).decode("ascii"), forms[tag]).replace(tzinfo=UTC)
    except ValueError:
        bad("a time is not in its form")


def _common_name(content: bytes) -> str:
    names, found = Reader(content), []
    while names:
        pair = Reader(Reader(names.take(0x31)).take(SEQUENCE))
        kind = _dotted(pair.take(OID))
        if kind == "2.5.4.3":
            tag = pair.peek()
            text = pair.take(tag if tag in (12, 19, IA5) and tag is not None else 12)
            found.append("".join(chr(byte) if 32 <= byte < 127 else "?" for byte in text))
    return found[0] if len(found) == 1 else bad("it has no single common name")


def _key(spki: bytes) -> ec.EllipticCurvePublicKey:
    try:
        key = load_der_public_key(spki)
    except (ValueError, UnsupportedAlgorithm):
        bad("its key cannot be used")
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP384R1):
        bad("its key is not on P-384")
    return key


def _extensions(content: bytes) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    outer = Reader(content)
    listed = Reader(outer.take(SEQUENCE))
    outer.end()
    while listed:
        one = Reader(listed.take(SEQUENCE))
        oid = _dotted(one.take(OID))
        if one.peek() == BOOLEAN:
            bad(f"extension {oid} is critical, and none is known that is")
        if oid in found:
            bad(f"extension {oid} comes twice")
        found[oid] = one.take(OCTETS)
        one.end()
    return found


def _dotted(content: bytes) -> str:
    """An object identifier of which each part fits in a few bytes (X.690, 8.19)."""
    parts, value = [], 0
    for index, byte in enumerate(content):
        if value > 2**28 or (value == 0 and byte == 0x80):
            bad("an object identifier that is not DER")
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            parts.append(value)
            value = 0
        elif index == len(content) - 1:
            bad("an object identifier that is cut off")
    if not parts:
        bad("an empty object identifier")
    first = min(parts[0] // 40, 2)
    return ".".join(map(str, (first, parts[0] - 40 * first, *parts[1:])))
