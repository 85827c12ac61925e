"""The commands beside the tutorial's way: JSON, lists, mistakes."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.core import TyperGroup

from coterie.cli import codes
from coterie.cli.main import app
from tests.cli.conftest import EXAMPLES, Cli, call
from tests.cli.walk import ROOT, Walk

LISTS = (
    *("peer list", "peer invitations", "token list", "dataset list", "agreement list", "job list"),
    *("component list", "ledger list", "doctor"),
)
RECORDS = (
    *("node show", "peer show hub", "dataset show customers", "agreement show credit-2026", "job status"),
    *("component show split", "ledger show 1", "ledger head", "job plan --job last"),
)


def leaves(command: Any, path: str = "coterie") -> Iterator[tuple[str, Any]]:
    if isinstance(command, TyperGroup):
        for name, below in command.commands.items():
            yield from leaves(below, f"{path} {name}")
    else:
        yield path, command


COMMANDS = dict(leaves(typer.main.get_command(app)))


@pytest.mark.parametrize("path", COMMANDS)
def test_help_explains_every_command_and_option(path: str) -> None:
    said = call(*path.split()[1:], "--help")
    assert said.status == 0
    command = COMMANDS[path]
    assert (command.help or "").strip().endswith((".", "ID`.")), path
    for parameter in command.params:
        if parameter.name != "help":
            assert parameter.help, f"{path} {parameter.name}"


def test_every_group_lists_its_commands() -> None:
    said = call("--help")
    for group in ("node", "peer", "job", "ledger", "doctor", "errors"):
        assert re.search(rf"^\W+{group} ", said.out, re.MULTILINE)


@pytest.mark.parametrize("words", LISTS)
def test_lists_as_json(lender: Cli, words: str) -> None:
    assert isinstance(lender(*words.split(), "--json").json, list)


@pytest.mark.parametrize("words", RECORDS)
def test_records_as_json(lender: Cli, words: str) -> None:
    """``--json`` may stand before the command or after it, and has digests in full."""
    first, last = lender("--json", *words.split()), lender(*words.split(), "--json")
    assert isinstance(first.json, dict)
    assert first.json.keys() == last.json.keys()
    if "agreement show" in words:
        assert re.fullmatch(r"sha256:[0-9a-f]{64}", first.json["id"])


def test_a_failure_as_json(lender: Cli) -> None:
    said = lender("job", "status", "0" * 32, "--json")
    record = json.loads(said.err)
    assert (said.status, said.out, record["code"]) == (1, "", "CT-5050")
    assert set(record) == {"code", "family", "title", "detail", "next_step", "party", "step"}


def test_wrong_usage_is_status_2(lender: Cli) -> None:
    for words in (
        ("job", "plan"),
        ("peer", "show", "nobody"),
        ("component", "show", "divine"),
        ("ledger", "show", "99999"),
        ("ledger", "list", "--kind", "gossip"),
        ("token", "create", "ana", "--role", "queen"),
        ("errors", "CT-9999"),
        ("fly",),
    ):
        said = lender(*words)
        assert said.status == 2, words
        assert "Traceback" not in said.err


def test_codes_are_those_of_the_docs() -> None:
    page = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    told = {one["code"]: one["title"] for one in call("errors", "--json").json}
    assert told == dict(re.findall(r"^\| (CT-\d{4}) \| ([^|]+) \|", page, re.MULTILINE))


@pytest.mark.parametrize("given", ["CT-1230", "ct-1230", "1230"])
def test_a_code_is_explained(given: str) -> None:
    said = call("errors", given)
    assert "A port is taken" in said.out
    assert "choose another port" in said.out


def test_one_code_loads_no_more_rooms_than_it_takes() -> None:
    script = (
        "import atexit, sys; from coterie.cli import main\n"
        "atexit.register(lambda: print('numpy' in sys.modules)); main(['errors', '6001'])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("False\n")


def test_every_code_is_found_by_importing_the_errors_modules() -> None:
    assert "CT-2101" in codes._codes("CT-2101")


def test_tokens(lender: Cli, walk: Walk) -> None:
    made = lender("token", "create", "ana")
    assert re.fullmatch(r"\S{43}\n", made.out)
    assert "not shown again" in made.err
    (token,) = [one for one in lender("token", "list", "--json").json if one["name"] == "ana"]
    assert token["role"] == "analyst"
    assert made.out.strip() not in lender("token", "list").out
    lender("token", "remove", token["id"])
    assert "ana" not in lender("token", "list").out


def test_invitations(lender: Cli, payments: Cli) -> None:
    text = lender("peer", "invite", "--hours", "1").out
    open_ones = [one for one in lender("peer", "invitations", "--json").json if one["used_by"] is None]
    assert len(open_ones) == 1
    lender("peer", "withdraw", open_ones[0]["id"])
    said = payments("peer", "accept", "-", text=text)
    assert (said.status, said.code) == (1, "CT-1242")
    assert payments("peer", "accept", "coterie-invite:nonsense").code == "CT-1240"
    assert lender("peer", "accept", "-", text="\n").code == "CT-1240"


def test_dataset_files(lender: Cli, walk: Walk, tmp_path: Path) -> None:
    table = tmp_path / "more.csv"
    table.write_text("id,x\n1,2\n2,3\n")
    said = lender("dataset", "draft", str(table), "--name", "more")
    assert 'name: "x", type: int, role: feature' in said.out
    written = tmp_path / "more.yaml"
    assert lender("dataset", "draft", str(table), "--name", "more", "-o", str(written)).status == 0
    assert lender("dataset", "draft", str(table), "--name", "more", "-o", str(written)).code == "CT-6002"
    nowhere = tmp_path / "no" / "folder.yaml"
    assert lender("dataset", "draft", str(table), "--name", "more", "-o", str(nowhere)).code == "CT-1121"
    written.write_text(written.read_text().replace(str(table), "more.csv"))
    assert lender("dataset", "add", str(written)).status == 0, "relative to the description"
    assert lender("dataset", "add", str(written)).code == "CT-5030"
    assert "more" in lender("dataset", "list").out
    assert lender("dataset", "remove", "more").status == 0
    assert "more" not in lender("dataset", "list").out


def test_unreadable_files(lender: Cli, tmp_path: Path) -> None:
    for path, code in (
        (tmp_path, "CT-6001"),
        (tmp_path / "nothing", "CT-6001"),
        (tmp_path / "latin", "CT-6001"),
        (tmp_path / "large", "CT-6003"),
    ):
        if path.name == "latin":
            path.write_bytes(b"name: caf\xe9")
        elif path.name == "large":
            with path.open("wb") as file:
                file.truncate(10 * 2**30)
        said = lender("job", "plan", str(path))
        assert (said.status, said.code) == (1, code)
        assert str(path) in said.err.replace("\n         ", "")


def test_results_cannot_be_written(lender: Cli, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert lender("job", "results", scored(lender), "--to", str(tmp_path / "file")).code == "CT-1121"


def scored(lender: Cli) -> str:
    """The tutorial's job, whatever else has run since."""
    jobs = lender("job", "list", "--json").json
    return str(next(one["id"] for one in jobs if one["name"] == "joint credit score"))


