"""Jobs of engine fl in which one party vanishes at each of its messages in turn."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest

from coterie.data import inspect
from coterie.fl import LastingSums
from coterie.jobs import propose, validate_spec
from coterie.jobs.errors import CANCELLED
from coterie.learn.component import ResultKind

from .banks import write_tables
from .conftest import Bench, Recorder
from .test_dropouts import FOUR, RESULTS, make, make_terms, results_of, tables

CARD: list[Any] = [
    "stack",
    {"filter": {"party": "each", "where": "a > 0"}},
    {"split": {"test": 0.3}},
    {"bin": {"method": "quantile", "bins": 3}},
    {"select": {"min_iv": 0.001}},
    "woe",
    "logistic",
    "scorecard",
    "evaluate",
]
KINDS = [{"kind": kind, "to": list(FOUR)} for kind in get_args(ResultKind) if kind != "common_ids"]


def vanishing(monkeypatch: pytest.MonkeyPatch, at: int) -> list[int]:
    """South is gone before its message of that number; gives how many it has sent."""
    send, sent = LastingSums._send, [0]

    def counted(self: LastingSums, stage: int, data: bytes) -> None:
        if self.me == "south":
            sent[0] += 1
            if sent[0] == at:
                raise CANCELLED("gone")
        send(self, stage, data)

    monkeypatch.setattr(LastingSums, "_send", counted)
    return sent


def played(made: Bench, at: int) -> tuple[int, set[str]]:
    """Messages that south has sent in the job, and the codes of the others' errors. Nobody hangs."""
    with pytest.MonkeyPatch.context() as patch:
        sent = vanishing(patch, at)
        made.run()
    return sent[0], {error.code for name, error in made.errors.items() if name != "south"}


@pytest.mark.parametrize("at", [1, 19, 37, 55, 71])
def test_a_scorecard_goes_on_whenever_a_party_vanishes(tmp_path: Path, at: int) -> None:
    """The first message of all, some in the middle of sums, of sizes and of what is confirmed; the last."""
    made = make(tmp_path, CARD, results=KINDS)
    assert played(made, at) == (at, set())
    found = results_of(made, "east")
    assert "metrics.json" in " ".join(found)
    assert found == results_of(made, "west")


NINE = (*FOUR, "inner", "outer", "upper", "lower", "middle")
ROUNDS = {"hidden": [2], "rounds": 2, "groups": 3, "clip_norm": 1.0}


def nine_banks(folder: Path) -> Bench:
    """Enough for three groups of three."""
    specs = tables(folder)
    for name in NINE[4:]:
        (folder / name).mkdir()
        specs[name] = write_tables(folder / name)["west"].model_copy()
    parties = {name: f"{number}{number}" * 32 for number, name in enumerate(NINE, start=1)}
    granted = [
        {"name": "loans", "owner": name, "id": "key", "label": "bad", "columns": ["a", "b", "c"]}
        for name in NINE
    ]
    results = [{"kind": kind, "to": list(NINE)} for kind in RESULTS]
    terms = make_terms(
        parties=parties, services={"hub": "aa" * 32}, datasets=granted, results=results, minimum=7
    )
    spec = validate_spec(
        {
            "name": "network of nine banks",
            "agreement": terms.id,
            "engine": "fl",
            "frame": "horizontal",
            "minimum": 7,
            "datasets": dict.fromkeys(NINE, "loans"),
            "steps": ["stack", "standardize", {"neural": ROUNDS}],
        }
    )
    facts = {name: inspect(specs[name], name) for name in NINE}
    recorders = {name: Recorder() for name in (*terms.parties, *terms.services)}
    return Bench(folder, terms, propose(spec, terms.id, "east", facts), specs, recorders)


def test_a_network_in_groups_ends_well_or_with_a_code(tmp_path: Path) -> None:
    """Of a group of three nobody may be missing: then it is over for all."""
    made = nine_banks(tmp_path)
    sent, codes = played(made, 22)
    assert sent == 22
    assert codes <= {"CT-2414"}
    kept = {name: made.recorders[name].files.get("neural/neural.model") for name in NINE if name != "south"}
    models = {path.read_bytes() for path in kept.values() if path is not None}
    assert len(made.errors) == (len(NINE) + 1 if codes else 1)
    assert len(models) == (0 if codes else 1)
