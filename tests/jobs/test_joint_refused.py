"""What a job in one process refuses, and components that know nothing of where they run."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from coterie.data import Dataset
from coterie.errors import BadInput, CoterieError
from coterie.jobs import components, derive_plan, registry, run_joint, validate_spec
from coterie.jobs.errors import CANCELLED
from coterie.learn import Component, Engine, Params, PlanContext, Reveal, RunContext, StepPlan
from coterie.learn.joined import (
    check_whole,
    granted,
    training_columns,
    training_frame,
    training_shape,
)
from coterie.learn.linear import places_of

from .joint import KEY, NUMBERS, OWNERS, Joint, asked, facts_of, pooled, run, tables

BEFORE: list[Any] = ["align", {"split": {"test": 0.3}}]
TREES: dict[str, Any] = {"boosting": {"rounds": 3, "threads": 1}}


class Means(Component[Params]):
    """Means of all columns, by who knows of engine "clear" alone."""

    name: ClassVar[str] = "means"
    summary: ClassVar[str] = ""
    Parameters: ClassVar = Params
    engines: ClassVar[frozenset[Engine]] = frozenset({"clear"})

    def plan(self, context: PlanContext, params: Params) -> StepPlan:
        shape, results = training_shape(context), granted(context, ["statistics"])
        reveals = tuple(Reveal("means", to, shape.width, "statistics") for to in results.values())
        return StepPlan(context.step, self.name, {}, reveals=reveals, results=results)

    def run(self, context: RunContext, params: Params) -> None:
        shape = training_shape(context.planning)
        check_whole(context, shape)
        values = training_frame(context).values(places_of(training_columns(shape)))
        context.tell("statistics", {"means": np.nanmean(values, axis=0).tolist()})


class Sends(Means):
    """Plans a message."""

    def plan(self, context: PlanContext, params: Params) -> StepPlan:
        return StepPlan(context.step, self.name, {}, sent={"lender": {"payments": 1}})


class Leaks(Means):
    """Gives a result to who may not have it."""

    to: ClassVar[tuple[str, ...]] = ("payments",)

    def run(self, context: RunContext, params: Params) -> None:
        context.publish("statistics", "all.json", b"{}", self.to)


@pytest.fixture
def plugged(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Puts a component among those that jobs can name."""

    def put(one: Component[Any]) -> None:
        monkeypatch.setitem(registry._BY_NAME, one.name, one)

    return put


def test_what_runs_in_the_clear_runs_here(plugged: Any) -> None:
    plugged(Means())
    made = run(["align", "means"], results={"statistics": ("telecom",)})
    whole = pooled()
    wanted = [whole[f"{owner}_{name}"].mean() for owner, names in NUMBERS.items() for name in names]
    assert made.document("telecom", "means/means.statistics.json")["means"] == pytest.approx(wanted)
    assert list(made.files) == ["telecom"]
    assert all(("clear" in one.engines) == ("tee" in one.engines) for one in components().values())


def test_nobody_sends_from_inside(plugged: Any) -> None:
    plugged(Sends())
    with pytest.raises(CoterieError, match="CT-3003"):
        derive_plan(*asked(["align", "means"]))


@pytest.mark.parametrize("to", [("payments",), ("telecom", "payments"), ()])
def test_no_result_beyond_the_plan(plugged: Any, to: tuple[str, ...]) -> None:
    leaks = type("Leaking", (Leaks,), {"to": to})()
    plugged(leaks)
    made = Joint()
    proposal, terms = asked(["align", "means"], results={"statistics": ("telecom",)})
    with pytest.raises(CoterieError, match="CT-4021") as caught:
        run_joint(proposal, terms, tables(), KEY, publish=made.publish, progress=made.progress)
    assert (caught.value.party, caught.value.step) == ("(tee)", "means")
    assert not made.files


