"""From a data key to what seals one file: file key, nonce prefix, commitment.

AES-GCM alone does not say which key made a ciphertext: somebody who knows two keys can build one that both
open, to different data (Albertini et al. 2022, How to Abuse and Fix Authenticated Encryption Without Key
Commitment). So a hash of the data key and of the header stands in front of the chunks and is compared before
anything is decrypted. HMAC-SHA-256 with salts of one length is collision resistant in key and message, hence
so is HKDF here: one commitment, one data key, one header.

The data key serves one file, and yet nothing depends on it: the file id in the header makes the file key and
the nonces of every sealing different.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

from coterie.crypto import equal
from coterie.tee.container.errors import WRONG_KEY
from coterie.tee.container.header import COMMITMENT, Header, Preamble

KEY = 32
PREFIX = 7
INFO = b"coterie/container/v1/"


@dataclass(frozen=True)
class Schedule:
    """What one data key gives for one header. Its repr shows no key."""

    cipher: AESGCM = field(repr=False)
    prefix: bytes = field(repr=False)
    aad: bytes
    """SHA-256 of the header: associated data of every chunk."""
    commitment: bytes

    @classmethod
    def derive(cls, key: bytes, header: Header) -> Schedule:
        """:param key: the data key, 32 random bytes."""
        if len(key) != KEY:
            raise WRONG_KEY(f"a key of {len(key)} bytes")
        aad = hashlib.sha256(header.encode()).digest()
        root = HKDF.extract(SHA256(), aad, key)

        def expand(what: bytes, length: int) -> bytes:
            return HKDFExpand(SHA256(), length, INFO + what).derive(root)

        return cls(
            AESGCM(expand(b"key", KEY)), expand(b"nonce", PREFIX), aad, expand(b"commitment", COMMITMENT)
        )

    @classmethod
    def matching(cls, key: bytes, preamble: Preamble) -> Schedule:
        """The schedule of the key that the preamble commits to. From then on the header is authentic: who
        knew the data key has written it. Errors: CT-2204.
        """
        made = cls.derive(key, preamble.header)
        if not equal(made.commitment, preamble.commitment):
            raise WRONG_KEY(f"container {preamble.header.file_id.hex()}")
        return made

    def nonce(self, index: int, *, last: bool) -> bytes:
        """STREAM (Hoang, Reyhanitabar, Rogaway, Vizár 2015): prefix, number, and whether it is the last."""
        return self.prefix + index.to_bytes(4, "big") + (b"\1" if last else b"\0")
