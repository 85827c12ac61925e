"""Write the bill of materials (SBOM): CycloneDX 1.6 as JSON, of all that is locked.

python -m scripts.sbom build/sbom/coterie.cdx.json              Python packages and crates
python -m scripts.sbom build/sbom/kernels.cdx.json --kernels    the crates alone, compiled into the wheel

Each package has its version, licence, digests and what it needs. Scope *required* is what a node runs,
*optional* what the extras bring, *excluded* what only builds and tests. The digests of a Python package are
those of all files that its lock admits, one for each platform. The same commit gives the same bytes, where
the same packages are installed, as licences are read off these.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import tomllib
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, XsUri
from cyclonedx.model.bom import Bom, BomMetaData
from cyclonedx.model.component import Component, ComponentScope, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from packageurl import PackageURL

from scripts.licences import licence
from scripts.wheel import committed

ROOT = Path(__file__).resolve().parents[1]
LOCKS = ("runtime", "build", "test", "demo")
NOT_SHIPPED = frozenset(("test", "demo", "fuzz"))
"""Extras of developers."""
NEEDED_BY = re.compile(r"^\s*(?:#\s+)?([a-z0-9][\w.-]*)(?: \(pyproject\.toml\))?$", re.MULTILINE)
NAMESPACE = uuid.UUID("6e3d3a2e-6a4e-5a0e-9a77-0f2b6a7c51d4")


@dataclass
class Locked:
    """One package or crate of a lock file."""

    kind: str
    """``pypi`` or ``cargo``."""
    name: str
    version: str
    digests: set[str] = field(default_factory=set)
    """SHA-256, in hexadecimal digits."""
    needed_by: set[str] = field(default_factory=set)
    """Names; of a crate with the version."""
    licence: str | None = None
    scope: ComponentScope = ComponentScope.EXCLUDED

    @property
    def known_as(self) -> str:
        """In ``needed_by`` of others: several versions of a crate may be there."""
        return f"{self.name} {self.version}" if self.kind == "cargo" else self.name

    @property
    def purl(self) -> PackageURL:
        return PackageURL(self.kind, name=self.name, version=self.version)


def packages(texts: Iterable[str]) -> dict[tuple[str, str], Locked]:
    """By name and version, of the text of lock files as pip-compile writes them."""
    found: dict[tuple[str, str], Locked] = {}
    for text in texts:
        for name, version, rest in re.findall(
            r"^([\w.-]+)==([^\s;]+)(.*\n(?:[ \t]+.*\n)*)", text, re.MULTILINE
        ):
            one = found.setdefault((name, version), Locked("pypi", name, version))
            one.digests |= set(re.findall(r"--hash=sha256:([0-9a-f]{64})", rest))
            one.needed_by |= set(NEEDED_BY.findall(rest.partition("# via")[2]))
    return found


def extras() -> set[str]:
    """Names of what the extras that people install ask for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [
        one
        for name, some in project["optional-dependencies"].items()
        if name not in NOT_SHIPPED
        for one in some
    ]
    return {re.split(r"[^\w.-]", one)[0].lower().replace("_", "-") for one in wanted}


def python() -> list[Locked]:
    """What the lock files of Python name."""
    texts = {name: (ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8") for name in LOCKS}
    found, shipped = packages(texts.values()), packages([texts["runtime"]])
    offered = extras()
    while True:
        more = {one.name for one in found.values() if one.needed_by & offered} - offered
        if not more:
            break
        offered |= more
    for key, one in found.items():
        if key in shipped:
            one.scope = ComponentScope.REQUIRED
        elif one.name in offered:
            one.scope = ComponentScope.OPTIONAL
        try:
            about = metadata.distribution(one.name)
        except metadata.PackageNotFoundError:
            continue
        one.licence = licence(one.name, about.metadata) if about.version == one.version else None
    return list(found.values())


def crates() -> list[Locked]:
    """What the lock file of Rust names, our own crate first."""
    manifest = ROOT / "kernels" / "Cargo.toml"
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--manifest-path", manifest]
    told = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    lock = tomllib.loads((ROOT / "kernels" / "Cargo.lock").read_text(encoding="utf-8"))["package"]
    sums = {(one["name"], one["version"]): one.get("checksum") for one in lock}
    found = {}
    for one in told["packages"]:
        digest = sums[one["name"], one["version"]]
        stated = (one["license"] or "").replace("/", " OR ") or None
        found[one["id"]] = Locked(
            "cargo", one["name"], one["version"], {digest} if digest else set(), licence=stated
        )
    edges = [
        (node["id"], each["pkg"], {kind["kind"] for kind in each["dep_kinds"]})
        for node in told["resolve"]["nodes"]
        for each in node["deps"]
    ]
    for above, below, _ in edges:
        found[below].needed_by.add(found[above].known_as)
    own = told["resolve"]["root"]
    linked = {own}
    while more := {below for above, below, kinds in edges if above in linked and None in kinds} - linked:
        linked |= more
    for name in linked:
        found[name].scope = ComponentScope.REQUIRED
    return [found.pop(own), *found.values()]


def component(one: Locked) -> Component:
    """As CycloneDX says it. A crate is one file; of a Python package there are several to choose from."""
    hashes = [HashType(alg=HashAlgorithm.SHA_256, content=each) for each in sorted(one.digests)]
    whole = one.kind == "cargo"
    files = ExternalReference(
        type=ExternalReferenceType.DISTRIBUTION,
        url=XsUri(str(one.purl)),
        hashes=hashes,
        comment="files that may be installed",
    )
    return Component(
        type=ComponentType.LIBRARY,
        name=one.name,
        version=one.version,
        purl=one.purl,
        bom_ref=str(one.purl),
        scope=one.scope,
        hashes=hashes if whole else (),
        external_references=() if whole or not hashes else [files],
        licenses=[LicenseFactory().make_from_string(one.licence)] if one.licence else (),
    )


def bill(kernels_alone: bool) -> str:
    """The document."""
    rust = crates()
    found = [*([] if kernels_alone else python()), *rust]
    version = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    own = Locked("pypi", "coterie", version, licence="Apache-2.0", scope=ComponentScope.REQUIRED)
    root = component(own)
    root.type = ComponentType.APPLICATION
    rust[0].needed_by.add(own.known_as)
    content = json.dumps(sorted((str(one.purl), sorted(one.digests), one.scope.value) for one in found))
    epoch = int(os.environ.get("SOURCE_DATE_EPOCH") or committed())
    document = Bom(
        metadata=BomMetaData(component=root, timestamp=datetime.fromtimestamp(epoch, UTC)),
        serial_number=uuid.uuid5(NAMESPACE, content),
    )
    parts = [(own, root), *((one, component(one)) for one in found)]
    document.components = [part for one, part in parts if one is not own]
    for one, part in parts:
        for above, whole in parts:
            # What only developers install is no need of Coterie's own.
            shipped = above is not own or one.scope is not ComponentScope.EXCLUDED
            if shipped and above.known_as in one.needed_by and (above is own or above.kind == one.kind):
                document.register_dependency(whole, [part])
    return str(JsonV1Dot6(document).output_as_string(indent=2)) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Write one."""
    parser = argparse.ArgumentParser(description="Write the bill of materials.")
    parser.add_argument("path", type=Path)
    parser.add_argument("--kernels", action="store_true", help="the crates alone")
    wanted = parser.parse_args(arguments)
    wanted.path.parent.mkdir(parents=True, exist_ok=True)
    wanted.path.write_text(bill(wanted.kernels), encoding="utf-8")
    print(wanted.path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
