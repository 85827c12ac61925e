"""Jobs that score new rows by a pipeline that another job has saved."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from coterie.crypto import Identity
from coterie.data import Column, DatasetSpec, inspect
from coterie.errors import CoterieError
from coterie.jobs import Plan, derive_plan, propose, request_of, validate_spec
from coterie.learn import Pipeline, read_pipeline

from .conftest import Bench, Recorder, make_bench, terms_for
from .joint import asked
from .test_dealing import Desk

SAVING: list[Any] = [
    "align",
    {"split": {"test": 0.3}},
    "fill",
    {"standardize": {"method": "quantile"}},
    {"logistic": {"passes": 5}},
    {"save": {"name": "credit"}},
]
RESULTS = [
    {"kind": "pipeline", "to": ["lender", "payments"]},
    {"kind": "profile", "to": ["lender", "payments"]},
    {"kind": "scores", "to": ["lender"]},
]
NEW = [
    {"name": "applicants", "owner": "lender", "id": "key", "columns": ["a", "b"]},
    {"name": "fresh", "owner": "payments", "id": "key", "columns": ["c", "d"]},
]
FEATURES = {"lender": ("a", "b"), "payments": ("c", "d")}


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    bench = make_bench(tmp_path_factory.mktemp("train"), steps=SAVING, results=RESULTS)
    bench.run()
    assert not bench.errors
    return bench


def kept(bench: Bench) -> dict[str, Path]:
    return {party: bench.recorders[party].files["save/credit.pipeline"] for party in FEATURES}


def saved(bench: Bench) -> Pipeline:
    return read_pipeline(kept(bench)["lender"]).pipeline


def new_tables(folder: Path, seed: int = 3, **types: str) -> dict[str, DatasetSpec]:
    """New people, most of whom both parties know; without a label. ``types`` change those of columns."""
    chance = np.random.default_rng(seed)
    values = {name: chance.normal(size=80) for names in FEATURES.values() for name in names}
    specs = {}
    for party, name, rows in (("lender", "applicants", range(60)), ("payments", "fresh", range(10, 80))):
        names = FEATURES[party]
        lines = [",".join(("key", *names))]
        lines += [",".join((f"n{row}", *(f"{values[one][row]:.4f}" for one in names))) for row in rows]
        path = folder / f"{party}-new.csv"
        path.write_text("\n".join(lines) + "\n")
        columns = [Column(name="key", type="text", role="id")]
        columns += [Column.model_validate({"name": one, "type": types.get(one, "float")}) for one in names]
        specs[party] = DatasetSpec.model_validate(
            {
                "name": name,
                "source": {"kind": "csv", "path": str(path)},
                "id_rule": ["trim", "lower"],
                "columns": columns,
            }
        )
    return specs


def predicting(
    trained: Bench,
    folder: Path,
    *,
    pipelines: dict[str, Pipeline] | None = None,
    steps: list[Any] | None = None,
    specs: dict[str, DatasetSpec] | None = None,
    datasets: list[Any] | None = None,
    **spec: Any,
) -> Bench:
    """A job that scores new rows, under another agreement."""
    specs = specs or new_tables(folder)
    terms = terms_for(name="scoring", datasets=datasets or NEW, results=RESULTS, engines=["mpc"])
    asked = {
        "name": "scoring",
        "agreement": terms.id,
        "engine": "mpc",
        "datasets": {party: one.name for party, one in specs.items()},
        "steps": steps or ["align", {"predict": {"pipeline": "credit@1"}}],
        **spec,
    }
    facts = {party: inspect(one, party) for party, one in specs.items()}
    known = {"credit@1": saved(trained)} if pipelines is None else pipelines
    proposal = propose(validate_spec(asked), terms.id, "lender", facts, pipelines=known)
    recorders = {name: Recorder() for name in (*terms.parties, *terms.services)}
    return Bench(folder, terms, proposal, specs, recorders)


def with_files(files: dict[str, Path], name: str = "credit@1") -> Callable[[str, Any], Any]:
    def change(party: str, assignment: Any) -> Any:
        given = {name: files[party]} if party in files else {}
        return assignment.model_copy(update={"pipelines": given})

    return change


def planned(bench: Bench) -> Plan:
    return derive_plan(bench.proposal, bench.terms)


def test_new_rows_without_a_label(trained: Bench, tmp_path: Path) -> None:
    bench = predicting(trained, tmp_path)
    plan = planned(bench)
    assert plan.data["lender"].label is None
    request = request_of(bench.proposal, plan, bench.terms)
    assert [one.label for one in request.datasets] == [None, None]
    predict = plan.stages[1].step("predict")
    assert predict.params == {"pipeline": "credit@1", "identity": saved(trained).identity}
    bench.run(with_files(kept(trained)))
    assert not bench.errors
    table = pq.read_table(bench.recorders["lender"].files["predict/scores.parquet"]).to_pydict()
    assert sorted(table["key"]) == sorted(f"n{row}" for row in range(10, 60))
    assert all(0 < score < 1 for score in table["score"])
    assert np.std(table["score"]) > 0.1
    assert "predict/scores.parquet" not in bench.recorders["payments"].files
    # Training saw the same generator's values: next to none lie outside.
    for party, names in FEATURES.items():
        drift = bench.recorders[party].files["predict/predict.profile.json"].read_text()
        assert all(f'"name":"{name}"' in drift for name in names)
    egress = {body["step"]: body for body in bench.recorders["lender"].bodies("egress")}
    assert egress["predict"]["sent"] == egress["predict"]["planned"]


def test_scores_with_what_was_dealt_before(trained: Bench, tmp_path: Path) -> None:
    """The dealer has no file, and plans with the public part that the request brings."""
    homes = tmp_path / "homes"
    homes.mkdir()
    identities = {name: Identity.create(homes / name, name) for name in (*FEATURES, "hub")}
    desk = Desk(predicting(trained, tmp_path, correlations="tape"), identities)
    for name in FEATURES:
        desk.bench.recorders[name].tapes = desk.find(name)
    running = threading.Thread(target=desk.bench.run, args=(with_files(kept(trained)),))
    running.start()
    request = type(asked := desk.request(stage=1)).model_validate_json(asked.model_dump_json())
    desk.given.update(desk.deal(desk.derive(request))[1])
    running.join(60)
    assert not running.is_alive()
    assert not desk.bench.errors
    table = pq.read_table(desk.bench.recorders["lender"].files["predict/scores.parquet"])
    assert table.num_rows == 50


def test_the_proposal_carries_the_public_part_alone(trained: Bench, tmp_path: Path) -> None:
    bench = predicting(trained, tmp_path)
    text = bench.proposal.model_dump_json()
    again = type(bench.proposal).model_validate_json(text)
    assert again == bench.proposal
    assert again.pipelines["credit@1"].identity == saved(trained).identity
    assert '"pipelines"' not in trained.proposal.model_dump_json()
    assert planned(replace(bench, proposal=again)).digest == planned(bench).digest


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    (
        "CT-3180",
        {"pipelines": {}, "datasets": [{**NEW[0], "label": "a", "columns": ["b"]}, NEW[1]]},
        "credit@1",
    ),
    ("CT-4006", {"pipelines": {}}, "0 of the job's datasets"),
    ("CT-3183", {"columns": {"payments": ["c"]}}, "'d' of payments is no feature of this job"),
    ("CT-3183", {"datasets": [NEW[0], {**NEW[1], "columns": ["c"]}]}, "'d' of payments is missing"),
    (
        "CT-4006",
        {"steps": ["align", "split", {"predict": {"pipeline": "credit@1"}}]},
        "'split' works on data with a label",
    ),
    (
        "CT-3183",
        {"steps": ["align", "fill", {"predict": {"pipeline": "credit@1"}}]},
        "step 'fill' has changed",
    ),
    ("CT-3001", {"steps": [{"predict": {"pipeline": "credit@1"}}]}, "'all'"),
    ("CT-4001", {"steps": ["align", {"predict": {"pipeline": "credit"}}]}, "pipeline"),
    ("CT-4028", {"steps": ["align", {"predict": {"pipeline": "credit@2"}}]}, "'credit@1'"),
    ("CT-4028", {"steps": ["align"]}, "'credit@1'"),
]


@pytest.mark.parametrize(("code", "change", "words"), REFUSED)
def test_refused_while_planning(
    trained: Bench, tmp_path: Path, code: str, change: dict[str, Any], words: str
) -> None:
    bench = predicting(trained, tmp_path, **change)
    with pytest.raises(CoterieError, match=f"^{code} ") as refused:
        planned(bench)
    assert words in str(refused.value)


def test_another_type_is_refused_before_anything_runs(trained: Bench, tmp_path: Path) -> None:
    bench = predicting(trained, tmp_path, specs=new_tables(tmp_path, c="text"))
    with pytest.raises(CoterieError, match="'c' of payments is of type text, and was float in training"):
        planned(bench)


def altered(pipeline: Pipeline, **changes: Any) -> Pipeline:
    return Pipeline.model_validate({**pipeline.to_document(), **changes})


def test_public_parts_that_do_not_fit(trained: Bench, tmp_path: Path) -> None:
    one = saved(trained)
    steps = one.to_document()["steps"]
    newer = altered(one, steps=[{**steps[0], "version": 9}, *steps[1:]])
    unknown = altered(one, steps=[{**steps[0], "component": "brand-new"}, *steps[1:]])
    other = altered(one, name="other")
    odd = altered(one, steps=[{**steps[0], "params": {"colour": "red"}}, *steps[1:]])
    facts = altered(one, steps=[*steps[:-1], {**steps[-1], "facts": {"frac": 16}}])
    clear = altered(one, engine="clear")
    digest = {"steps": ["align", {"predict": {"pipeline": one.identity}}]}
    cases: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
        ("CT-3182", {"credit@1": newer}, {}),
        ("CT-3182", {"credit@1": unknown}, {}),
        ("CT-3188", {"credit@1": other}, {}),
        ("CT-3188", {one.identity: other}, digest),
        ("CT-3181", {"credit@1": odd}, {}),
        ("CT-3181", {"credit@1": facts}, {}),
        ("CT-3184", {"credit@1": clear}, {}),
    ]
    for code, pipelines, more in cases:
        with pytest.raises(CoterieError, match=f"^{code} "):
            planned(predicting(trained, tmp_path, pipelines=pipelines, **more))
    assert planned(predicting(trained, tmp_path, pipelines={one.identity: one}, **digest))


def failed(bench: Bench, files: dict[str, Path]) -> set[str]:
    """The codes with which the job ended, at all of its participants."""
    bench.run(with_files(files))
    assert set(bench.errors) == {"hub", "lender", "payments"}
    return {error.code for error in bench.errors.values()}


def test_files_that_are_not_the_job_s(trained: Bench, tmp_path: Path) -> None:
    files = kept(trained)
    own = files["payments"]
    damaged = tmp_path / "damaged"
    content = own.read_bytes()
    damaged.write_bytes(content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])
    newer = tmp_path / "newer"
    newer.write_bytes(content.replace(b"coterie.pipeline/1\n", b"coterie.pipeline/2\n"))
    cases = [
        ("CT-3181", {**files, "payments": damaged}),
        ("CT-3182", {**files, "payments": newer}),
        ("CT-3181", {**files, "payments": tmp_path / "gone"}),
        ("CT-3188", {**files, "payments": files["lender"]}),
        ("CT-3188", {"lender": files["lender"]}),
    ]
    for number, (code, given) in enumerate(cases):
        folder = tmp_path / str(number)
        folder.mkdir()
        bench = predicting(trained, folder)
        assert failed(bench, given) == {code}
        assert {error.party for error in bench.errors.values()} == {"payments"}


def test_every_byte_counts(trained: Bench) -> None:
    """A changed byte anywhere in a file is noticed; nothing but coded errors comes of it."""
    from coterie.learn.pipeline.file import opened

    content = kept(trained)["payments"].read_bytes()
    chance = np.random.default_rng(1)
    places = {*range(30), *chance.integers(0, len(content), 150).tolist()}
    for place in places:
        changed = bytearray(content)
        changed[place] ^= 1 << int(chance.integers(8))
        with pytest.raises(CoterieError, match=r"^CT-318[12] "):
            opened(bytes(changed))
    for cut in (0, 5, 19, 23, 100, len(content) - 1):
        with pytest.raises(CoterieError, match=r"^CT-3181 "):
            opened(content[:cut])
    with pytest.raises(CoterieError, match=r"^CT-3181 "):
        opened(content + b"x")
    assert content.startswith(b"coterie.pipeline/1\n")


def test_saving_needs_receivers_and_a_model(tmp_path: Path) -> None:
    bench = make_bench(tmp_path, steps=SAVING)
    with pytest.raises(CoterieError, match=r"^CT-3187 .*'pipeline' is not for lender"):
        planned(bench)
    bench = make_bench(tmp_path, steps=["align", "fill", "save"], results=RESULTS)
    with pytest.raises(CoterieError, match=r"^CT-3002 "):
        planned(bench)


def test_not_in_engine_tee_yet(trained: Bench) -> None:
    owners = ("lender", "payments")
    results = {"pipeline": owners, "scores": owners}
    proposal, terms = asked(["align", "fill", "logistic", "save"], owners, results=results)
    with pytest.raises(CoterieError, match=r"^CT-3186 "):
        derive_plan(proposal, terms)
    steps = ["align", {"predict": {"pipeline": "credit@1"}}]
    proposal, terms = asked(steps, owners, results=results)
    proposal = proposal.model_copy(update={"pipelines": {"credit@1": saved(trained)}})
    with pytest.raises(CoterieError, match=r"^CT-3186 "):
        derive_plan(proposal, terms)
