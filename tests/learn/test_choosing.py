"""filter, sample and split: which rows are left, who is told what, and that labels show nowhere."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from sklearn.model_selection import train_test_split

from coterie.errors import CoterieError
from coterie.learn.choosing import evenly, lowest, strata
from coterie.learn.filter import Filter
from coterie.learn.glm import Glm
from coterie.learn.sample import Sample, SampleParams
from coterie.learn.sample.clear import class_factors
from coterie.learn.split import Split, SplitParams
from coterie.learn.split.clear import is_latest
from coterie.learn.standardize import Standardize

from .shape_data import END, ROWS, by_key, in_tee, play, refusal, shapes, table, whole

SPLIT = ("split", Split(), {})
GIVEN = table()


def keep(party: str, where: str, **params: Any) -> tuple[str, Filter, dict[str, Any]]:
    return ("filter", Filter(), {"party": party, "where": where, **params})


def draw(**params: Any) -> tuple[str, Sample, dict[str, Any]]:
    return ("sample", Sample(), params)


def cut(**params: Any) -> tuple[str, Split, dict[str, Any]]:
    return ("split", Split(), params)


# -- filter --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("parties", [1, 2, 3])
def test_rows_that_fulfil_the_condition_stay(parties: int) -> None:
    party = ("lender", "payments", "telecom")[parties - 1]
    outcomes = play(GIVEN, (keep(party, "region >= 20 and owns"), END), parties)
    everything = whole(play(GIVEN, (), parties))
    wanted = everything[(everything.region >= 20) & everything.owns]
    assert whole(outcomes).equals(wanted)
    assert outcomes["lender"].last.planning.frames["all"].rows == len(wanted)


def test_one_bit_for_each_row_is_told_to_those_with_data() -> None:
    outcomes = play(GIVEN, (keep("payments", "late > 0"), END))
    plan = outcomes["hub"].plans["filter"]
    assert plan.sent == {"payments": {"lender": -(-ROWS // 8), "telecom": -(-ROWS // 8)}}
    assert [(one.to, one.values) for one in plan.reveals] == [
        (("lender", "telecom"), ROWS),
        (("lender", "payments", "telecom", "hub"), 1),
    ]
    assert "columns of payments" in plan.reveals[0].what
    stays = (GIVEN.late > 0).sum()
    assert outcomes["hub"].last.planning.frames["all"].rows == stays


def test_rows_of_which_the_condition_is_missing_go() -> None:
    found = whole(play(GIVEN, (keep("payments", "late >= 0"),)))
    assert len(found) == GIVEN.late.notna().sum()


def test_after_a_split_every_frame_is_filtered() -> None:
    steps = (SPLIT, keep("telecom", "region == 10"))
    after, before = play(GIVEN, steps), play(GIVEN, (SPLIT,))
    for name in ("all", "train", "test"):
        everything = whole(before, name)
        assert whole(after, name).equals(everything[everything.region == 10])


def test_the_label_is_looked_at_where_it_is_stated() -> None:
    error = refusal(GIVEN, (keep("lender", "bad == 1 or age > 30"),))
    assert error.code == "CT-3135"
    outcomes = play(GIVEN, (keep("lender", "bad == 1 or age > 30", with_label=True),))
    assert len(whole(outcomes)) == ((GIVEN.bad == 1) | (GIVEN.age > 30)).sum()
    assert "the label among them" in outcomes["lender"].plans["filter"].reveals[0].what
    assert refusal(GIVEN, (keep("payments", "bad == 1", with_label=True),), 3).code == "CT-3135"


@pytest.mark.parametrize(
    ("party", "where", "params", "code"),
    [
        ("lender", "bad == 0", {"with_label": True}, "CT-3016"),
        ("lender", "age > 500", {}, "CT-3125"),
        ("lender", "age + 1", {}, "CT-3126"),
        ("lender", "age >", {}, "CT-3116"),
        ("lender", "job > 1", {}, "CT-3117"),
        ("lender", "wealth > 1", {}, "CT-3135"),
        ("nobody", "age > 1", {}, "CT-3135"),
    ],
)
def test_conditions_that_do_not_fit_are_refused(
    party: str, where: str, params: dict[str, Any], code: str
) -> None:
    assert refusal(GIVEN, (keep(party, where, **params),)).code == code


def test_the_label_holder_alone_finds_one_class_and_all_hear_it() -> None:
    given = GIVEN.assign(bad=(GIVEN.region == 10).astype(int))
    error = refusal(given, (keep("telecom", "region == 10"),), 3)
    assert (error.code, error.party, error.step) == ("CT-3016", "lender", "filter")


# -- sample --------------------------------------------------------------------------------------------------


def test_a_random_share_without_a_message() -> None:
    outcomes = play(GIVEN, (draw(fraction=0.25),))
    assert not outcomes["hub"].plans["sample"].sent
    found = whole(outcomes)
    assert abs(len(found) - ROWS / 4) < 4 * np.sqrt(ROWS * 3 / 16)
    assert whole(play(GIVEN, (draw(fraction=0.25),), 1)).index.equals(found.index)
    assert not whole(play(GIVEN, (draw(fraction=0.25, salt="2"),), 1)).index.equals(found.index)
    more = whole(play(GIVEN, (draw(fraction=0.5),), 1))
    assert set(found.index) < set(more.index)


@pytest.mark.parametrize("by", ["lender.bad", "telecom.region"])
def test_the_same_share_of_every_group(by: str) -> None:
    name = by.partition(".")[2]
    outcomes = play(GIVEN, (draw(method="stratified", by=by, fraction=0.3),))
    found = whole(outcomes)
    for value, count in GIVEN[name].value_counts().items():
        assert abs((found[name] == value).sum() - 0.3 * count) < 1
    assert len(found) == round(0.3 * ROWS)
    plan = outcomes["hub"].plans["sample"]
    assert list(plan.sent) == [by.partition(".")[0]]
    assert plan.reveals[0].values == ROWS


def test_which_rows_are_drawn_is_new_in_every_run_where_it_is_told() -> None:
    step = draw(method="stratified", by="lender.bad")
    told = [set(whole(play(GIVEN, (step,))).index) for _ in range(2)]
    assert told[0] != told[1]
    own = [set(whole(play(GIVEN, (step,), 1)).index) for _ in range(2)]
    assert own[0] == own[1]


def test_one_frame_alone() -> None:
    before, after = play(GIVEN, (SPLIT,)), play(GIVEN, (SPLIT, draw(frame="train", fraction=0.4)))
    for name in ("all", "test"):
        assert whole(after, name).equals(whole(before, name))
    assert set(whole(after, "train").index) < set(whole(before, "train").index)
    assert refusal(GIVEN, (draw(frame="train"),)).code == "CT-3001"
    every = play(GIVEN, (SPLIT, draw(frame="all"), keep("lender", "age > 20")))
    assert set(whole(every, "train").index) < set(whole(every, "all").index)


def test_weights_give_label_one_its_share_and_show_no_label() -> None:
    steps = (SPLIT, draw(method="weights", share=0.4), END)
    outcomes = play(GIVEN, steps)
    plan = outcomes["hub"].plans["sample"]
    assert not plan.sent
    assert not plan.reveals
    assert all("sample_weight" not in names for names in shapes(outcomes).values())
    assert outcomes["hub"].last.planning.frames["train"].apart == ("lender.sample_weight",)
    train = whole(outcomes, "train")
    assert train.sample_weight[train.bad == 1].sum() / train.sample_weight.sum() == pytest.approx(0.4)
    assert train.sample_weight.mean() == pytest.approx(1)
    assert train.sample_weight.nunique() == 2
    assert "sample_weight" not in outcomes["payments"].frames["train"].table.column_names
    test = whole(outcomes, "test").groupby("bad").sample_weight.unique().map(tuple).to_dict()
    assert test == train.groupby("bad").sample_weight.unique().map(tuple).to_dict()


def test_glm_takes_the_weights_and_other_steps_leave_them() -> None:
    given = GIVEN.drop(columns=["job", "since", "code"]).fillna(1.0)
    scale = ("standardize", Standardize(), {})
    train = ("glm", Glm(), {"family": "logistic", "weights": "lender.sample_weight", "l2": 0.01})
    by_class = {"family": "logistic", "class_weight": "balanced", "l2": 0.01}
    receivers = {"coefficients": ("lender",)}
    steps = (draw(method="weights"), scale, train)
    joint = play(given, steps, 2, receivers=receivers)["lender"]
    alone = play(given, (scale, ("glm", Glm(), by_class)), 1, receivers=receivers)["lender"]
    flat = []
    for outcome in (joint, alone):
        told = json.loads(outcome.published["coefficients/glm.coefficients.json"])["coefficients"]
        flat.append({name: value for names in told.values() for name, value in names.items()})
    assert "sample_weight" not in flat[0]
    assert flat[0] == pytest.approx(flat[1], abs=2e-3)


def test_weights_to_start_from_are_multiplied_and_are_no_feature() -> None:
    given = GIVEN.assign(income=np.arange(ROWS) % 3)
    outcomes = play(given, (draw(method="weights", share=0.5, base="lender.income"), END))
    assert shapes(outcomes)["lender"] == ("age",)
    found = whole(outcomes)
    assert found.sample_weight[found.bad == 1].sum() == pytest.approx(found.sample_weight.sum() / 2)
    ratio = found.sample_weight[found.income == 2].min() / found.sample_weight[found.income == 1].min()
    assert ratio == pytest.approx(2)
    assert (found.sample_weight[found.income == 0] == 0).all()


@pytest.mark.parametrize(
    ("weights", "code"),
    [
        (np.where(np.arange(ROWS) == 7, -1.0, 1.0), "CT-3127"),
        (np.zeros(ROWS), "CT-3127"),
        ((GIVEN.bad == 0).astype(float).to_numpy(), "CT-3127"),
        (np.where(np.arange(ROWS) == 7, np.nan, 1.0), "CT-3127"),
    ],
)
def test_weights_that_are_none_are_refused(weights: Any, code: str) -> None:
    given = GIVEN.assign(income=weights)
    error = refusal(given, (draw(method="weights", base="lender.income"),))
    assert error.code == code
    assert "lender.income" in str(error)


def test_samples_that_do_not_fit_are_refused() -> None:
    assert refusal(GIVEN, (draw(method="weights", base="telecom.region"),), 3).code == "CT-3128"
    assert refusal(GIVEN, (draw(method="weights", column="age"),)).code == "CT-3115"
    assert refusal(GIVEN, (draw(method="stratified", by="lender.wealth"),)).code == "CT-3135"
    assert refusal(GIVEN, (draw(fraction=1e-9),)).code == "CT-3125"
    assert refusal(GIVEN.assign(bad=0), (draw(method="weights"),)).code == "CT-3016"
    assert refusal(GIVEN.assign(bad=0), (draw(),)).code == "CT-3016"


@pytest.mark.parametrize(
    "params",
    [
        {"method": "stratified"},
        {"by": "lender.bad"},
        {"method": "weights", "fraction": 0.2},
        {"share": 0.2},
        {"fraction": 0},
        {"method": "weights", "label": "number"},
    ],
)
def test_parameters_of_samples_belong_together(params: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SampleParams.model_validate(params)


def test_factors_are_those_of_resampling() -> None:
    labels = np.array([1] * 10 + [0] * 90, np.int8)
    assert class_factors(labels, 0.5, None, "w") == pytest.approx((100 / 180, 5.0))


# -- split ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("parties", [1, 3])
def test_a_stratified_split_is_as_even_as_scikit_learns(parties: int) -> None:
    outcomes = play(GIVEN, (cut(method="stratified", by="lender.bad", test=0.37),), parties)
    sides = {name: whole(outcomes, name) for name in ("train", "test")}
    wanted = train_test_split(GIVEN, test_size=0.37, stratify=GIVEN.bad, random_state=0)[1]
    assert sides["test"].bad.value_counts().to_dict() == wanted.bad.value_counts().to_dict()
    assert len(sides["train"]) + len(sides["test"]) == ROWS
    assert not set(sides["train"].index) & set(sides["test"].index)


@pytest.mark.parametrize(
    ("by", "since"),
    [
        ("payments.since", None),
        ("payments.since", "2025-06-01"),
        ("telecom.region", None),
        ("telecom.region", 20),
    ],
)
def test_a_split_by_time_keeps_the_latest_rows_for_the_test(by: str, since: Any) -> None:
    name = by.partition(".")[2]
    outcomes = play(GIVEN, (cut(method="time", by=by, test=0.25, since=since),))
    train, test = (whole(outcomes, part)[name] for part in ("train", "test"))
    assert train.max() < test.min()
    if since is not None:
        assert test.min() >= since > train.max()
    elif name == "since":
        assert 0.25 <= len(test) / ROWS < 0.26
    plan = outcomes["hub"].plans["split"]
    owner = by.partition(".")[0]
    assert plan.sent == {
        owner: dict.fromkeys([one for one in ("lender", "payments", "telecom") if one != owner], 75)
    }
    assert "latest" in plan.reveals[0].what


def test_times_are_compared_as_times() -> None:
    texts = ["2026-01-31", "2026-01-31T12:00", "2026-01-31T12:00+05:00", "2025-12-31"]
    column = pa.chunked_array([texts])
    assert is_latest("t", column, 0.25, None).tolist() == [False, True, False, False]
    assert is_latest("t", column, 0.5, "2026-01-31T07:00Z").tolist() == [False, True, True, False]


@pytest.mark.parametrize(
    ("by", "since", "code"),
    [
        ("lender.since", 5.0, "CT-3129"),
        ("lender.since", "soon", "CT-3129"),
        ("lender.age", "2026-01-01", "CT-3129"),
        ("lender.code", None, "CT-3129"),
        ("lender.owns", None, "CT-3129"),
        ("lender.late", None, "CT-3027"),
        ("lender.age", 1000, "CT-3015"),
        ("lender.nothing", None, "CT-3135"),
    ],
)
def test_times_that_are_none_are_refused(by: str, since: Any, code: str) -> None:
    assert refusal(GIVEN, (cut(method="time", by=by, since=since),)).code == code


def test_parameters_of_splits_belong_together() -> None:
    for params in ({"method": "time"}, {"by": "lender.age"}, {"since": 3.0}, {"method": "stratified"}):
        with pytest.raises(ValidationError):
            SplitParams.model_validate(params)


def test_in_a_tee_nobody_is_told() -> None:
    steps = (
        keep("telecom", "region <= 20"),
        cut(method="time", by="payments.since"),
        draw(frame="train", method="stratified", by="telecom.owns"),
    )
    frames, _ = in_tee(GIVEN, steps)
    joint = play(GIVEN, steps)
    assert frames["test"].rows == len(whole(joint, "test"))
    mine = by_key([part.to_pandas() for part in frames["test"].parts.values()], frames["test"].keys)
    assert mine[whole(joint, "test").columns].equals(whole(joint, "test"))
    assert frames["train"].rows == len(whole(joint, "train"))


# -- drawing -------------------------------------------------------------------------------------------------


@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=200),
    st.floats(0.01, 0.99),
    st.integers(0, 2**32),
)
@settings(max_examples=200, deadline=None)
def test_shares_are_exact_up_to_one_row(groups: list[int], share: float, seed: int) -> None:
    numbers = np.array(groups)
    drawn = np.random.default_rng(seed).integers(0, 2**63, len(groups)).astype(np.uint64)
    mask = evenly(numbers, share, drawn)
    assert abs(mask.sum() - len(groups) * share) <= 0.5 + 1e-6
    for group in set(groups):
        inside = numbers == group
        assert abs(mask[inside].sum() - inside.sum() * share) < 1 + 1e-6
        if mask[inside].any() and not mask[inside].all():
            assert drawn[inside & mask].max() <= drawn[inside & ~mask].min()


@given(st.lists(st.integers(1, 6), max_size=60), st.floats(0.001, 0.999), st.integers(0, 2**32))
@settings(max_examples=80, deadline=None)
def test_how_many_are_lowest_follows_from_all_rows(people: list[int], share: float, seed: int) -> None:
    """:param people: how many rows each has."""
    random = np.random.default_rng(seed)
    of_people = random.permutation(100)[: len(people)].astype(np.uint64)
    drawn = random.permutation(np.repeat(of_people, people))
    mask, rows = lowest(drawn, share), sum(people)
    wanted = min(max(1, round(share * rows)), rows - 1)
    taken = np.isin(of_people, drawn[mask])
    assert not set(drawn[mask]) & set(drawn[~mask])  # a person's rows stay together
    if len(people) < 2:
        assert not mask.any()
    elif mask.sum() > wanted:
        assert mask.sum() == min(people)
    else:
        left = wanted - mask.sum()
        assert 0 <= left < np.array(people)[~taken].min()
    if set(people) == {1}:
        assert np.array_equal(np.flatnonzero(mask), np.sort(np.argsort(drawn)[: max(0, wanted)]))


@given(st.lists(st.sampled_from(["a", "b", "c", None, "d"]), min_size=1, max_size=120), st.integers(1, 40))
@settings(max_examples=200, deadline=None)
def test_groups_are_large_enough_or_all_one(values: list[str | None], fewest: int) -> None:
    found = strata(pa.chunked_array([pa.array(values, pa.string())]), fewest)
    sizes = pd.Series(found).value_counts()
    assert len(sizes) == 1 or sizes.min() >= fewest
    merged = pd.DataFrame({"value": [str(one) for one in values], "group": found})
    assert (merged.groupby("value").group.nunique() == 1).all()


def test_bits_beyond_the_rows_are_no_choice() -> None:
    from coterie.learn import choosing

    class Peer:
        def recv_bytes(self, tag: str, size: int) -> bytes:
            return b"\xff" * size

    class Mesh:
        def to(self, party: str) -> Peer:
            return Peer()

    class Context:
        mine = ("lender",)
        mesh = Mesh()
        step = "filter"

    with pytest.raises(CoterieError) as caught:
        choosing.agreed(Context(), "payments", 12, lambda: np.ones(12, bool))  # type: ignore[arg-type]
    assert (caught.value.code, caught.value.party) == ("CT-3031", "payments")