def test_a_lone_owner_and_columns_elsewhere() -> None:
    made = run([*BEFORE, TREES, "evaluate"], ("lender",))
    assert "baseline" in made.document("lender", "evaluate/metrics.json")
    assert made.document("lender", "evaluate/metrics.json")["baseline"] is None
    proposal, terms = asked([*BEFORE, TREES], engine="mpc", owners=OWNERS[:2])
    with pytest.raises(CoterieError, match="CT-4003"):
        derive_plan(proposal, terms)


def test_too_few_rows_in_common() -> None:
    least = len(pooled()) + 1
    with pytest.raises(CoterieError, match="CT-4015") as caught:
        run([*BEFORE, TREES], min_rows=least, results={"model": OWNERS, "common_ids": OWNERS})
    assert caught.value.step == "align"
    assert run([*BEFORE, TREES], min_rows=least - 1).files


def test_no_row_in_common() -> None:
    given = {**tables(), "telecom": changed("telecom", "id", [f"z{row}" for row in range(640)])}
    with pytest.raises(CoterieError, match="CT-3011"):
        run(BEFORE, datasets=given)


def changed(owner: str, column: str, values: Any) -> pa.Table:
    table = tables()[owner]
    return table.set_column(table.column_names.index(column), column, pa.array(values))


def ids(owner: str, column: str, **changes: str | None) -> list[str | None]:
    """With the ids at these rows replaced."""
    found = tables()[owner][column].to_pylist()
    for row, value in changes.items():
        found[int(row.removeprefix("row"))] = value
    return found


def parquet(table: pa.Table, cut: int = 0) -> pa.Buffer:
    file = io.BytesIO()
    pq.write_table(table, file)
    return pa.py_buffer(file.getvalue()[: len(file.getvalue()) - cut])


def refused() -> dict[str, tuple[str, Any, str]]:
    """Owner, what it brings, code."""
    payments, telecom = tables()["payments"], tables()["telecom"]
    first = telecom["id"][0].as_py()
    calls = telecom["calls"].to_pylist()
    return {
        "an id twice": ("telecom", changed("telecom", "id", ids("telecom", "id", row9=first)), "CT-1440"),
        "an id twice by the rule": (
            "telecom",
            changed("telecom", "id", ids("telecom", "id", row9=f" {first.upper()}")),
            "CT-1440",
        ),
        "no id": ("telecom", changed("telecom", "id", ids("telecom", "id", row3=None)), "CT-1441"),
        "an empty id": ("telecom", changed("telecom", "id", ids("telecom", "id", row3="  ")), "CT-1441"),
        "fewer rows": ("payments", payments.slice(1), "CT-1450"),
        "no rows": ("payments", payments.slice(0, 0), "CT-1416"),
        "no such column": ("payments", payments.drop_columns(["spend"]), "CT-1420"),
        "a column twice": ("telecom", telecom.append_column("calls", telecom["calls"]), "CT-1421"),
        "text for a number": ("telecom", changed("telecom", "calls", ["x"] * 640), "CT-1430"),
        "a gap": ("telecom", changed("telecom", "calls", [None, *calls[1:]]), "CT-1431"),
        "an infinity": ("telecom", changed("telecom", "calls", [float("inf"), *calls[1:]]), "CT-1432"),
        "a file cut short": ("telecom", parquet(telecom, cut=9), "CT-1413"),
        "no file": ("telecom", pa.py_buffer(b"no Parquet"), "CT-1413"),
    }


@pytest.mark.parametrize("name", list(refused()))
def test_tables_are_checked_as_files_are(name: str) -> None:
    owner, content, code = refused()[name]
    with pytest.raises(CoterieError, match=code) as caught:
        run(BEFORE, datasets={**tables(), owner: content})
    assert (caught.value.party, caught.value.step) == (owner, "load")
    assert isinstance(caught.value, BadInput)


def test_files_in_memory_are_tables() -> None:
    steps = [*BEFORE, TREES, "evaluate"]
    files = {owner: parquet(table) for owner, table in tables().items()}
    assert run(steps, datasets=files).files == run(steps).files


