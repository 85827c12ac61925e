"""Identities: keys on disk, signatures, certificates; with OpenSSL and RFC 8032 as outside truth."""

from __future__ import annotations

import base64
import copy
import pickle
import ssl
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from pydantic import ValidationError

from coterie.crypto import Identity, PublicIdentity, digest
from coterie.errors import CoterieError


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return Identity.create(tmp_path_factory.mktemp("bank"), "bank-a", hosts=["node.bank.example", "10.1.2.3"])


def test_an_identity_is_created_once_and_loaded(tmp_path: Path) -> None:
    made = Identity.create(tmp_path / "home", "bank-a")
    assert Identity.load(tmp_path / "home").public == made.public
    with pytest.raises(CoterieError, match="CT-1103"):
        Identity.create(tmp_path / "home", "bank-b")
    assert Identity.load(tmp_path / "home").name == "bank-a"
    assert sorted(p.name for p in (tmp_path / "home").iterdir()) == ["identity"]


def test_keys_are_for_their_owner_alone(bank: Identity) -> None:
    assert bank.key_path.stat().st_mode & 0o777 == 0o600
    assert bank.api_key_path.stat().st_mode & 0o777 == 0o600
    assert bank.key_path.parent.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "name", ["", "A", "1bank", "bank_a", "bank.a", "a" * 32, "bank\n", "bänk", "-a", "../x"]
)
def test_bad_names_are_refused_before_anything_is_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(CoterieError, match="CT-1106"):
        Identity.create(tmp_path, name)
    assert list(tmp_path.iterdir()) == []


def test_what_is_wrong_with_a_home_is_named(tmp_path: Path) -> None:
    with pytest.raises(CoterieError, match="CT-1104"):
        Identity.load(tmp_path)
    one, two = Identity.create(tmp_path / "1", "one"), Identity.create(tmp_path / "2", "two")
    one.key_path.chmod(0o640)
    with pytest.raises(CoterieError, match="CT-1105"):
        Identity.load(tmp_path / "1")
    one.key_path.chmod(0o600)
    one.key_path.write_bytes(two.key_path.read_bytes())
    with pytest.raises(CoterieError, match="CT-1102"):
        Identity.load(tmp_path / "1")
    one.key_path.write_bytes(b"damaged")
    with pytest.raises(CoterieError, match="CT-1102"):
        Identity.load(tmp_path / "1")
    two.certificate_path.unlink()
    with pytest.raises(CoterieError, match="CT-1122"):
        Identity.load(tmp_path / "2")


def test_signatures_hold_for_message_domain_and_party(bank: Identity, tmp_path: Path) -> None:
    signature = bank.sign("coterie/test/v1", b"message")
    assert len(signature) == 64
    bank.public.verify("coterie/test/v1", b"message", signature)
    other = Identity.create(tmp_path, "other").public
    for public, domain, message, wrong in [
        (bank.public, "coterie/test/v2", b"message", signature),
        (bank.public, "coterie/test/v1", b"Message", signature),
        (bank.public, "coterie/test/v1", b"message", bytes(64)),
        (bank.public, "coterie/test/v1", b"message", signature[:63]),
        (bank.public, "coterie/test/v1", b"message", b""),
        (other, "coterie/test/v1", b"message", signature),
    ]:
        with pytest.raises(CoterieError) as caught:
            public.verify(domain, message, wrong)
        assert caught.value.code == "CT-1101"
        assert caught.value.party == public.name


def test_openssl_verifies_our_signature(bank: Identity, tmp_path: Path) -> None:
    (tmp_path / "message").write_bytes(b"coterie/test/v1\0hello")
    (tmp_path / "signature").write_bytes(bank.sign("coterie/test/v1", b"hello"))
    key = subprocess.run(
        ["openssl", "x509", "-in", bank.certificate_path, "-noout", "-pubkey"],
        check=True,
        capture_output=True,
    )
    (tmp_path / "key").write_bytes(key.stdout)
    subprocess.run(
        [
            "openssl",
            "pkeyutl",
            "-verify",
            "-pubin",
            "-inkey",
            tmp_path / "key",
            "-rawin",
            "-in",
            tmp_path / "message",
            "-sigfile",
            tmp_path / "signature",
        ],
        check=True,
        capture_output=True,
    )


