"""Categories as columns of 0 and 1: scikit-learn's, at every party alone, by names that tell nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.preprocessing import OneHotEncoder

from coterie.data import Scratch, VerticalFrame
from coterie.errors import CoterieError
from coterie.learn.derive import Derive
from coterie.learn.fill import Fill
from coterie.learn.onehot import Onehot, OnehotParams, OnehotProfile
from coterie.learn.onehot.clear import Encoder, encoded, fit
from coterie.learn.onehot.component import OnehotFacts, told_counts
from coterie.learn.split import Split
from coterie.learn.standardize import Standardize

from .shape_data import ROWS, by_key, in_tee, play, refusal, shapes, table, whole

FILL = ("fill", Fill(), {"text_method": "own_category"})


def step(*columns: str, **params: Any) -> tuple[str, Onehot, dict[str, Any]]:
    return ("onehot", Onehot(), {"columns": columns, **params})


def of_scikit(given: pd.Series, **options: Any) -> np.ndarray[Any, Any]:
    encoder = OneHotEncoder(sparse_output=False, handle_unknown="infrequent_if_exist", **options)
    return np.asarray(encoder.fit_transform(given.to_frame()), dtype=int)


def test_columns_are_scikit_learns_by_frequency() -> None:
    given = table().dropna()
    outcomes = play(given, (step("payments.job", "telecom.region", "telecom.owns"),), min_group=5)
    found, plain = whole(outcomes), whole(play(given, ()))
    assert shapes(outcomes) == {
        "lender": ("age", "income"),
        "payments": ("job#1", "job#2", "job#3", "job#4", "late", "since"),
        "telecom": ("owns#1", "owns#2", "region#1", "region#2", "region#3", "code"),
    }
    for name in ("job", "region", "owns"):
        wanted = of_scikit(plain[name])
        order = np.argsort(-wanted.sum(axis=0), kind="stable")
        mine = found[[column for column in found if column.startswith(f"{name}#")]]
        assert np.array_equal(mine, wanted[:, order])
        assert (mine.dtypes == "int64").all()


def test_rare_categories_share_a_column_as_scikit_learns_infrequent_ones_do() -> None:
    given = table().dropna()
    outcomes = play(given, (step("payments.code", categories=5),), 2, min_group=9)
    plain, found = whole(play(given, (), 2)).code, whole(outcomes)
    wanted = of_scikit(plain, max_categories=6, min_frequency=9)
    mine = found[[f"code#{number}" for number in range(1, 7)]].to_numpy()
    assert mine[:, -1].tolist() == wanted[:, -1].tolist()
    assert sorted(mine[:, :-1].sum(axis=0).tolist()) == sorted(wanted[:, :-1].sum(axis=0).tolist())
    counts = plain.value_counts().iloc[:5]
    assert mine[:, :-1].sum(axis=0).tolist() == counts.tolist()
    assert (mine.sum(axis=1) == 1).all()


def test_categories_of_few_rows_have_no_column_of_their_own() -> None:
    given = table()
    counts = given.job.fillna("missing").value_counts().tolist()
    for fewest, wanted in ((counts[-1], counts), (counts[-1] + 1, [*counts[:-2], sum(counts[-2:])])):
        found = whole(play(given, (FILL, step("payments.job")), min_group=fewest))
        own = found[[name for name in found if name.startswith("job#")]]
        assert own.sum(axis=0).tolist() == wanted


def test_what_is_left_over_is_large_enough_too() -> None:
    job = pd.Series(["a"] * 100 + ["b"] * 50 + ["c"] * 20 + ["d"] * 3)
    learnt = fit("job", pa.chunked_array([job.tolist()]), OnehotParams(columns=("p.job",)), 20)
    assert (learnt.known, learnt.rows, learnt.other) == (("a", "b"), (100, 50, 23), True)


def test_training_rows_decide_and_unknown_ones_are_other_or_nothing() -> None:
    training = pa.chunked_array([["x"] * 30 + ["y"] * 20 + ["z"] * 10])
    later = pa.chunked_array([["y", "unseen", "z", "x"]])
    results = {}
    for other in (True, False):
        params = OnehotParams(columns=("p.job",), categories=2, other=other)
        learnt = fit("job", training, params, 1)
        results[other] = [column.to_pylist() for _, column in encoded("job", later, learnt, params)]
    assert results[True] == [[0, 0, 0, 1], [1, 0, 0, 0], [0, 1, 1, 0]]
    assert results[False] == [[0, 0, 0, 1], [1, 0, 0, 0]]


def test_the_first_is_dropped_as_what_others_are_compared_with() -> None:
    given = table().dropna()
    found = whole(play(given, (step("payments.job", drop="first"),), min_group=5))
    plain = whole(play(given, ())).job
    names = plain.value_counts().index
    for number, name in enumerate(names[1:], start=1):
        assert (found[f"job#{number}"] == (plain == name)).all()
    assert f"job#{len(names)}" not in found


@pytest.mark.parametrize(("missing", "columns"), [("zeros", 4), ("category", 5)])
def test_missing_values(missing: str, columns: int) -> None:
    given = table()
    outcomes = play(given, (step("payments.job", missing=missing),), min_group=5)
    found, gone = whole(outcomes), whole(play(given, ())).job.isna().to_numpy()
    own = found[[name for name in found if name.startswith("job#")]]
    assert own.shape[1] == columns
    if missing == "zeros":
        assert (own.sum(axis=1) == ~gone).all()
    else:
        assert (own.sum(axis=1) == 1).all()
        assert any((own[name] == gone).all() for name in own)


def test_numbers_of_columns_are_told_and_nothing_else() -> None:
    outcomes = play(
        table(), (FILL, step("payments.job", "telecom.region")), receivers={"profile": ("payments",)}
    )
    plan = outcomes["hub"].plans["onehot"]
    assert plan.sent == {"payments": {"lender": 2, "telecom": 2}, "telecom": {"lender": 2, "payments": 2}}
    assert plan.rounds == {"lender": 1, "payments": 1, "telecom": 1, "hub": 0}
    assert [one.to for one in plan.reveals] == [("lender", "payments", "telecom", "hub"), ("payments",)]
    told = outcomes["payments"].published
    assert list(told) == ["profile/onehot.profile.json"]
    assert not outcomes["telecom"].published
    profile = OnehotProfile.model_validate_json(told["profile/onehot.profile.json"])
    assert [(one.column, one.categories) for one in profile.columns[0].groups][:2] == [
        ("job#1", ("clerk",)),
        ("job#2", ("farmer",)),
    ]
    assert sum(one.rows for one in profile.columns[0].groups) == ROWS
    assert json.loads(told["profile/onehot.profile.json"])["owner"] == "payments"


def test_later_steps_plan_with_what_was_told() -> None:
    outcomes = play(
        table(),
        (FILL, step("payments.code"), ("scale", Standardize(), {"keep": ("payments.job", "payments.since")})),
        2,
        min_group=5,
    )
    last = outcomes["hub"].last.planning
    facts = last.models["onehot"]
    assert isinstance(facts, OnehotFacts)
    made = [name for name in last.frames["all"].columns["payments"] if name.startswith("code#")]
    assert len(made) == facts.counts["payments.code"] < 21


def test_in_a_tee_every_owner_has_its_own() -> None:
    given = table().dropna()
    frames, told = in_tee(given, (("split", Split(), {}), step("payments.job", "telecom.region")))
    joint = play(given, (("split", Split(), {}), step("payments.job", "telecom.region")))
    for name in ("train", "test"):
        assert frames[name].columns == shapes(joint, name)
        wanted = whole(joint, name)
        mine = by_key([part.to_pandas() for part in frames[name].parts.values()], frames[name].keys)
        assert mine[wanted.columns].equals(wanted)
    assert list(told["payments"]) == list(told["telecom"]) == ["onehot.profile.json"]
    assert "lender" not in told
    assert b"region" not in told["payments"]["onehot.profile.json"]


def test_what_was_learnt_survives_being_stored() -> None:
    column = pa.chunked_array([[True, False, None, True] * 10])
    params = OnehotParams(columns=("p.owns",), missing="category")
    state = Encoder(columns={"owns": fit("owns", column, params, 1)})
    again = Encoder.model_validate_json(state.model_dump_json())
    assert again == state
    assert again.columns["owns"].known == (True, False, None)


def bad(**columns: Any) -> pd.DataFrame:
    return table().assign(**columns)


@pytest.mark.parametrize(
    ("given", "column", "params", "code"),
    [
        (bad(job=["one"] * ROWS), "lender.job", {}, "CT-3122"),
        (bad(code=[f"c{number}" for number in range(ROWS)]), "lender.code", {}, "CT-3122"),
        (bad(job=[None] * ROWS), "lender.job", {"missing": "zeros"}, "CT-3020"),
        (bad(), "lender.job", {}, "CT-3027"),
        (bad(), "lender.income", {"missing": "zeros"}, "CT-3121"),
        (bad(), "lender.nothing", {}, "CT-3135"),
        (bad(), "lender.bad", {}, "CT-3135"),
        (bad(), "lender.job", {"missing": "zeros", "categories": 2}, "CT-3115"),
    ],
)
def test_bad_input_is_refused_by_code(
    given: pd.DataFrame, column: str, params: dict[str, Any], code: str
) -> None:
    taken = ("derive", Derive(), {"columns": {"lender.job#3": "region"}})
    before = (taken,) if code == "CT-3115" else ()
    assert refusal(given, (*before, step(column, **params))).code == code


def test_ten_thousand_categories_are_few_columns() -> None:
    rows = 20_000
    random = np.random.default_rng(2)
    values = [f"v{number}" for number in np.minimum(random.zipf(1.3, rows), 10_000)]
    params = OnehotParams(columns=("p.v",), categories=50)
    learnt = fit("v", pa.chunked_array([values]), params, 20)
    found = dict(encoded("v", pa.chunked_array([values]), learnt, params))
    counts = pd.Series(values).value_counts()
    assert [pa.compute.sum(column).as_py() for column in found.values()][:50] == counts.iloc[:50].tolist()
    assert len(found) == 51


def test_an_impossible_number_of_columns_is_refused() -> None:
    planning = play(table().dropna(), (step("payments.job"),))["hub"].last.planning
    params = OnehotParams(columns=("payments.job",))
    for count in (0, 22):
        planning.models["onehot"] = OnehotFacts(params, {"payments.job": 21})
        planning.step = "onehot"
        with pytest.raises(CoterieError) as caught:
            Onehot().apply_facts(planning, {"columns.0": count})
        assert caught.value.code == "CT-3123"


def test_an_impossible_number_from_a_peer_is_refused() -> None:
    class Peer:
        def recv_bytes(self, tag: str, size: int) -> bytes:
            return bytes([200, 0] * (size // 2))

    class Mesh:
        def to(self, party: str) -> Peer:
            return Peer()

    class Context:
        parties = ("lender", "payments")
        mesh = Mesh()
        step = "onehot"

    params = OnehotParams(columns=("payments.job",))
    with pytest.raises(CoterieError) as caught:
        told_counts(Context(), params, {"lender": Encoder(columns={})})  # type: ignore[arg-type]
    assert (caught.value.code, caught.value.party) == ("CT-3123", "payments")


def test_long_tables_lie_on_disk(tmp_path: Path) -> None:
    given = table(300).dropna()
    scratch = Scratch(tmp_path, rows=1)
    plain = pa.table({name: pa.chunked_array([given[name].tolist()]) for name in ("age", "job", "bad")})
    frame = VerticalFrame(
        len(given),
        {"lender": ("age", "job")},
        "lender",
        "bad",
        {"lender": plain},
        np.zeros((len(given), 32), np.uint8),
        scratch=scratch,
    )
    params = OnehotParams(columns=("lender.job",))
    state = Encoder(columns={"job": fit("job", plain["job"], params, 1)})
    found = Onehot().transform(frame, params, state)
    assert found.columns["lender"] == ("age", "job#1", "job#2", "job#3", "job#4")
    assert "job" not in found.table.column_names
    assert found.labels().tolist() == given.bad.tolist()
    assert found.matrix(("job#1",))[:, 0].tolist() == (given.job == "clerk").astype(float).tolist()
    assert any(tmp_path.iterdir()) is False  # files without names
    later = found.take(np.arange(5))
    assert later.table["job#1"].to_pylist() == (given.job == "clerk").astype(int).tolist()[:5]
