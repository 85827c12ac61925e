"""Lookups by commands, from preparing a table to the last answer."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Cli, agreement
from tests.cli.test_jobs import agree

TERMS = "lookups: [{dataset: behaviour, owner: payments, to: [lender], max_ids: 6, per_minute: 6}]\n"


def words(text: str) -> str:
    return " ".join(text.split())


def test_a_table_is_prepared_taken_in_and_asked(lender: Cli, payments: Cli, tmp_path: Path) -> None:
    terms = agreement(tmp_path, "lookups")
    terms.write_text(terms.read_text() + TERMS)
    agree(lender, payments, terms)
    made = payments("lookup", "prepare", "lookups", "behaviour")
    assert made.status == 0
    file = made.out.splitlines()[-1].split()[-1]  # whole, however long
    assert Path(file).name == "table"
    (tmp_path / "copy").write_bytes(Path(file).read_bytes())
    taken = lender("lookup", "add", str(tmp_path / "copy"))
    assert "limits 6 ids in all, 6 in a minute" in words(taken.out)

    ids = [f"C{number:07}" for number in range(1, 4)]
    asked = lender("lookup", "ask", "lookups", "behaviour", text="\n".join([*ids, "", "nobody", "\n"]))
    answers = dict(line.split(",") for line in asked.out.splitlines())
    assert list(answers) == [*ids, "nobody"]
    assert answers["nobody"] == "0"
    assert "1" in answers.values()  # each side lacks a tenth of the people
    assert "2 more may be asked for" in words(asked.err)
    (tmp_path / "ids.txt").write_text(" " + ids[0].lower())  # by the rule of the owner's dataset
    told = lender("lookup", "ask", "lookups", "behaviour", "--ids", str(tmp_path / "ids.txt"), "--json")
    assert told.json == {"held": [answers[ids[0]] == "1"], "left": 1}
    assert lender("lookup", "ask", "lookups", "behaviour", text="a\nb\n").code == "CT-1639"

    assert "lender 5" in words(payments("lookup", "list").out)
    row = next(line.split() for line in lender("lookup", "list").out.splitlines() if "ready" in line)
    assert (row[0], row[-1]) == ("behaviour", "lookups")
    assert payments("lookup", "remove", "lookups", "behaviour").status == 0
    assert lender("lookup", "remove", "lookups", "behaviour").status == 0
    assert "No prepared tables" in lender("lookup", "list").out


def test_nothing_to_ask(lender: Cli) -> None:
    assert lender("lookup", "ask", "lookups", "behaviour", text="\n\n").code == "CT-6005"
