"""What no file of the product may hold, and how big a file may be."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.imports import SOURCE

ROOT = SOURCE.parents[1]
KERNELS = ROOT / "kernels" / "src"
LONGEST_FILE = 450

SAYS_NOTHING = re.compile(r"^(utils?|helpers?|misc|common|managers?|stuff|tools?)$")

EXECUTABLE_FORMATS = {
    "pickle",
    "cPickle",
    "_pickle",
    "dill",
    "cloudpickle",
    "marshal",
    "shelve",
    "joblib",
    "jsonpickle",
}
"""Modules whose loaders run what they load."""

EXECUTING_CALLS = {
    "eval",
    "exec",
    "compile",
    "__import__",
    "yaml.load",
    "yaml.load_all",
    "yaml.full_load",
    "yaml.unsafe_load",
    "yaml.unsafe_load_all",
    "os.system",
    "os.popen",
}

FILES = sorted(SOURCE.rglob("*.py"))
COMPILERS = {
    "tee/sandbox/bytecode.py": ["marshal", "compile"],
    "learn/modules/inside.py": ["exec", "compile"],
}
"""The first makes bytecode of the own sources for an image; reads none, and runs none. The second runs users'
modules inside of a sandbox; nothing outside imports it."""


def executing(tree: ast.AST) -> Iterator[str]:
    """What in a module could execute foreign bytes."""
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = [node.module]
            if node.module == "multiprocessing":
                names += [f"multiprocessing.{alias.name}" for alias in node.names]
        yield from (name for name in names if name.partition(".")[0] in EXECUTABLE_FORMATS)
        # Connections, queues and managers of multiprocessing unpickle what the other side sends.
        yield from (
            name
            for name in names
            if re.match(r"multiprocessing\.(connection|managers|queues|Pipe|Queue)", name)
        )
        if isinstance(node, ast.Call):
            called = ast.unparse(node.func)
            if called in EXECUTING_CALLS:
                yield called
            for keyword in node.keywords:
                if keyword.arg in {"allow_pickle", "shell"} and ast.unparse(keyword.value) != "False":
                    yield f"{called}({keyword.arg}=…)"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_nothing_executable_is_deserialised(path: Path) -> None:
    found = list(executing(ast.parse(path.read_bytes(), str(path))))
    assert found == COMPILERS.get(path.relative_to(SOURCE).as_posix(), [])


def test_what_runs_users_code_is_started_in_a_sandbox_alone() -> None:
    naming = {path.relative_to(SOURCE).as_posix() for path in FILES if "modules.inside" in path.read_text()}
    assert naming == {"learn/modules/process.py"}
    assert "_INSIDE" in (SOURCE / "learn/modules/process.py").read_text()
    assert not any(
        line.startswith(("import", "from")) and "inside" in line
        for path in (SOURCE / "learn" / "modules").glob("*.py")
        for line in path.read_text().splitlines()
    )


def test_the_compiler_only_writes() -> None:
    text = (SOURCE / "tee" / "sandbox" / "bytecode.py").read_text()
    assert "marshal.dumps(" in text
    assert "marshal.load" not in text


@pytest.mark.parametrize(
    "text",
    [
        "import pickle",
        "from joblib import load",
        "import numpy as np\nnp.load(p, allow_pickle=True)",
        "import yaml\nyaml.load(text, Loader=yaml.Loader)",
        "eval(text)",
        "from multiprocessing.connection import Client",
        "from multiprocessing import Queue",
        "import subprocess\nsubprocess.run(line, shell=True)",
    ],
)
def test_the_search_finds_it(text: str) -> None:
    assert list(executing(ast.parse(text)))


def test_names_say_something() -> None:
    named = [
        path for root in (SOURCE, KERNELS) for path in root.rglob("*") if path.suffix in {".py", ".rs", ""}
    ]
    assert [str(path) for path in named if SAYS_NOTHING.match(path.stem)] == []


def test_files_have_one_job() -> None:
    files = FILES + sorted(KERNELS.rglob("*.rs"))
    long = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    assert {name: lines for name, lines in long.items() if lines > LONGEST_FILE} == {}


def test_every_test_folder_is_a_package() -> None:
    folders = {path.parent for path in (ROOT / "tests").rglob("test_*.py")}
    assert sorted(str(folder) for folder in folders if not (folder / "__init__.py").exists()) == []


def test_package_and_crate_have_one_version() -> None:
    package = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
    crate = tomllib.loads((ROOT / "kernels" / "Cargo.toml").read_text(encoding="utf-8"))["package"]["version"]
    assert package == crate


def test_locks_pin_and_hash_everything_and_name_no_registry() -> None:
    for path in sorted((ROOT / "requirements").glob("*.txt")):
        text = path.read_text(encoding="utf-8")
        assert "--hash=sha256:" in text, path
        assert not re.search(r"https?://|--(extra-)?index-url|--find-links|--trusted-host", text), path
        for block in re.split(r"\n(?=[a-zA-Z0-9])", text)[1:]:
            assert re.match(r"[A-Za-z0-9._-]+==\S+", block), f"{path}: {block[:60]}"
            assert "--hash=sha256:" in block, f"{path}: {block[:60]}"