def test_reports_are_written_in_a_language(lender: Cli, payments: Cli, tmp_path: Path) -> None:
    target = tmp_path / "report.html"
    job = scored(lender)
    for lang, tag in (("en", "en"), ("zh", "zh-CN"), ("both", "en")):
        said = lender("job", "report", job, "--lang", lang, "-o", str(target), "--json")
        assert said.json == {"file": str(target), "step": "report", "language": lang}
        assert f'<html lang="{tag}" data-lang="{lang}"' in target.read_text(encoding="utf-8")
    assert str(target) in lender("job", "report", job, "-o", str(target)).out.replace("\n", "")
    assert lender("job", "report", job, "-o", str(tmp_path / "no" / "x.html")).code == "CT-1121"
    assert lender("job", "report", job, "--step", "other", "-o", str(target)).code == "CT-6004"
    assert payments("job", "report", job, "-o", str(target)).code == "CT-6004"
    assert lender("job", "report", job, "--lang", "fr", "-o", str(target)).status == 2


def test_agreements_are_compared(lender: Cli) -> None:
    assert "do not differ" in lender("agreement", "compare", "credit-2026", "credit-2026").out
    assert lender("agreement", "show", "nothing").code == "CT-5040"


def test_the_doctor_looks_at_a_node_that_is_down(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        assert call("--home", str(home), "node", "init", "--name", "late", "--listen", address).status == 0
        said = call("--home", str(home), "doctor", "--json")
        assert said.status == 1
        found = {one["name"]: one for one in said.json}
        assert found["port"]["status"] == "fail"
    (home / "node.log").write_text("2026-11-22 22:00:00,000 coterie.node WARNING it was dark\n")
    found = {one["name"]: one for one in call("--home", str(home), "doctor", "--json").json}
    assert found["port"]["status"] == "ok"
    assert found["log"]["detail"] == "it was dark"
    assert found["node"]["next_step"] == f"Start it: coterie --home {home} node start"
    said = call("--home", str(home), "peer", "list")
    assert said.code == "CT-6050"
    assert "node start" in said.err
    assert call("--home", str(tmp_path / "other"), "doctor").code == "CT-5002"


def test_making_a_home(tmp_path: Path) -> None:
    words = ("--home", str(tmp_path / "a"), "node", "init")
    said = call(*words, "--name", "alone")
    assert "nobody can" in said.out
    assert call(*words, "--name", "alone").code == "CT-5001"
    words = ("--home", str(tmp_path / "b"), "node", "init")
    assert call(*words, "--name", "Not A Name").code == "CT-1106"
    assert call(*words, "--name", "good", "--listen", "7300").code == "CT-5003"
    assert call(*words).status == 2


def test_a_ledger_is_held_against_a_fingerprint(walk: Walk) -> None:
    folder = walk.home("hub") / "ledger"
    report = call("audit", "verify", str(folder), "--json").json
    assert report["ok"]
    assert call("audit", "verify", str(folder), "--fingerprint", report["fingerprint"]).status == 0
    wrong = call("audit", "verify", str(folder), "--fingerprint", "sha256:" + "0" * 64)
    assert wrong.status == 1
    assert "identity" in wrong.out
    assert "--fingerprint" in call("audit", "verify", str(folder)).out
    assert call("audit", "verify", str(EXAMPLES)).code == "CT-1306"


def test_a_reader_that_has_enough_is_no_failure() -> None:
    script = "import sys; from coterie.cli import main; main(['errors'])"
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as writer:
        assert writer.stdout is not None
        assert writer.stderr is not None
        writer.stdout.close()
        assert writer.stderr.read() == b""


def test_a_bug_is_told_in_a_sentence_without_what_it_quotes(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(wanted: str | None) -> None:
        raise RuntimeError("a secret value")

    monkeypatch.setattr(codes, "_codes", broken)
    said = call("errors")
    assert (said.status, said.code) == (1, "CT-1002")
    assert "RuntimeError" in said.err
    assert "secret" not in said.err
    assert "Traceback" not in said.err
