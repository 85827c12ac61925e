"""``stack``: each party's own rows of a horizontal frame; and how they are divided."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pytest

from coterie.data import Dataset
from coterie.errors import CoterieError
from coterie.learn.align import Align
from coterie.learn.choosing import draws
from coterie.learn.component import EACH
from coterie.learn.split import Split
from coterie.learn.split.clear import DOMAIN
from coterie.learn.stack import Stack
from tests.learn import pipeline
from tests.learn.horizontal import ID_KEY, planning_of, run

ROWS = {"east": 40, "north": 70, "west": 55}


def banks() -> dict[str, Dataset]:
    """Three of them, some of whose people are the same."""
    found = {}
    for number, (name, rows) in enumerate(ROWS.items()):
        ids, random = pipeline.people(rows, number)
        label = (random.random(rows) < 0.4).astype(np.int64)
        values: Mapping[str, object] = {"age": random.normal(size=rows), "flow": random.normal(size=rows)}
        found[name] = pipeline.dataset(ids, {**values, "bad": label}, "bad")
    return found


def test_each_party_has_its_own_rows_and_all_know_how_many() -> None:
    given = banks()
    found = run(given, [("stack", Stack(), {})], label="bad")
    shape = planning_of(given, "bad")
    Stack().plan(shape, Stack.Parameters())
    assert shape.frames["all"].horizontal == ROWS
    assert shape.frames["all"].rows == sum(ROWS.values())
    assert shape.frames["all"].columns == {EACH: ("age", "flow")}
    for name, one in given.items():
        frame = found[name].frames["all"]
        assert frame.rows == ROWS[name]
        own = one.table.column("age").to_numpy()
        assert np.array_equal(frame.column(EACH, "age").to_numpy(), own[frame.places[EACH]])
        hashes = one.keyed_ids(ID_KEY)
        assert np.array_equal(frame.keys, hashes[frame.places[EACH]])


def test_how_many_are_for_the_test_is_known_before() -> None:
    """Wherever the share lies beside the hash of one of its people: others know the key of these hashes."""
    given = banks()
    steps = [("stack", Stack(), {}), ("split", Split(), {"test": 0.3})]
    found = run(given, steps, label="bad", coordinator="hub")
    for name, one in given.items():
        frames = found[name].frames
        wanted = round(0.3 * ROWS[name])
        assert (frames["train"].rows, frames["test"].rows) == (ROWS[name] - wanted, wanted)
        drawn = draws(one.keyed_ids(ID_KEY), DOMAIN, "")
        assert np.array_equal(np.sort(frames["test"].places[EACH]), np.sort(np.argsort(drawn)[:wanted]))
    reveal = found["east"].plans["split"].reveals[0]
    assert (reveal.values, set(reveal.to)) == (6, {*ROWS, "hub"})


@pytest.mark.parametrize(
    "given", [{"method": "stratified", "by": "each.bad"}, {"method": "time", "by": "each.age"}]
)
def test_each_party_divides_its_rows_by_its_own_column(given: dict[str, str]) -> None:
    found = run(banks(), [("stack", Stack(), {}), ("split", Split(), {"test": 0.25, **given})], label="bad")
    for name, rows in ROWS.items():
        assert abs(found[name].frames["test"].rows - rows / 4) <= 1
        if given["method"] == "time":
            train, test = (found[name].frames[part].matrix(("age",)) for part in ("train", "test"))
            assert train.max() < test.min()


def test_rows_that_were_not_told_of() -> None:
    """The plan is made of what owners have told, and data may have changed since."""
    given = banks()
    context = run(given, [("stack", Stack(), {})], label="bad")["west"].last
    planning = replace(context.planning, all_rows={**ROWS, "west": 54})
    with pytest.raises(CoterieError, match=r"CT-3232 .*55 rows, and 54"):
        Stack().run(replace(context, planning=planning), Stack.Parameters())


def test_frames_of_one_kind_are_not_made_in_jobs_of_the_other() -> None:
    given = banks()
    vertical = replace(planning_of(given, "bad"), horizontal=False)
    with pytest.raises(CoterieError, match="CT-3231"):
        Stack().plan(vertical, Stack.Parameters())
    assert "fl" not in Align.engines
