"""Look up known holes (advisories) in whatever Coterie is installed, built, tested or linked with.

python scripts/advisories.py               what could not be looked up is said, and is no failure
python scripts/advisories.py --require     … and is one
python scripts/advisories.py --osv URL     ask a mirror that speaks OSV's protocol, not the package index

Python: the lock files, by pip-audit. Rust: kernels/Cargo.lock, by cargo-deny, where that is installed; it
also checks licences, sources and bans of kernels/deny.toml, which needs no network. Ends with 1 where
anything is found.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[1]
LOCKS = tuple(ROOT / "requirements" / f"{name}.txt" for name in ("runtime", "build", "test", "demo"))
MANIFEST = ROOT / "kernels" / "Cargo.toml"
SECONDS = 240.0
"""For everything that one tool is asked. A database that is slower counts as not reachable."""
PROBE_SECONDS = 20.0


class Report(NamedTuple):
    """Lines for people."""

    found: tuple[str, ...] = ()
    unchecked: tuple[str, ...] = ()
    """What could not be looked up, and why."""
    fine: tuple[str, ...] = ()


def _answer(command: Sequence[str | Path], seconds: float) -> subprocess.CompletedProcess[str] | None:
    """None where the command took too long."""
    try:
        return subprocess.run(
            command, capture_output=True, text=True, timeout=seconds, check=False, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired:
        return None


def pip_audit(locks: Iterable[Path], osv: str | None, seconds: float) -> list[dict[str, Any]] | None:
    """What pip-audit says of each package of these lock files; None where its database does not answer."""
    command: list[str | Path] = [sys.executable, "-m", "pip_audit", "--format", "json"]
    command += ["--progress-spinner", "off", "--disable-pip", "--require-hashes", "--timeout", "5"]
    command += ["--vulnerability-service", "osv", "--osv-url", osv] if osv else []
    for lock in locks:
        command += ["--requirement", lock]
    said = _answer(command, seconds)
    try:
        found: list[dict[str, Any]] = json.loads(said.stdout)["dependencies"] if said else []
    except (ValueError, KeyError):
        return None
    # An index without advisories knows no package at all, and pip-audit calls that no known holes.
    return found if any("skip_reason" not in one for one in found) else None


def python(locks: Sequence[Path] = LOCKS, osv: str | None = None) -> Report:
    """Packages of lock files. One is asked for first: where nobody answers, the others need not be tried."""
    with tempfile.TemporaryDirectory() as folder:
        probe = Path(folder) / "one.txt"
        first = re.search(r"^\S+==(?:.*\\\n)+.*\n", locks[0].read_text(encoding="utf-8"), re.MULTILINE)
        probe.write_text(first[0] if first else "", encoding="utf-8")
        reached = pip_audit([probe], osv, PROBE_SECONDS)
    found = pip_audit(locks, osv, SECONDS) if reached else None
    if found is None:
        return Report(unchecked=("Python packages: the database of pip-audit is not reachable",))
    return Report(
        tuple(
            f"{one['name']} {one['version']}: {hole['id']}; "
            + (
                f"mended in {', '.join(hole['fix_versions'])}"
                if hole["fix_versions"]
                else "no mended version yet"
            )
            for one in found
            for hole in one.get("vulns", ())
        ),
        tuple(f"{one['name']}: {one['skip_reason']}" for one in found if "skip_reason" in one),
        (f"{sum('vulns' in one for one in found)} Python packages looked up",),
    )


def cargo_deny(*checks: str, offline: bool) -> list[str] | None:
    """Errors of some checks; None where cargo-deny could not make them."""
    command: list[str | Path] = ["cargo", "deny", "--format", "json", "--manifest-path", MANIFEST]
    said = _answer([*command, *(["--offline"] if offline else []), "check", *checks], SECONDS)
    lines = list(_objects(said.stderr)) if said else []
    if not any(one["type"] == "summary" for one in lines):
        return None
    faults = [one["fields"] for one in lines if one["type"] == "diagnostic"]
    return [_fault(one) for one in faults if one["severity"] == "error"]


def _objects(text: str) -> Iterator[dict[str, Any]]:
    for line in text.splitlines():
        if line.startswith("{"):
            yield json.loads(line)


def _fault(fields: dict[str, Any]) -> str:
    advisory = fields.get("advisory") or {}
    crate = next((f"crate {one['Krate']['name']}: " for one in fields.get("graphs", ())), "")
    return f"{crate}{advisory.get('id', fields.get('code'))}: {fields['message']}"


def rust() -> Report:
    """The crates of the lock file."""
    if shutil.which("cargo-deny") is None:
        return Report(unchecked=("crates: cargo-deny is not installed (cargo install cargo-deny --locked)",))
    found, unchecked, fine = [], [], []
    for checks, offline, otherwise in (
        (("licenses", "bans", "sources"), True, "crates' licences, bans and sources: cargo-deny failed"),
        (("advisories",), False, "crates: the database of cargo-deny is not reachable"),
    ):
        faults = cargo_deny(*checks, offline=offline)
        if faults is None:
            unchecked.append(otherwise)
        else:
            found += faults
            fine.append(f"crates: {', '.join(checks)} checked")
    return Report(tuple(found), tuple(unchecked), tuple(fine))


def main(arguments: Sequence[str] | None = None) -> int:
    """Print what is known, what is not, and what is wrong."""
    parser = argparse.ArgumentParser(description="Look up advisories of all that is locked.")
    parser.add_argument("--require", action="store_true", help="fail where something cannot be looked up")
    parser.add_argument(
        "--osv", metavar="URL", help="a mirror that speaks OSV's protocol, for Python packages"
    )
    parser.add_argument("--lock", type=Path, action="append", help="another lock file than the project's")
    wanted = parser.parse_args(arguments)
    reports = [python(wanted.lock or LOCKS, wanted.osv), *(() if wanted.lock else (rust(),))]
    found = [line for one in reports for line in one.found]
    unchecked = [line for one in reports for line in one.unchecked]
    for line in (line for one in reports for line in one.fine):
        print(line)
    for line in unchecked:
        print(f"not checked: {line}")
    for line in found:
        print(f"found: {line}")
    if not found and not unchecked:
        print("no known holes")
    return int(bool(found) or (wanted.require and bool(unchecked)))


if __name__ == "__main__":
    sys.exit(main())
