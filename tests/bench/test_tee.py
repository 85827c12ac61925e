"""The benchmark of attested training: its sides train on the same rows, and ours is the clear reference."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xgboost

from bench import tee
from bench.tee import clear, data, parts, plain, score
from bench.tee.data import ID, LARGE, OWNERS, Work, generate
from coterie.jobs import propose, run_joint, validate_spec
from coterie.learn.boosting import load_model

COLUMNS = {owner: tuple(f"{owner}{number}" for number in range(3)) for owner in OWNERS}
SMALL = replace(LARGE, name="small", rows=1500, columns=COLUMNS, trees=8)
KEY = bytes(range(32))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return generate(SMALL, tmp_path_factory.mktemp("data"))


def test_the_works_are_the_agreed_ones() -> None:
    assert [
        (work.name, work.rows, sum(map(len, work.columns.values())), work.trees) for work in data.WORKS
    ] == [
        ("xgboost_150000x10", 150_000, 10, 300),
        ("xgboost_1000000x50", 1_000_000, 50, 100),
    ]
    assert tee.works() == ["xgboost_150000x10", "xgboost_1000000x50", "parts", "logistic_150000x10"]


def test_owners_have_the_same_customers_in_other_orders(files: dict[str, Path]) -> None:
    left, right = (pq.read_table(files[owner])[ID].to_pylist() for owner in OWNERS)
    assert left != right
    assert sorted(left) == sorted(right)
    assert len(set(left)) == SMALL.rows


class Model:
    """Takes the model of a job."""

    content = b""

    def __call__(
        self, step: str, kind: str, name: str, content: bytes, to: tuple[str, ...], rows: int
    ) -> None:
        assert (step, kind, rows) == ("boosting", "model", SMALL.rows)
        self.content = content


def ours(work: Work, files: dict[str, Path]) -> bytes:
    """The model by what the runner runs."""
    proposal, terms = score.job(work, files, [], "tee")
    terms = terms.model_copy(update={"results": (terms.results[0].model_copy(update={"kind": "model"}),)})
    spec = proposal.spec.model_dump() | {"agreement": terms.id, "steps": ["align", {"boosting": work.params}]}
    proposal = propose(validate_spec(spec), terms.id, OWNERS[0], proposal.facts)
    contents = {owner: pa.py_buffer(path.read_bytes()) for owner, path in files.items()}
    kept = Model()
    run_joint(proposal, terms, contents, KEY, publish=kept, progress=lambda *_: None)
    return kept.content


def test_ours_is_the_clear_reference_to_the_bit(
    files: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(clear, "WORKS", (SMALL,))
    named = {owner: str(path) for owner, path in files.items()}
    reference = clear.model({"work": "small", "files": named, "id_key": KEY.hex()})
    content = ours(SMALL, files)
    assert content.endswith(reference)
    assert bytes(load_model(content).booster.save_raw("ubj")) == reference


@pytest.mark.parametrize("side", tee.PEERS)
def test_the_peer_trains_on_the_same_rows(side: str, files: dict[str, Path], tmp_path: Path) -> None:
    left, right = (str(files[owner]) for owner in OWNERS)
    features, labels = plain.joined(side, left, right, SMALL.label)
    assert len(labels) == SMALL.rows
    spec = {"side": side, "left": left, "right": right, "label": SMALL.label, "params": SMALL.params}
    plain.train(spec, tmp_path / "plain.ubj")
    booster = xgboost.Booster(model_file=tmp_path / "plain.ubj")
    names = [name for owner in OWNERS for name in SMALL.columns[owner]]
    assert booster.feature_names == names
    mine = load_model(ours(SMALL, files)).booster
    rows = xgboost.DMatrix(features, labels)
    values = features if isinstance(features, pa.Table) else pa.Table.from_pandas(features)
    matrix = np.column_stack([values[name].to_numpy() for name in names]).astype(np.float32)
    np.testing.assert_allclose(mine.inplace_predict(matrix), booster.predict(rows), atol=1e-3)


def test_parts_are_measured_on_what_they_open(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "SIZE", 2 << 20)
    monkeypatch.setattr(parts, "QUOTES", 1)
    found = {one.side: one.seconds for one in (*parts.containers(), *parts.quote())}
    assert set(found) - {"verify"} == {"seal", "open", "check"}
    assert min(found.values()) > 0


def test_the_score_by_secure_computation_is_that_of_the_runners_code(
    files: dict[str, Path], tmp_path: Path
) -> None:
    run = score.measure(SMALL, files, tmp_path)
    areas = score.areas(SMALL, files)
    assert areas["logistic"] > 0.6
    assert abs(run.auc - areas["logistic"]) < 0.002
    assert run.sent > 1_000_000
    assert {"align", "logistic"} <= set(run.steps)
