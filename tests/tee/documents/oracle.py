"""The documents of docs/formats/tee-documents.md, made without a line of the product.

``python -m tests.tee.documents.oracle`` writes the published vectors anew.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

VECTORS = Path(__file__).parents[1] / "vectors" / "tee-documents.json"
SEEDS = {name: bytes([number]) * 32 for number, name in enumerate(("lender", "payments", "hub", "runner"), 1)}
NONCE, HPKE = "0a" * 32, "0b" * 1216


def canonical(value: Any) -> bytes:
    """RFC 8785 for what these documents hold: ASCII names, integers, strings."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def named(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def raw(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("sha256:"))


def key(name: str) -> str:
    return Ed25519PrivateKey.from_private_bytes(SEEDS[name]).public_key().public_bytes_raw().hex()


def signed(name: str, domain: str, body: dict[str, Any]) -> dict[str, Any]:
    private = Ed25519PrivateKey.from_private_bytes(SEEDS[name])
    return body | {"signature": private.sign(domain.encode() + b"\0" + canonical(body)).hex()}


def body(document: dict[str, Any]) -> bytes:
    return canonical({name: value for name, value in document.items() if name != "signature"})


def manifest() -> dict[str, Any]:
    used: dict[str, dict[str, Any]] = {
        "lender": {"id": "customer", "columns": ["age", "income"], "label": "default", "rows": 1000},
        "payments": {"id": "client", "columns": ["spend"], "label": None, "rows": 900},
    }
    return {
        "version": "coterie/manifest/v1",
        "job": "0123456789abcdef" * 2,
        "agreement": named(b"agreement"),
        "plan": named(b"plan"),
        "steps": [
            {"name": "align", "component": "align", "params": {}},
            {"name": "train", "component": "boosting", "params": {"depth": 4, "trees": 300}},
        ],
        "datasets": [
            {"owner": owner, "dataset": f"{owner}/table", "record": named(owner.encode()), **columns}
            for owner, columns in used.items()
        ],
        "outputs": [
            {
                "step": "train",
                "kind": "model",
                "name": "train.model",
                "receivers": ["lender", "payments"],
                "count": 1,
                "max_bytes": 1000000,
            }
        ],
        "min_rows": 100,
        "keys": {name: key(name) for name in ("lender", "payments", "hub")},
        "host": "hub",
        "assurance": "simulated",
        "measurements": {"sim": [{"measurement": "cd" * 32}]},
        "created": "2026-11-23T12:00:00Z",
    }


def grant(owner: str, job: dict[str, Any]) -> dict[str, Any]:
    mine, other = sorted(job["datasets"], key=lambda one: one["owner"] != owner)
    fields = {
        "version": "coterie/grant/v1",
        "owner": {"name": owner, "key": key(owner)},
        "agreement": job["agreement"],
        "dataset": mine["dataset"],
        "record": mine["record"],
        "manifest": named(canonical(job)),
        "components": None,
        "id": mine["id"],
        "columns": mine["columns"],
        "label": mine["label"],
        "partners": [{"owner": other["owner"], "dataset": other["dataset"]}],
        "outputs": [{"kind": "model", "receivers": ["lender", "payments"], "max_bytes": 1000000}],
        "min_rows": 100,
        "keys": job["keys"],
        "hosts": ["hub"],
        "not_before": "2026-11-01T00:00:00Z",
        "expires": "2027-11-01T00:00:00Z",
        "max_runs": 1,
        "min_interval": 0,
        "assurance": "simulated",
        "measurements": job["measurements"],
        "platform": {
            "types": ["sim"],
            "simulated": True,
            "debug": False,
            "migration": False,
            "tcb_statuses": ["UpToDate"],
            "accepted_advisories": [],
            "denied_advisories": [],
            "minimum_svns": {},
            "chips": "any",
            "vmpls": [0],
            "platform": {},
            "missing_crl": False,
            "max_age_days": None,
        },
        "created": "2026-11-23T12:00:00Z",
    }
    return signed(owner, "coterie/grant/v1", fields)


def root(grants: list[dict[str, Any]]) -> str:
    first, second = (hashlib.sha256(b"\0" + body(one)).digest() for one in grants)
    return named(b"\1" + first + second)


def checkpoint(job: dict[str, Any], grants: list[dict[str, Any]]) -> dict[str, Any]:
    logged = []
    for entry, one in enumerate(grants, 7):
        owner = one["owner"]["name"]
        head = {"party": owner, "seq": entry + 1, "hash": named(b"entry"), "time": "2026-11-23T12:01:00Z"}
        logged.append(
            {
                "owner": owner,
                "grant": named(body(one)),
                "entry": entry,
                "head": signed(owner, "coterie/ledger-head/v1", head),
            }
        )
    return {"version": "coterie/checkpoint/v1", "manifest": named(canonical(job)), "logged": logged}


def receipt(job: dict[str, Any], grants_root: str, logs: str) -> dict[str, Any]:
    used = job["datasets"]
    fields = {
        "version": "coterie/receipt/v1",
        "assurance": "simulated",
        "manifest": named(canonical(job)),
        "grants_root": grants_root,
        "log_checkpoint": logs,
        "key": key("runner"),
        "evidence": {one["owner"]: named(one["owner"].encode()) for one in used},
        "inputs": [
            {name: one[name] for name in ("owner", "dataset", "record")} | {"root": named(b"root")}
            for one in used
        ],
        "outputs": [
            {
                "step": "train",
                "kind": "model",
                "name": "train.model",
                "file": "0c" * 16,
                "root": named(b"output"),
                "commitment": "0d" * 32,
                "size": 65536,
                "receivers": ["lender", "payments"],
            }
        ],
        "resources": {"wall_ms": 1200, "cpu_ms": 1100, "memory": 268435456},
        "started": "2026-11-23T12:02:00Z",
        "finished": "2026-11-23T12:02:02Z",
    }
    return signed("runner", "coterie/receipt/v1", fields)


def vectors() -> dict[str, Any]:
    job = manifest()
    grants = [grant("lender", job), grant("payments", job)]
    logs = checkpoint(job, grants)
    binding = {
        "version": "coterie/ra/v1",
        "nonce": NONCE,
        "provider": "lender",
        "hpke_pk": HPKE,
        "receipt_pk": key("runner"),
        "job": named(canonical(job)),
        "grants_root": root(grants),
        "log_checkpoint": named(canonical(logs)),
        "assurance": "simulated",
    }
    info = b"coterie/release/v1\0simulated\0" + raw(named(body(grants[0]))) + raw(binding["job"]) + raw(NONCE)
    return {
        "about": "docs/formats/tee-documents.md; documents as text, byte for byte",
        "seeds": {name: seed.hex() for name, seed in SEEDS.items()},
        "manifest": canonical(job).decode(),
        "manifest_digest": binding["job"],
        "grants": [canonical(one).decode() for one in grants],
        "grant_digests": [named(body(one)) for one in grants],
        "grants_root": binding["grants_root"],
        "checkpoint": canonical(logs).decode(),
        "checkpoint_digest": binding["log_checkpoint"],
        "binding": canonical(binding).decode(),
        "report_data": hashlib.sha512(b"coterie/ra/v1" + canonical(binding)).hexdigest(),
        "release_info": info.hex(),
        "receipt": canonical(receipt(job, binding["grants_root"], binding["log_checkpoint"])).decode(),
    }


if __name__ == "__main__":
    VECTORS.write_text(json.dumps(vectors(), indent=1) + "\n")
