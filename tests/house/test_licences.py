"""Licences of what is installed: the reader of expressions, and the environment of these tests itself."""

from __future__ import annotations

import shutil
import tomllib
from email.message import Message
from importlib import metadata

import pytest

from scripts import licences


@pytest.mark.parametrize(
    ("expression", "fits"),
    [
        ("MIT", True),
        ("GPL-3.0-only", False),
        ("GPL-3.0-only OR MIT", True),
        ("MIT/GPL-3.0-only", True),
        ("MIT AND GPL-3.0-only", False),
        ("GPL-2.0-only AND MIT OR MIT", True),
        ("MIT AND (GPL-2.0-only OR ISC)", True),
        ("(MIT OR Apache-2.0) AND Unicode-3.0", True),
        ("Apache-2.0 WITH LLVM-exception", True),
        ("GPL-3.0-only WITH GCC-exception-3.1", False),
        ("Apache-2.0 WITH Commons-Clause", False),
        *((broken, False) for broken in ("", "(MIT", "MIT)", "MIT MIT", "AND MIT", "MIT AND", "MIT WITH")),
    ],
)
def test_expressions(expression: str, fits: bool) -> None:
    assert licences.fits(expression, licences.ALLOWED) is fits


def test_what_is_installed_and_linked_may_be_used() -> None:
    assert list(licences.python()) == []
    if shutil.which("cargo") is None:
        pytest.skip("no cargo here")
    assert list(licences.rust()) == []


def test_cargo_deny_is_told_the_same() -> None:
    told = tomllib.loads((licences.ROOT / "kernels" / "deny.toml").read_text(encoding="utf-8"))
    assert set(told["licenses"]["allow"]) <= licences.ALLOWED


@pytest.mark.parametrize("stated", ["GPL-3.0-only", "", None])
def test_another_licence_is_named(monkeypatch: pytest.MonkeyPatch, stated: str | None) -> None:
    true = metadata.distribution

    class Other:
        version = true("idna").version
        metadata = Message()

    if stated is not None:
        Other.metadata["License-Expression"] = stated
    monkeypatch.setattr(metadata, "distribution", lambda name: Other if name == "idna" else true(name))
    assert [one.partition(":")[0] for one in licences.python()] == ["idna"]