def test_no_repr_or_copy_gives_the_key_away(bank: Identity) -> None:
    assert "PRIVATE" not in repr(bank)
    assert bank.key_path.read_text().splitlines()[1] not in repr(bank) + str(bank.__dict__)
    with pytest.raises(TypeError):
        pickle.dumps(bank)
    with pytest.raises(TypeError):
        copy.deepcopy(bank)


def test_the_fingerprint_is_that_of_the_raw_key(bank: Identity) -> None:
    assert bank.public.fingerprint == digest(bytes.fromhex(bank.public.key))


def test_public_identities_are_checked_as_a_whole(bank: Identity, tmp_path: Path) -> None:
    other = Identity.create(tmp_path, "other").public
    good = bank.public.model_dump()
    assert PublicIdentity.model_validate(good) == bank.public
    for wrong in [
        {"name": "bank-b"},
        {"key": other.key},
        {"certificate": other.certificate},
        {"certificate": "not base64!"},
        {"certificate": base64.b64encode(b"not a certificate").decode()},
        {"certificate": "A" * 5000},
        {"key": bank.public.key.upper()},
        {"name": "Bank"},
        {"extra": 1},
    ]:
        with pytest.raises(ValidationError):
            PublicIdentity.model_validate(good | wrong)


def _certificate(
    key: Ed25519PrivateKey | ec.EllipticCurvePrivateKey,
    names: list[x509.GeneralName],
    signer: Ed25519PrivateKey | None = None,
) -> bytes:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
        .not_valid_after(datetime(2027, 1, 1, tzinfo=UTC))
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    algorithm = None if isinstance(signer or key, Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(signer or key, algorithm).public_bytes(Encoding.DER)


def test_foreign_certificates_are_refused() -> None:
    key = Ed25519PrivateKey.generate()
    one, two = x509.DNSName("one.coterie"), x509.DNSName("two.coterie")
    assert PublicIdentity.of_certificate(_certificate(key, [one])).name == "one"
    for der in [
        b"",
        b"\x30\x82\xff\xff",
        _certificate(key, []),
        _certificate(key, [one, two]),
        _certificate(key, [one, x509.RFC822Name("a@one.coterie")]),
        _certificate(key, [x509.DNSName("one.example")]),
        _certificate(key, [x509.DNSName("*.coterie")]),
        _certificate(key, [one], signer=Ed25519PrivateKey.generate()),
        _certificate(ec.generate_private_key(ec.SECP256R1()), [one]),
        _certificate(key, [one]) + b"\0",
    ]:
        with pytest.raises(CoterieError, match="CT-1102"):
            PublicIdentity.of_certificate(der)


def test_the_party_certificate_does_not_expire(bank: Identity) -> None:
    certificate = x509.load_pem_x509_certificate(bank.certificate_path.read_bytes())
    assert certificate.not_valid_before_utc < datetime.now(UTC) - timedelta(days=365)
    assert certificate.not_valid_after_utc.year == 9999


def test_the_api_certificate_is_what_browsers_take(bank: Identity) -> None:
    certificate = x509.load_pem_x509_certificate(bank.api_certificate_path.read_bytes())
    assert isinstance(certificate.public_key(), ec.EllipticCurvePublicKey)
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["localhost", "node.bank.example"]
    assert [str(a) for a in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1", "::1", "10.1.2.3"]
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc <= timedelta(days=825)
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(bank.api_certificate_path, bank.api_key_path)


def test_the_api_certificate_can_be_renewed(tmp_path: Path) -> None:
    identity = Identity.create(tmp_path, "bank-a")
    before = identity.api_certificate_path.read_bytes()
    identity.renew_api_certificate(["new.example"])
    assert identity.api_certificate_path.read_bytes() != before
    assert Identity.load(tmp_path).public == identity.public
