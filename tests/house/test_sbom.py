"""The bill of materials: fits CycloneDX's schema, and leaves out nothing that is locked."""

from __future__ import annotations

import json
import re
import shutil
import tomllib
from pathlib import Path
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from scripts import sbom

pytestmark = pytest.mark.skipif(shutil.which("cargo") is None, reason="no cargo here")


@pytest.fixture(scope="module")
def text() -> str:
    return sbom.bill(kernels_alone=False)


@pytest.fixture(scope="module")
def document(text: str) -> Any:
    return json.loads(text)


def test_it_fits_the_schema_and_is_the_same_again(text: str) -> None:
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    assert sbom.bill(kernels_alone=False) == text


@pytest.mark.parametrize("name", sbom.LOCKS)
def test_each_locked_package_is_in_it_with_its_digests(name: str, document: Any) -> None:
    listed = {
        part["purl"]: {
            one["content"] for each in part.get("externalReferences", ()) for one in each["hashes"]
        }
        for part in document["components"]
    }
    lines = (sbom.ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    purl, seen = "", 0
    for line in lines:
        if found := re.match(r"([\w.-]+)==([^\s;]+)", line):
            purl = f"pkg:pypi/{found[1]}@{found[2]}"
            assert purl in listed
        if found := re.search(r"--hash=sha256:(\w+)", line):
            assert found[1] in listed[purl]
            seen += 1
    assert seen > 0


def test_each_locked_crate_is_in_it_with_its_digest(document: Any) -> None:
    listed = {
        part["purl"]: [one["content"] for one in part.get("hashes", ())] for part in document["components"]
    }
    lock = tomllib.loads((sbom.ROOT / "kernels" / "Cargo.lock").read_text(encoding="utf-8"))
    for crate in lock["package"]:
        digest = [crate["checksum"]] if "checksum" in crate else []
        assert listed[f"pkg:cargo/{crate['name']}@{crate['version']}"] == digest


def test_what_runs_has_a_licence_and_is_told_from_what_only_builds(document: Any) -> None:
    parts = {part["name"]: part for part in document["components"]}
    assert {
        name for name, part in parts.items() if part["scope"] == "required" and "licenses" not in part
    } == set()
    scopes = {
        "numpy": "required",
        "aes": "required",
        "torch": "optional",
        "pytest": "excluded",
        "cc": "excluded",
    }
    assert {name: parts[name]["scope"] for name in scopes} == scopes
    needs = {
        one["ref"]: {ref.partition("@")[0] for ref in one.get("dependsOn", ())}
        for one in document["dependencies"]
    }
    root = document["metadata"]["component"]["bom-ref"]
    assert {"pkg:pypi/numpy", "pkg:cargo/coterie-kernels"} <= needs[root]
    assert "pkg:pypi/pytest" not in needs[root]
    assert "pkg:cargo/cipher" in needs[parts["aes"]["bom-ref"]]


def test_the_wheels_own_bill_has_the_crates_alone(tmp_path: Path) -> None:
    assert sbom.main([str(tmp_path / "k.json"), "--kernels"]) == 0
    kinds = {
        part["purl"].partition("/")[0] for part in json.loads((tmp_path / "k.json").read_text())["components"]
    }
    assert kinds == {"pkg:cargo"}
