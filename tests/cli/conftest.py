"""The tutorial, walked once for all tests here; and the command line called in this process."""

from __future__ import annotations

import contextlib
import io
import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from coterie.cli import main
from tests.cli.walk import ROOT, TUTORIAL, Walk, commands
from tests.images import why_not

EXAMPLES = ROOT / "examples" / "credit_score"


@dataclass(frozen=True)
class Said:
    """What a command answered."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def code(self) -> str | None:
        """The error code on standard error."""
        found = re.search(r"CT-\d{4}", self.err)
        return found[0] if found else None


Cli = Callable[..., Said]


def call(*words: str, text: str = "") -> Said:
    """Run the command line in this process: the same code, without starting an interpreter."""
    out, err, status, before = io.StringIO(), io.StringIO(), 0, sys.stdin
    sys.stdin = io.StringIO(text)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main(list(words))
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    finally:
        sys.stdin = before
    return Said(status, out.getvalue(), err.getvalue())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The first test that needs the walk waits for all of it. Each of its commands has its own end."""
    for item in items:
        if "walk" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.timeout(600))


@pytest.fixture(scope="package")
def walk(tmp_path_factory: pytest.TempPathFactory, runner_image: Path) -> Iterator[Walk]:
    made = Walk(tmp_path_factory.mktemp("walk"), runner_image, sandboxes=why_not() is None)
    try:
        for command in commands(TUTORIAL.read_text(encoding="utf-8")):
            made.step(command)
        yield made
    finally:
        statuses = made.end()
    assert statuses == [0, 0, 0]


@pytest.fixture(scope="package")
def lender(walk: Walk) -> Cli:
    return lambda *words, text="": call("--home", str(walk.home("lender")), *words, text=text)


@pytest.fixture(scope="package")
def payments(walk: Walk) -> Cli:
    return lambda *words, text="": call("--home", str(walk.home("payments")), *words, text=text)


def agreement(folder: Path, name: str, **changes: str) -> Path:
    """The tutorial's agreement under another name, with some lines replaced by field. It has no section tee:
    what may run there is not measured."""
    lines = (EXAMPLES / "agreement.yaml").read_text(encoding="utf-8").partition("\ntee:")[0].splitlines()
    for field, value in {"name": name, **changes}.items():
        start = next(i for i, line in enumerate(lines) if line.startswith(f"{field}:"))
        stop = next((i for i in range(start + 1, len(lines)) if lines[i][0] not in " -"), len(lines))
        lines[start:stop] = [f"{field}: {value}"]
    path = folder / f"{name}.yaml"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def job(folder: Path, agreed: str, steps: str, extra: str = "") -> Path:
    path = folder / f"{agreed}-job.yaml"
    path.write_text(
        f"name: a test\nagreement: {agreed}\nengine: mpc\n"
        f"datasets: {{lender: customers, payments: behaviour}}\n{extra}steps: {steps}\n"
    )
    return path
