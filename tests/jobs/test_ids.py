"""Jobs on ids of several columns, on tables with rows without an id, and on ids that come more than once."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from coterie.agreement import Agreement, decide
from coterie.data import DatasetSpec, inspected, write_parquet
from coterie.errors import CoterieError
from coterie.jobs import derive_plan, propose, request_of, run_joint

from .conftest import Bench, terms_for

Make = Callable[..., Bench]

LENDER = """\
name,born,bad,a,b
Anna Berg,1990-01-01,1,1.5,2.5
Ben,1991-02-03,0,1.6,2.6
Carl,,0,1.7,2.7
Dora,1992-03-04,1,1.8,2.8
anna berg ,1990-01-01,0,1.9,2.9
Emil,1990-01-01,0,2.0,3.0
"""
PAYMENTS = """\
c,d,tag,kunde
5.5,6.5,1992-03-04,DORA
5.6,6.6,1990-01-01,ANNA BERG
5.7,6.7,1990-01-01,ben
5.8,6.8,,Carl
5.9,6.9,1991-02-03,Emil
"""
GRANTED = [
    {"name": "customers", "owner": "lender", "id": ["name", "born"], "label": "bad", "columns": ["a", "b"]},
    {"name": "behaviour", "owner": "payments", "id": ["kunde", "tag"], "columns": ["c", "d"]},
]


def described(folder: Path, party: str, text: str, ids: dict[str, list[str]], **more: Any) -> DatasetSpec:
    path = folder / f"own-{party}.csv"
    path.write_text(text)
    header = text.partition("\n")[0].split(",")
    numbers = [{"name": one, "type": "float"} for one in header if one in "abcd"]
    labels = [{"name": "bad", "type": "int", "role": "label"}] if "bad" in header else []
    parts = [{"name": one, "type": "text", "role": "id", "rule": rule} for one, rule in ids.items()]
    body = {"source": {"kind": "csv", "path": str(path)}, "id_rule": ["trim", "lower"]}
    name = "customers" if party == "lender" else "behaviour"
    return DatasetSpec.model_validate({"name": name, "columns": [*parts, *numbers, *labels], **body, **more})


def job(made: Bench, specs: dict[str, DatasetSpec], **changes: Any) -> Bench:
    """The bench with those tables in place of its own."""
    terms = terms_for(**{"datasets": GRANTED, "min_rows": 2, **changes})
    facts = {party: inspected(spec, party).facts for party, spec in specs.items()}
    spec = made.proposal.spec.model_copy(update={"agreement": terms.id})
    proposal = propose(spec, terms.id, "lender", facts)
    return replace(made, terms=terms, proposal=proposal, specs=specs)


def both(folder: Path, **more: Any) -> dict[str, DatasetSpec]:
    rules: list[str] = ["trim", "lower"]
    left = described(folder, "lender", LENDER, {"name": rules, "born": ["trim"]}, missing_ids="skip", **more)
    right = described(folder, "payments", PAYMENTS, {"kunde": rules, "tag": ["trim"]}, missing_ids="skip")
    return {"lender": left, "payments": right}


def test_rows_are_common_where_all_parts_of_their_ids_are(bench: Make, tmp_path: Path) -> None:
    results = [{"kind": "common_ids", "to": ["lender", "payments"]}]
    made = job(bench(steps=["align"]), both(tmp_path, duplicates="first"), results=results)
    facts = made.proposal.facts
    assert {party: (one.rows, one.ids) for party, one in facts.items()} == {
        "lender": (4, None),
        "payments": (4, None),
    }
    plan = derive_plan(made.proposal, made.terms)
    assert plan.data["lender"].id == ("name", "born")
    made.run()
    assert made.errors == {}
    common = {party: listed(made.recorders[party].files["align/common_ids.csv"]) for party in facts}
    assert common["lender"] == [
        {"name": "anna berg", "born": "1990-01-01"},
        {"name": "dora", "born": "1992-03-04"},
    ]
    assert common["payments"] == [
        {"kunde": "dora", "tag": "1992-03-04"},
        {"kunde": "anna berg", "tag": "1990-01-01"},
    ]


def listed(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_the_same_where_all_columns_are_in_one_place(bench: Make, tmp_path: Path) -> None:
    results = [{"kind": "common_ids", "to": ["lender", "payments"]}]
    specs = both(tmp_path, duplicates="first")
    tee = {"host": "hub", "platform": {"types": ["sim"], "simulated": True, "chips": "any"}}
    tee |= {"measurements": {"sim": [{"measurement": "00" * 32}]}, "max_output_bytes": 1_000_000}
    made = job(bench(steps=["align"]), specs, results=results, engines=["tee"], tee=tee)
    spec = made.proposal.spec.model_copy(update={"engine": "tee"})
    content = {}
    for party, one in specs.items():
        file = io.BytesIO()
        assert write_parquet(one, party, file) == made.proposal.facts[party]
        content[party] = pa.py_buffer(file.getvalue())
    given: dict[str, bytes] = {}

    def publish(step: str, kind: str, name: str, content: bytes, to: tuple[str, ...], rows: int) -> None:
        assert (kind, rows) == ("common_ids", 2)
        given.update(dict.fromkeys(to, content))

    run_joint(
        made.proposal.model_copy(update={"spec": spec}),
        made.terms,
        content,
        b"k" * 32,
        publish=publish,
        progress=lambda *_: None,
    )
    assert given["payments"].decode().splitlines()[:2] == ['"kunde","tag"', '"dora","1992-03-04"']
    assert given["lender"].decode().splitlines()[1:] == ['"anna berg","1990-01-01"', '"dora","1992-03-04"']


def refusal(made: Bench) -> CoterieError:
    with pytest.raises(CoterieError) as caught:
        derive_plan(made.proposal, made.terms)
    return caught.value


def test_ids_of_different_numbers_of_columns_are_refused_while_planning(bench: Make, tmp_path: Path) -> None:
    specs = both(tmp_path, duplicates="first")
    text = "kunde,c,d\nanna,1,2\nben,2,3\n"
    specs["payments"] = described(tmp_path, "payments", text, {"kunde": ["trim"]})
    granted = [GRANTED[0], {**GRANTED[1], "id": "kunde"}]
    error = refusal(job(bench(), specs, datasets=granted))
    assert (error.code, error.party) == ("CT-1446", "payments")
    assert error.detail == "2 at lender, 1 at payments"


def test_a_part_by_another_rule_is_named(bench: Make, tmp_path: Path) -> None:
    specs = both(tmp_path, duplicates="first")
    columns = tuple(
        one.model_copy(update={"rule": ("digits",)}) if one.name == "tag" else one
        for one in specs["payments"].columns
    )
    specs["payments"] = specs["payments"].model_copy(update={"columns": columns})
    error = refusal(job(bench(), specs))
    assert (error.code, error.party) == ("CT-4007", "payments")
    assert error.detail == "id column 2: [trim] at lender, [digits] at payments"
    # A column's own rule and the same one of the dataset are one.
    plain = tuple(one.model_copy(update={"rule": None}) for one in columns)
    same = {"columns": plain, "id_rule": ("trim", "lower")}
    specs["payments"] = specs["payments"].model_copy(update=same)
    assert refusal(job(bench(), specs)).detail.startswith("id column 2: [trim] at lender, [trim, lower]")


def test_ids_with_several_rows_are_told_and_joined(bench: Make, tmp_path: Path) -> None:
    results = [{"kind": "common_ids", "to": ["lender", "payments"]}]
    made = job(bench(steps=["align"]), both(tmp_path, duplicates="all"), results=results)
    assert (made.proposal.facts["lender"].rows, made.proposal.facts["lender"].ids) == (5, 4)
    plan = derive_plan(made.proposal, made.terms)
    (told,) = [one for step in plan.steps for one in step.reveals if one.what.startswith("how many rows")]
    assert (told.what, told.to) == ("how many rows lender has of each common id", ("payments",))
    made.run()
    assert made.errors == {}
    assert len(listed(made.recorders["lender"].files["align/common_ids.csv"])) == 2
    for recorder in made.recorders.values():
        assert all(body["sent"] == body["planned"] for body in recorder.bodies("egress"))


@pytest.mark.parametrize("granted", ["name", ["born", "name"]])
def test_an_agreement_names_all_parts_of_an_id_in_their_order(
    bench: Make, tmp_path: Path, granted: str | list[str]
) -> None:
    datasets = [{**GRANTED[0], "id": granted}, GRANTED[1]]
    made = job(bench(), both(tmp_path, duplicates="first"), datasets=datasets)
    request = request_of(made.proposal, derive_plan(made.proposal, made.terms), made.terms)
    agreement, moment = Agreement(terms=made.terms), datetime(2026, 6, 1, tzinfo=UTC)
    decision = decide(agreement, request, now=moment, runs_used=0, revocations=(), keys=made.terms.parties)
    told = [refusal.reason for refusal in decision.refusals if refusal.code == "CT-1628"]
    instead = "'name'" if granted == "name" else "another order, 'born, name'"
    wanted = f"'name, born' of dataset 'customers' of 'lender' as the id: the agreement has {instead}"
    assert [reason for reason in told if wanted in reason]
