"""Check that whatever Coterie is installed, built or linked with may be used beside Apache-2.0.

python scripts/licences.py      prints what is not on the list, and ends with 1 where there is anything

Python: the distributions of the lock files that are installed here, by their own metadata. Rust: the crates
of kernels/Cargo.lock, by `cargo metadata`, which also says where each comes from. Neither asks anybody.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

ALLOWED = frozenset(
    (
        *("0BSD", "Apache-2.0", "Apache-2.0 WITH LLVM-exception", "BSD-1-Clause", "BSD-2-Clause"),
        *("BSD-3-Clause", "BSL-1.0", "CC0-1.0", "ISC", "MIT", "MIT-0", "MIT-CMU", "PSF-2.0", "Unicode-3.0"),
        "Zlib",
    )
)
"""SPDX names of licences whose terms Apache-2.0 can be distributed with."""

OPTIONAL = frozenset(("LGPL-3.0-only", "MPL-2.0", "LicenseRef-NVIDIA-Proprietary"))
"""For what only tests and extras have installed, and nobody is given with Coterie: a driver of databases that
is imported as it is, tools, and the libraries for graphics cards that torch asks for.
"""

SPDX = {
    "apache 2.0": "Apache-2.0",
    "apache licence 2.0": "Apache-2.0",
    "apache software license": "Apache-2.0",
    "bsd": "BSD-3-Clause",
    "bsd license": "BSD-3-Clause",
    "2-clause bsd": "BSD-2-Clause",
    "3-clause bsd license": "BSD-3-Clause",
    "isc license": "ISC",
    "mit license": "MIT",
    "mozilla public license 2.0 (mpl 2.0)": "MPL-2.0",
    "nvidia proprietary software": "LicenseRef-NVIDIA-Proprietary",
    "python software foundation license": "PSF-2.0",
}
"""What older packages write. Where one says no more than BSD, both texts that are meant by it are allowed."""

KNOWN = {"cuda-toolkit": "LicenseRef-NVIDIA-Proprietary", "isoduration": "ISC"}
"""Read in the package where its metadata say nothing."""

CRATES = "registry+https://github.com/rust-lang/crates.io-index"


def fits(expression: str, allowed: frozenset[str]) -> bool:
    """Whether an SPDX expression (annex D of SPDX 2.3) can be met by allowed licences alone.

    ``WITH`` binds closest, then ``AND``, then ``OR``; crates of before 2018 write a slash for ``OR``.
    """
    words = re.findall(r"[()]|[^\s()]+", expression.replace("/", " OR "))

    def either() -> bool:
        found = both()
        while words and words[0] == "OR":
            words.pop(0)
            found = both() or found
        return found

    def both() -> bool:
        found = one()
        while words and words[0] == "AND":
            words.pop(0)
            found = one() and found
        return found

    def one() -> bool:
        if not words:
            return False
        word = words.pop(0)
        if word == "(":
            found = either()
            return bool(words) and words.pop(0) == ")" and found
        if words and words[0] == "WITH":
            words.pop(0)
            word = f"{word} WITH {words.pop(0) if words else ''}"
        return word in allowed

    return either() and not words


def licence(name: str, about: metadata.PackageMetadata) -> str | None:
    """What a distribution says of its licence, as an SPDX expression; None where it says nothing."""
    if (stated := about.get("License-Expression")) is not None:
        return stated
    classifiers = [one.rpartition(" :: ")[2] for one in about.get_all("Classifier") or []]
    free = (about.get("License") or "").strip()
    for text in (free, *classifiers):
        if text.lower() in SPDX:
            return SPDX[text.lower()]
    return free if free in ALLOWED else KNOWN.get(name)


def locked(name: str) -> dict[str, str]:
    """Versions by distribution, of one lock file."""
    text = (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8")
    return dict(re.findall(r"^([\w.-]+)==(\S+)", text, re.MULTILINE))


def python() -> Iterator[str]:
    """What is wrong with the distributions of the lock files. Those of tests may be absent."""
    shipped = locked("runtime")
    for name, version in {**locked("test"), **locked("build"), **locked("demo"), **shipped}.items():
        try:
            found = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            if name in shipped:
                yield f"{name}: not installed, so its licence is not known"
            continue
        stated = licence(name, found.metadata)
        if found.version != version:
            yield f"{name}: {found.version} is installed and {version} locked"
        if stated is None or not fits(stated, ALLOWED if name in shipped else ALLOWED | OPTIONAL):
            yield f"{name}: {stated or 'no licence that is known'}"


def rust() -> Iterator[str]:
    """What is wrong with the crates of the lock file."""
    command = ["cargo", "metadata", "--format-version", "1", "--locked"]
    said = subprocess.run(
        [*command, "--manifest-path", ROOT / "kernels" / "Cargo.toml"], capture_output=True, check=True
    )
    for crate in json.loads(said.stdout)["packages"]:
        stated = crate["license"]
        if stated is None or not fits(stated, ALLOWED):
            yield f"crate {crate['name']}: {stated or 'no licence'}"
        if crate["source"] not in (None, CRATES):
            yield f"crate {crate['name']}: from {crate['source']}"


def main() -> int:
    """Print all that is wrong."""
    wrong = [*python(), *rust()]
    print("\n".join(wrong) or "all licences are on the list, all crates from the registry")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
