"""Imports go downwards only, and only through doors."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.house.imports import LEVELS, PACKAGE, SOURCE, circles, faults


def test_every_import_of_the_house_fits() -> None:
    assert faults() == []


def test_no_rooms_import_each_other_in_a_circle() -> None:
    assert circles() == []


def test_every_room_has_its_level() -> None:
    rooms = {path.name for path in SOURCE.iterdir() if (path / "__init__.py").exists()}
    assert rooms <= set().union(*LEVELS)


HOUSE = {
    "__init__.py": "",
    "errors.py": "",
    "wire/__init__.py": "from coterie.wire.link import Link\n__all__ = ['Link']",
    "wire/link.py": "from coterie import errors\nfrom coterie.crypto import sign",
    "crypto/__init__.py": "from .keys import sign\n__all__ = ['sign']\nhidden = 1",
    "crypto/keys.py": "def sign() -> None: ...",
    "ledger/__init__.py": "",
    "learn/__init__.py": "from coterie.learn.logistic import Logistic\n__all__ = ['Logistic']",
    "learn/component.py": "",
    "learn/logistic/__init__.py": "from .mpc import Logistic\n__all__ = ['Logistic']",
    "learn/logistic/mpc.py": "from coterie.learn.component import Component",
    "learn/evaluate/__init__.py": "from coterie.learn.logistic import Logistic",
}

FAULTS = [
    ("crypto/keys.py", "from coterie.wire import Link", "wire is above crypto"),
    ("crypto/keys.py", "def f():\n    from coterie.wire import Link", "wire is above crypto"),
    ("crypto/keys.py", "import coterie.wire", "wire is above crypto"),
    ("crypto/keys.py", "from .. import wire", "wire is above crypto"),
    (
        "crypto/keys.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from coterie.wire import Link",
        "wire is above crypto",
    ),
    ("wire/link.py", "from coterie.ledger import Ledger", "ledger is beside wire"),
    ("wire/link.py", "from coterie.crypto.keys import sign", "goes past the door"),
    ("wire/link.py", "from coterie.crypto import keys", "goes past the door"),
    ("wire/link.py", "from coterie.crypto import hidden", "goes past the door"),
    ("wire/link.py", "import coterie.crypto.keys", "goes past the door"),
    ("learn/evaluate/clear.py", "from coterie.learn.logistic.mpc import Logistic", "goes past the door"),
    ("learn/evaluate/clear.py", "from coterie.learn import Logistic", "is inside"),
    ("attic/__init__.py", "from coterie.crypto import sign", "attic is no room"),
    ("errors.py", "from coterie.crypto import sign", "what all may import, imports nothing"),
    ("__init__.py", "from coterie.crypto import sign", "the package's own door stays empty"),
]


def build(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / PACKAGE / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root / PACKAGE


def test_a_sound_house_has_no_fault(tmp_path: Path) -> None:
    root = build(tmp_path, HOUSE)
    assert faults(root) == []
    assert circles(root) == []


@pytest.mark.parametrize(("file", "text", "why"), FAULTS)
def test_a_fault_is_named(tmp_path: Path, file: str, text: str, why: str) -> None:
    found = faults(build(tmp_path, HOUSE | {file: text}))
    assert len(found) == 1
    assert why in found[0]
    assert str(Path(PACKAGE, file)) in found[0]


def test_a_circle_inside_learn_is_found(tmp_path: Path) -> None:
    root = build(tmp_path, HOUSE | {"learn/logistic/mpc.py": "from coterie.learn.evaluate import auc"})
    assert circles(root) == [("learn.evaluate", "learn.logistic")]


HEAVY = {"pyarrow", "matplotlib", "fastapi", "sqlalchemy", "pandas", "sklearn"}


@pytest.mark.parametrize("room", ["crypto", "wire", "ledger", "mpc", "psi"])
def test_the_doors_of_the_ground_floor_are_light(room: str) -> None:
    code = f"import json, sys, {PACKAGE}.{room}; print(json.dumps(sorted(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert HEAVY & {name.partition(".")[0] for name in json.loads(loaded)} == set()