def test_what_is_not_used_is_not_read() -> None:
    unused = changed("payments", "job", [float("nan")] * 640)
    run(BEFORE, datasets={**tables(), "payments": unused})


def loaded(owner: str, rows: int) -> Dataset:
    table = tables()[owner].slice(0, rows)
    return Dataset(facts_of(owner, table), table.drop_columns(["id"]), table["id"].cast(pa.large_string()))


@pytest.mark.parametrize(
    "given",
    [
        {owner: table for owner, table in tables().items() if owner != "telecom"},
        {**tables(), "stranger": tables()["telecom"]},
        {**tables(), "telecom": loaded("telecom", 600)},
    ],
    ids=["one is missing", "one too many", "other rows"],
)
def test_datasets_that_are_not_the_jobs(given: Mapping[str, Any]) -> None:
    with pytest.raises(CoterieError, match="CT-4004"):
        run(BEFORE, datasets=given)


def test_a_job_of_another_engine() -> None:
    proposal, terms = asked(BEFORE, OWNERS[:2], engine="mpc")
    with pytest.raises(CoterieError, match="CT-4004"):
        run_joint(proposal, terms, tables(), KEY, publish=Joint().publish, progress=Joint().progress)


def test_whose_data_is_at_fault() -> None:
    """By owner and step, although all of it is in one place."""
    with pytest.raises(CoterieError, match="CT-3027") as caught:
        run([*BEFORE, "standardize"])
    assert (caught.value.party, caught.value.step) == ("lender", "standardize")
    same = changed("telecom", "calls", [1.0] * 640)
    for step in ({"logistic": {"passes": 3}}, {"glm": {"family": "logistic"}}):
        with pytest.raises(CoterieError, match="CT-3051") as caught:
            run([*BEFORE, "fill", step], datasets={**tables(), "telecom": same})
        assert caught.value.party == "telecom"
    lone = changed("lender", "bad", [1] * 640)
    with pytest.raises(CoterieError, match="CT-3016") as caught:
        run(BEFORE, datasets={**tables(), "lender": lone})
    assert (caught.value.party, caught.value.step) == ("(tee)", "split")


def test_a_job_can_be_ended() -> None:
    made = Joint()
    proposal, terms = asked([*BEFORE, TREES])

    def progress(step: str, done: int, total: int, what: str) -> None:
        if step == "boosting" and done == 2:
            raise CANCELLED("by the host")

    with pytest.raises(CoterieError, match="CT-4020") as caught:
        run_joint(proposal, terms, tables(), KEY, publish=made.publish, progress=progress)
    assert caught.value.step == "boosting"
    assert not made.files


def test_what_is_unexpected_tells_nothing() -> None:
    def publish(step: str, kind: str, name: str, content: bytes, to: tuple[str, ...], rows: int) -> None:
        raise OSError("some path")

    proposal, terms = asked([*BEFORE, TREES])
    with pytest.raises(CoterieError, match="CT-1002") as caught:
        run_joint(proposal, terms, tables(), KEY, publish=publish, progress=Joint().progress)
    assert "some path" not in str(caught.value)


def test_receivers_without_data_are_named() -> None:
    with pytest.raises(CoterieError, match="CT-4025"):
        derive_plan(*asked(BEFORE, receivers=["regulator"]))
    given = {"name": "a", "agreement": "b", "engine": "clear", "datasets": {"c": "d"}, "steps": ["align"]}
    with pytest.raises(CoterieError, match="CT-4001"):
        validate_spec({**given, "receivers": ["regulator"]})
    granted_ = {"model": ("lender",), "scores": ("regulator",), "metrics": ("regulator",)}
    made = run([*BEFORE, TREES, "evaluate"], results=granted_, receivers=["regulator"])
    assert list(made.files["regulator"]) == ["evaluate/metrics.json"]  # it has no ids to list scores by
    assert json.loads(made.files["regulator"]["evaluate/metrics.json"])["joint"]["rows"] > 100
