"""Identities, signatures, canonical documents, secret randomness, durable files."""

from coterie.crypto.document import canonical, digest, now, parse_json, parse_timestamp, timestamp
from coterie.crypto.errors import BAD_PASSPHRASE, CANNOT_READ, NO_PASSPHRASE
from coterie.crypto.files import (
    Draft,
    append,
    atomic_write,
    open_regular,
    read_at_most,
    sync_directory,
    write_error,
)
from coterie.crypto.headed import Headed
from coterie.crypto.identity import (
    NAME_PATTERN,
    Known,
    PartyName,
    PublicIdentity,
    Signer,
    check_name,
    signed_bytes,
    verify_signature,
)
from coterie.crypto.keyfile import Passphrase, check_passphrase
from coterie.crypto.keystore import Identity
from coterie.crypto.memory import keep_memory_private
from coterie.crypto.randomness import equal, hmac_sha256, random_key, random_seed
from coterie.crypto.sealing import SEALED_KEY, SealingStream, UnsealingStream, seal_key, sealed_size

__all__ = [
    "BAD_PASSPHRASE",
    "CANNOT_READ",
    "NAME_PATTERN",
    "NO_PASSPHRASE",
    "SEALED_KEY",
    "Draft",
    "Headed",
    "Identity",
    "Known",
    "PartyName",
    "Passphrase",
    "PublicIdentity",
    "SealingStream",
    "Signer",
    "UnsealingStream",
    "append",
    "atomic_write",
    "canonical",
    "check_name",
    "check_passphrase",
    "digest",
    "equal",
    "hmac_sha256",
    "keep_memory_private",
    "now",
    "open_regular",
    "parse_json",
    "parse_timestamp",
    "random_key",
    "random_seed",
    "read_at_most",
    "seal_key",
    "sealed_size",
    "signed_bytes",
    "sync_directory",
    "timestamp",
    "verify_signature",
    "write_error",
]
