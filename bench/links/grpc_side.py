"""gRPC beside links: its environment, its keys, its two processes."""

from __future__ import annotations

import datetime
import json
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from bench.links.work import WORKS
from bench.peers import python_of

PARTY = Path(__file__).with_name("grpc_party.py")
SECONDS = 300


def measure() -> dict[str, float]:
    """Seconds of each work.

    :raises PeerMissing: where gRPC cannot be installed.
    """
    python = python_of("grpc", (3, 11))
    works = [
        {"name": name, "kind": work.__name__, "items": items, "times": times}
        for name, (work, items, times) in WORKS.items()
    ]
    with TemporaryDirectory(prefix="grpc-bench-") as folder:
        for name in ("alpha", "beta"):
            _write_key(Path(folder), name)
        command = [str(python), str(PARTY), folder, json.dumps(works)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SECONDS)
    if done.returncode:
        raise RuntimeError(f"gRPC: {done.stderr.strip()[-500:]}")
    found: dict[str, float] = json.loads(done.stdout)
    return found


def _write_key(folder: Path, name: str) -> None:
    """A key of P-256, as gRPC's TLS takes no Ed25519, and its own certificate."""
    key, named = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    today = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(named, named, key.public_key(), x509.random_serial_number())
        .not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=True)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    plain = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / f"{name}.key").write_bytes(key.private_bytes(serialization.Encoding.PEM, *plain))
    (folder / f"{name}.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
