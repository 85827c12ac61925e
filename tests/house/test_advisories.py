"""Advisories: pip-audit itself against a small database of our own; what cargo-deny says, as it says it."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from scripts import advisories

HOLE = {
    "id": "PYSEC-2026-1",
    "summary": "made up",
    "details": "made up",
    "affected": [
        {
            "package": {"ecosystem": "PyPI", "name": "idna"},
            "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "99.1"}]}],
        }
    ],
}


class Database(BaseHTTPRequestHandler):
    """Answers as OSV does: idna has a hole, all else has none."""

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        body = json.dumps({"vulns": [HOLE]} if asked["package"]["name"] == "idna" else {}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def database() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Database) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1/query"
        server.shutdown()
        thread.join()


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    """Two packages of the project's own lock file, as they stand there."""
    text = (advisories.ROOT / "requirements" / "runtime.txt").read_text(encoding="utf-8")
    parts = [re.search(rf"^{name}==(?:.*\\\n)+.*\n", text, re.MULTILINE) for name in ("rich", "idna")]
    path = tmp_path / "lock.txt"
    path.write_text("".join(part[0] for part in parts if part), encoding="utf-8")
    return path


def test_a_known_hole_is_found(database: str, lock: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert advisories.main(["--osv", database, "--lock", str(lock)]) == 1
    said = capsys.readouterr().out
    assert "2 Python packages looked up" in said
    assert re.findall(r"found: (\w+) \S+: (\S+); mended in (\S+)", said) == [("idna", "PYSEC-2026-1", "99.1")]


def test_a_database_that_is_not_reached_is_said_and_fails_where_it_is_required(
    lock: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody = ["--osv", "http://127.0.0.1:9/", "--lock", str(lock)]
    assert advisories.main([*nobody, "--require"]) == 1
    monkeypatch.setattr(advisories, "pip_audit", lambda *_: None)
    assert advisories.main(nobody) == 0
    said = capsys.readouterr().out
    assert said.count("not checked: Python packages: the database of pip-audit is not reachable") == 2
    assert "no known" not in said


@pytest.mark.parametrize(
    ("said", "report"),
    [
        ('{"dependencies": [{"name": "idna", "skip_reason": "not found"}], "fixes": []}', None),
        ("", None),
        ('{"dependencies": [{"name": "a", "version": "1", "vulns": []}]}', 1),
    ],
)
def test_an_index_that_knows_no_package_is_no_database(
    said: str, report: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = advisories.subprocess.CompletedProcess
    monkeypatch.setattr(advisories, "_answer", lambda *_: command((), 0, said, ""))
    found = advisories.pip_audit([Path("x")], None, 1.0)
    assert (found and len(found)) == report


FETCH = '{"fields":{"level":"ERROR","message":"failed to fetch advisory database"},"type":"log"}\n'
SUMMARY = '{"fields":{"advisories":{"errors":1,"helps":0,"notes":0,"warnings":0}},"type":"summary"}\n'
FAULT = (
    '{"fields":{"advisory":{"id":"RUSTSEC-2026-9999"},"code":"vulnerability","graphs":[{"Krate":{"name":"zeroize",'
    '"version":"1.9.2"}}],"message":"A hole","severity":"error"},"type":"diagnostic"}\n'
)
DUPLICATE = '{"fields":{"code":"duplicate","message":"2 of syn","severity":"warning"},"type":"diagnostic"}\n'


@pytest.mark.parametrize(
    ("said", "faults"),
    [
        (FETCH, None),
        ("not JSON\n", None),
        (SUMMARY, []),
        (DUPLICATE + SUMMARY, []),
        (DUPLICATE + FAULT + SUMMARY, ["crate zeroize: RUSTSEC-2026-9999: A hole"]),
    ],
)
def test_what_cargo_deny_says(said: str, faults: list[str] | None, monkeypatch: pytest.MonkeyPatch) -> None:
    command = advisories.subprocess.CompletedProcess
    monkeypatch.setattr(advisories, "_answer", lambda *_: command((), 1, "", said))
    assert advisories.cargo_deny("advisories", offline=True) == faults


def test_without_cargo_deny_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(advisories.shutil, "which", lambda _: None)
    assert advisories.rust().unchecked[0].startswith("crates: cargo-deny is not installed")
