"""An agreement on the terminal has every word that is signed, the attested platforms too."""

from __future__ import annotations

from pathlib import Path

import pytest

from coterie.agreement import draft
from coterie.cli.agreements import print_terms
from coterie.cli.state import reading
from coterie.errors import CoterieError
from tests.cli.conftest import EXAMPLES

KEYS = {name: f"{number:02}" * 32 for number, name in enumerate(("lender", "payments", "hub"), 11)}
MEASURED = {"sim": "ab" * 48, "swtpm": "cd" * 32}


def section(name: str, **more: str) -> str:
    """A section on attested execution."""
    lines = [
        f"{name}:",
        "  platform: {types: [sim, swtpm], simulated: true, chips: [ab12, cd34], max_age_days: 30}",
        "  measurements:",
        f'    sim: [{{measurement: "{MEASURED["sim"]}"}}]',
        f'    swtpm: [{{pcr8: "{MEASURED["swtpm"]}"}}]',
        f'  simulated_roots: ["{"77" * 32}"]',
        *(f"  {key}: {value}" for key, value in more.items()),
    ]
    return "\n".join(lines) + "\n"


def shown(capsys: pytest.CaptureFixture[str], *sections: str) -> str:
    text = (EXAMPLES / "agreement.yaml").read_text(encoding="utf-8").partition("\ntee:")[0]
    terms = draft("\n".join([text, *sections]), KEYS)
    print_terms("credit", terms.model_dump(mode="json"))
    return capsys.readouterr().out


def test_it_says_where_attested_runs_are_and_on_what(capsys: pytest.CaptureFixture[str]) -> None:
    host = {"host": "hub", "max_output_bytes": "4000000", "attempts": "3", "min_interval": "7200"}
    text = shown(capsys, section("tee", **host))
    joined = "".join(text.split())
    for digest in (*MEASURED.values(), "77" * 32):  # whole: people compare them
        assert digest in joined
    words = " ".join(text.split())
    for told in (
        "attested runs at hub, on sim, swtpm; machines ab12, cd34",
        "SIMULATED platforms count: they prove nothing of the machine",
        "migration no; tcb_statuses UpToDate;",
        "max_age_days 30",
        "at most 4,000,000 bytes of results of one kind and step",
        "keys released at most 3 times for a job, 7,200 s apart",
    ):
        assert told in words
    assert "attested dealer" not in words


def test_it_says_what_the_dealer_deals_in(capsys: pytest.CaptureFixture[str]) -> None:
    words = " ".join(shown(capsys, section("dealer_tee")).split())
    assert "attested dealer on sim, swtpm; machines ab12, cd34" in words
    assert "attested runs" not in words
    assert "attested" not in shown(capsys)


def test_it_says_who_may_look_ids_up_and_how_many(capsys: pytest.CaptureFixture[str]) -> None:
    lookups = (
        "lookups: [{dataset: behaviour, owner: payments, to: [lender], max_ids: 1000000, per_minute: 600}]\n"
    )
    words = " ".join(shown(capsys, lookups).split())
    assert "lookups lender in behaviour of payments: 1,000,000 ids each, 600 in a minute" in words
    assert "lookups" not in shown(capsys)


def test_it_says_ids_of_several_columns_and_how_large_groups_are(capsys: pytest.CaptureFixture[str]) -> None:
    words = " ".join(shown(capsys, "min_group: 30").split())
    assert "groups at least 30 rows" in words
    assert "groups" not in " ".join(shown(capsys).split())
    text = (EXAMPLES / "agreement.yaml").read_text(encoding="utf-8").partition("\ntee:")[0]
    terms = draft(text, KEYS).model_dump(mode="json")
    terms["datasets"][0]["id"] = ["name", "born"]
    print_terms("credit", terms)
    assert "id name, born;" in capsys.readouterr().out


def test_what_is_wrong_in_a_file_names_it() -> None:
    with pytest.raises(CoterieError) as caught, reading(Path("terms.yaml")):
        draft("name: &anchor loans", KEYS)
    assert caught.value.code == "CT-1402"
    assert caught.value.detail == "terms.yaml: line 1: anchors and aliases are not used here"
