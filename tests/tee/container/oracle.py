"""The container format once more, from docs/formats/container.md and over primitives alone: nothing of
Coterie.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import cbor2
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

VECTORS = Path(__file__).parents[1] / "vectors"
CHUNK = 1024 * 1024


def vectors(name: str) -> dict[str, Any]:
    """The published vectors of that name."""
    return json.loads((VECTORS / f"{name}.json").read_text(encoding="utf-8"))


def pattern(size: int) -> bytes:
    """The vectors' content: byte i is i modulo 251."""
    return (bytes(range(251)) * (size // 251 + 1))[:size]


def header(file_id: bytes, size: int, dataset: str, schema: bytes | None) -> bytes:
    fields = {1: 1, 2: 1, 3: CHUNK, 4: file_id, 5: size, 6: dataset, 7: schema}
    return cbor2.dumps(fields, canonical=True)


def hkdf(key: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    """RFC 5869; one block of output is enough here."""
    prk = hmac.digest(salt, key, "sha256")
    return hmac.digest(prk, info + b"\1", "sha256")[:length]


def sealed(key: bytes, head: bytes, plain: bytes) -> tuple[bytes, list[bytes]]:
    """Preamble and chunks."""
    salt = hashlib.sha256(head).digest()
    file_key, prefix, commitment = (
        hkdf(key, salt, b"coterie/container/v1/" + what, length)
        for what, length in ((b"key", 32), (b"nonce", 7), (b"commitment", 32))
    )
    preamble = b"coterie sealed\r\n" + len(head).to_bytes(2, "big") + head + commitment
    parts = [plain[start : start + CHUNK] for start in range(0, len(plain), CHUNK)] or [b""]
    chunks = [
        AESGCM(file_key).encrypt(
            prefix + index.to_bytes(4, "big") + bytes([index == len(parts) - 1]), part, salt
        )
        for index, part in enumerate(parts)
    ]
    return preamble, chunks


def leaf(preamble: bytes, index: int, chunk: bytes) -> bytes:
    return hashlib.sha256(
        b"\0" + hashlib.sha256(preamble).digest() + index.to_bytes(4, "big") + chunk
    ).digest()


def tree_hash(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962, section 2.1, over leaves that are hashed already."""
    if len(leaves) == 1:
        return leaves[0]
    half = 1 << (len(leaves) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + tree_hash(leaves[:half]) + tree_hash(leaves[half:])).digest()


def path(index: int, leaves: list[bytes]) -> list[bytes]:
    """PATH of RFC 6962, section 2.1.1."""
    if len(leaves) == 1:
        return []
    half = 1 << (len(leaves) - 1).bit_length() - 1
    if index < half:
        return [*path(index, leaves[:half]), tree_hash(leaves[half:])]
    return [*path(index - half, leaves[half:]), tree_hash(leaves[:half])]


def unwrapped(wrapped: bytes, mlkem: Any, x25519: Any, info: bytes) -> bytes:
    """Suite 2: X-Wing, HPKE base mode (RFC 9180, section 5), HKDF-SHA256, AES-256-GCM, spelt out."""
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

    suite = b"HPKE" + bytes.fromhex("647a00010002")

    def extract(label: bytes, ikm: bytes, salt: bytes = b"") -> bytes:
        return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + label + ikm, "sha256")

    def expand(secret: bytes, label: bytes, context: bytes, length: int) -> bytes:
        labelled = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + context + b"\1"
        return hmac.digest(secret, labelled, "sha256")[:length]

    assert wrapped[:1] == b"\2"
    ct_m, ct_x, sealed_key = wrapped[1:1089], wrapped[1089:1121], wrapped[1121:]
    shared = (
        mlkem.decapsulate(ct_m)
        + x25519.exchange(X25519PublicKey.from_public_bytes(ct_x))
        + ct_x
        + x25519.public_key().public_bytes_raw()
    )
    secret = extract(b"secret", b"", hashlib.sha3_256(shared + rb"\.//^" + b"\\").digest())
    context = b"\0" + extract(b"psk_id_hash", b"") + extract(b"info_hash", info)
    key, nonce = expand(secret, b"key", context, 32), expand(secret, b"base_nonce", context, 12)
    return AESGCM(key).decrypt(nonce, sealed_key, None)
