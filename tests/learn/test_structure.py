"""``pca`` and ``kmeans`` over three parties' rows, against scikit-learn on the pooled table."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections import Counter
from functools import partial
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits, make_blobs
from sklearn.decomposition import PCA
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import StandardScaler

from coterie.crypto import canonical, digest, parse_json
from coterie.errors import CoterieError
from coterie.learn.align import Align
from coterie.learn.component import EACH
from coterie.learn.kmeans import Kmeans, KmeansParams, load_clusters
from coterie.learn.kmeans import clear as kmeans_clear
from coterie.learn.kmeans.clear import fit
from coterie.learn.kmeans.groups import grouped
from coterie.learn.kmeans.statement import STEPS
from coterie.learn.logistic import Logistic
from coterie.learn.pca import Pca, load_components
from coterie.learn.pca.clear import fit as fit_components
from coterie.learn.pca.eigen import eigen
from coterie.learn.pooled import alone
from coterie.learn.stack import Stack
from tests.learn import pipeline
from tests.learn.horizontal import run
from tests.learn.horizontal_data import NAMES, datasets
from tests.learn.in_tee import in_tee

ROWS = 1200
STACK: Any = ("stack", Stack(), {})


def columns() -> dict[str, Any]:
    """In units that have nothing to do with each other."""
    random = np.random.default_rng(3)
    common = random.normal(size=ROWS)
    return {
        "income": 3e4 + 9e3 * common + 4e3 * random.normal(size=ROWS),
        "late": random.poisson(2.0, ROWS),
        "rate": 3e-6 + 1e-7 * (common + random.normal(size=ROWS)),
        "age": 40 - 6 * common + 8 * random.normal(size=ROWS),
        "bad": (random.random(ROWS) < 0.3).astype(np.int64),
    }


def matrix(table: dict[str, Any]) -> np.ndarray:
    return np.column_stack([values for name, values in table.items() if name != "bad"]).astype(float)


def centres_of(outcome: Any, step: str = "kmeans") -> np.ndarray:
    return np.array([one.centre for one in outcome.last.models[step].record().clusters])


@pytest.mark.parametrize(("coordinator", "scale"), [("hub", "standard"), ("north", "centre")])
def test_components_are_those_of_the_pooled_rows(coordinator: str, scale: str) -> None:
    """Equal at all parties to the last bit; bytes and rounds as planned."""
    table, params = columns(), {"components": 3, "scale": scale, "whiten": scale == "standard"}
    steps: Any = [STACK, ("pca", Pca(), {**params, "output": "add"})]
    found = run(datasets(table, "bad"), steps, label="bad", coordinator=coordinator)
    whole = matrix(table)
    scaled = StandardScaler().fit(whole)
    given_to = scaled.transform if scale == "standard" else lambda values: values
    wanted = PCA(whiten=scale == "standard").fit(given_to(whole))
    record = found["west"].last.models["pca"].record()
    assert record.rows == ROWS
    assert record.variances == pytest.approx(wanted.explained_variance_, rel=1e-9)
    shares = [one.share for one in record.components]
    assert shares == pytest.approx(wanted.explained_variance_ratio_[:3], rel=1e-9)
    loadings = np.array([one.loadings for one in record.components])
    assert loadings == pytest.approx(wanted.components_[:3], abs=1e-9)
    for name in NAMES:
        assert found[name].published["model/pca.model"] == found["west"].published["model/pca.model"]
        frame = found[name].frames["all"]
        assert frame.columns == {EACH: ("income", "late", "rate", "age", "pc1", "pc2", "pc3")}
        own = frame.matrix(("income", "late", "rate", "age"))
        new = frame.matrix(("pc1", "pc2", "pc3"))
        assert new == pytest.approx(wanted.transform(given_to(own))[:, :3], rel=1e-6, abs=1e-6)


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 9), st.integers(0, 2**32 - 1), st.booleans())
def test_eigenvectors_of_any_matrix(size: int, seed: int, equal: bool) -> None:
    random = np.random.default_rng(seed)
    given_one = random.normal(size=(size, size)) * 10.0 ** random.integers(-9, 9, size)
    matrix_ = np.eye(size) * 4.0 if equal else given_one @ given_one.T
    values, vectors = eigen(matrix_)
    largest = np.abs(matrix_).max()
    assert values == pytest.approx(np.linalg.eigvalsh(matrix_)[::-1], abs=1e-12 * largest)
    assert vectors @ vectors.T == pytest.approx(np.eye(size), abs=1e-12)
    assert vectors @ matrix_ == pytest.approx(values[:, None] * vectors, abs=1e-12 * largest)
    assert (vectors[np.arange(size), np.abs(vectors).argmax(axis=1)] > 0).all()


def _times(factor: float, what: str, values: np.ndarray, form: Any) -> np.ndarray:
    return values * factor


def test_sums_that_others_have_spoilt() -> None:
    """They end the step, or give other numbers; nothing breaks."""
    values = columns()["age"][:, None]
    for factor in (0.0, -1.0, 1e9):
        spoilt = partial(_times, factor)
        for standard in (False, True):
            with contextlib.suppress(CoterieError):
                found = fit_components(spoilt, values, ("age",), standard=standard)
                assert np.isfinite(found.variances).all()
                assert np.isfinite(found.means).all()
        with contextlib.suppress(CoterieError):
            clusters = fit(spoilt, values, KmeansParams(clusters=2), 1)
            assert np.isfinite(clusters.centres).all()
    with pytest.raises(CoterieError, match="CT-3028"):
        fit_components(partial(_times, 0.0), values, ("age",), standard=False)


def test_starts_go_side_by_side(monkeypatch: pytest.MonkeyPatch) -> None:
    """In as many totals as the longest takes, and to where each comes alone."""
    rows, _ = make_blobs(900, 4, centers=8, cluster_std=2.5, random_state=2)
    steps: list[int] = []

    def counting(what: str, values: Any, form: Any) -> Any:
        if what == STEPS:
            steps.append(values.size)
        return alone(what, values, form)

    def fitted(**params: Any) -> Any:
        steps.clear()
        return fit(counting, rows, KmeansParams(clusters=6, tolerance=0, **params), 10)

    longest, found = 0, []
    for starts in range(1, 5):
        found.append(fitted(starts=starts))
        assert found[-1].inertias[:-1] == (found[-2].inertias if starts > 1 else ())
        assert found[-1].inertia == min(found[-1].inertias)
        assert max(steps) == 1 + starts * 6 * 5
        assert len(steps) >= longest
        longest = len(steps)
    assert len(set(found[-1].inertias)) > 1
    monkeypatch.setattr(kmeans_clear, "_TOGETHER", 3 * 6 * 9)  # three of them, and the fourth behind
    parted = fitted(starts=4)
    assert len(steps) > longest
    assert parted.inertias == found[-1].inertias
    assert np.array_equal(parted.centres, found[-1].centres)


@pytest.mark.parametrize("iterations", [1, 3, 100])
def test_iterations_are_those_of_the_pooled_rows(iterations: int) -> None:
    """Where rows need not go in groups."""
    whole, _ = make_blobs(ROWS, 3, centers=7, cluster_std=2.0, random_state=5)
    table = {**{f"c{place}": whole[:, place] for place in range(3)}, "bad": np.zeros(ROWS, np.int64)}
    start = whole[:5]
    params = {"clusters": 5, "centres": start.tolist(), "iterations": iterations, "tolerance": 0}
    steps: Any = [STACK, ("kmeans", Kmeans(), {**params, "column": "cluster", "rows": "all"})]
    found = run(datasets(table, "bad"), steps, label="bad", min_group=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        wanted = KMeans(5, init=start, n_init=1, max_iter=iterations, tol=0).fit(whole)
    record = found["east"].last.models["kmeans"].record()
    assert centres_of(found["east"]) == pytest.approx(wanted.cluster_centers_, abs=1e-9)
    assert record.inertia == pytest.approx(wanted.inertia_, rel=1e-9)
    assert [one.rows for one in record.clusters] == np.bincount(wanted.labels_).tolist()
    assert record.iterations == wanted.n_iter_
    assert record.converged == (iterations == 100)
    for name in NAMES:
        frame = found[name].frames["all"]
        labels = wanted.predict(frame.matrix(("c0", "c1", "c2"))) + 1
        assert np.array_equal(frame.matrix(("cluster",))[:, 0], labels)
        listed = pq.read_table(io.BytesIO(found[name].published["scores/kmeans.clusters.parquet"]))
        assert Counter(listed["cluster"].to_pylist()) == Counter(labels.tolist())


def test_groups_hardly_matter_and_no_sum_is_of_few_rows() -> None:
    for spread, off in ((1.0, 2e-4), (3.5, 0.03)):
        whole, _ = make_blobs(2400, 4, centers=4, cluster_std=spread, random_state=1)
        table = {**{f"c{place}": whole[:, place] for place in range(4)}, "bad": np.zeros(2400, np.int64)}
        steps: Any = [STACK, ("kmeans", Kmeans(), {"clusters": 4, "tolerance": 0})]
        found = run(datasets(table, "bad"), steps, label="bad", coordinator="hub" if off < 1e-3 else None)
        files = {found[name].published["coefficients/kmeans.coefficients.json"] for name in NAMES}
        assert len(files) == 1
        best = KMeans(4, n_init=10, random_state=0).fit(whole).inertia_
        apart = whole[:, None] - centres_of(found["west"])
        assert (apart**2).sum(axis=2).min(axis=1).sum() <= best * (1 + off)


@settings(max_examples=30, deadline=None)
@given(st.integers(20, 300), st.integers(1, 4), st.integers(2, 20), st.booleans())
def test_groups_are_large_enough(rows: int, width: int, least: int, equal: bool) -> None:
    random = np.random.default_rng(rows)
    values = np.ones((rows, width)) if equal else random.lognormal(size=(rows, width))
    found = grouped(values, least)
    assert least <= found.counts.min() <= found.counts.max() < 2 * least
    assert found.counts.sum() == rows
    assert found.counts @ found.means == pytest.approx(values.sum(axis=0))
    assert found.squares.sum(axis=0) == pytest.approx((values**2).sum(axis=0))


@pytest.mark.parametrize(
    ("whole", "clusters"), [(make_blobs(3000, 2, centers=8, random_state=3)[0], 8), (load_digits().data, 10)]
)
def test_the_start_is_as_good_as_rows_that_are_drawn(whole: np.ndarray, clusters: int) -> None:
    found = fit(alone, whole, KmeansParams(clusters=clusters, tolerance=0), 1).inertia
    drawn = [KMeans(clusters, n_init=1, random_state=seed).fit(whole).inertia_ for seed in range(5)]
    assert found < np.mean(drawn)
    assert found < 1.004 * min(drawn)
    more = fit(alone, whole, KmeansParams(clusters=clusters, starts=3), 1)
    assert len(more.inertias) == 3
    assert more.inertia == min(more.inertias)


def test_small_clusters_are_given_up_and_empty_ones_left_out() -> None:
    random = np.random.default_rng(0)
    whole = np.concatenate(
        [random.normal(0, 1, (500, 2)), random.normal(40, 1, (400, 2)), [[99.0, 99.0]] * 7]
    )
    start = ((0.0, 0.0), (40.0, 40.0), (99.0, 99.0), (-900.0, 900.0))
    params = KmeansParams(clusters=4, centres=start)
    assert fit(alone, whole, params, 1).sizes == (500, 400, 7)
    found = fit(alone, whole, params, 1, 20)
    assert found.sizes == (500, 407)
    assert found.centres[1] == pytest.approx(whole[500:].mean(axis=0))


def test_in_one_place_with_several_owners_there_are_results_and_no_columns() -> None:
    table = columns()
    ids = [f"p{row}" for row in range(ROWS)]
    data = {
        "lender": pipeline.dataset(ids, {name: table[name] for name in ("income", "late", "bad")}, "bad"),
        "telecom": pipeline.dataset(ids, {name: table[name] for name in ("rate", "age")}),
    }
    receivers: dict[str, tuple[str, ...]] = {"coefficients": ("telecom",), "scores": ("lender",)}
    steps: Any = [
        ("pca", Pca(), {"components": 4, "output": "none", "scale": "standard"}),
        ("kmeans", Kmeans(), {"clusters": 3, "columns": ["telecom.age"], "rows": "all", "column": "segment"}),
    ]
    told, frames = in_tee(data, steps, receivers)
    record = parse_json(told["telecom"]["pca.coefficients.json"], limit=1 << 20)
    wanted = PCA().fit(StandardScaler().fit_transform(matrix(table)))
    assert record["variances"] == pytest.approx(wanted.explained_variance_, rel=1e-9)
    assert pq.read_table(io.BytesIO(told["lender"]["kmeans.clusters.parquet"])).num_rows == ROWS
    assert frames["all"].columns["telecom"] == ("rate", "age", "segment")
    for name, component, params in (("pca", Pca(), {}), ("kmeans", Kmeans(), {"clusters": 2, "column": "a"})):
        with pytest.raises(CoterieError, match=r"CT-3275.*lender, telecom"):
            in_tee(data, [(name, component, params)], receivers)
    with pytest.raises(CoterieError, match="CT-3136"):
        in_tee(data, [("pca", Pca(), {"output": "none"})], {})
    with pytest.raises(CoterieError, match="CT-3081"):
        in_tee(data, [("kmeans", Kmeans(), {"clusters": 2, "rows": "all"})], {})


def test_later_rows_get_the_same_columns_and_later_steps_train_on_them() -> None:
    table = columns()
    given_to = pipeline.dataset([f"p{row}" for row in range(ROWS)], table, "bad")
    steps: Any = [
        ("align", Align(), {}),
        ("pca", Pca(), {"columns": ["lender.age", "lender.rate"], "prefix": "axis"}),
        ("kmeans", Kmeans(), {"clusters": 3, "column": "cluster"}),
        ("logistic", Logistic(), {}),
    ]
    outcome = run_clear(given_to, steps)
    assert outcome.last.models["logistic"].facts.columns == outcome.frames["all"].columns
    frame, before = outcome.frames["all"], outcome.contexts["pca"]
    assert frame.columns == {"lender": ("income", "late", "axis1", "axis2", "cluster")}
    again = run_clear(given_to, steps[:1]).frames["all"]
    shape = before.planning.frames["all"]
    for step, component, written in steps[1:3]:
        params = component.Parameters.model_validate(written)
        state = component.kept_state(outcome.last.models[step], "lender")
        again = component.again(again, params, state)
        shape = component.shape_again(shape, params)
        other = params.model_copy(update={"components": 1, "clusters": 2})
        for written_by, wrong in ((params, b""), (params, state[:-8]), (other, state)):
            with pytest.raises(ValueError, match=r"no magic|body|another step"):
                component.again(again, written_by, wrong)
    assert again.columns == frame.columns == shape.columns
    assert again.table.equals(frame.table)


def run_clear(data: Any, steps: Any) -> Any:
    return pipeline.run({"lender": data}, steps, label="bad", label_holder="lender", engine="clear")["lender"]


def changed(content: bytes, **header: Any) -> bytes:
    magic, _, rest = content.partition(b"\n")
    length = int.from_bytes(rest[:4], "little")
    known, body = parse_json(rest[4 : 4 + length], limit=length), rest[4 + length :]
    body = header.pop("body", body)
    text = canonical({**known, **header, "body_size": len(body), "body_digest": digest(body)})
    return magic + b"\n" + len(text).to_bytes(4, "little") + text + body


def test_files_that_are_no_models() -> None:
    table = columns()
    steps: Any = [STACK, ("km", Kmeans(), {"clusters": 2}), ("pca", Pca(), {"whiten": True})]
    outcome = run(datasets(table, "bad"), steps, label="bad")["east"]
    components, clusters = outcome.published["model/pca.model"], outcome.published["model/km.model"]
    assert load_components(components).to_bytes() == components == changed(components)
    assert load_clusters(clusters).to_bytes() == clusters == changed(clusters)
    for load, content in ((load_components, components), (load_clusters, clusters)):
        body = content[-8 * (20 if load is load_components else 16) :]
        assert changed(content, body=body) == content
        nan = np.array([np.nan]).tobytes()
        params = {**parse_json(content.split(b"\n", 1)[1][4 : -len(body)], limit=1 << 20)["params"]}
        for wrong in (
            b"",
            content[:-1],
            content + b"\0",
            changed(content, body=body[8:]),
            changed(content, body=nan + body[8:]),
            changed(content, more=1),
            changed(content, columns={"each": ["income"]}),
            changed(content, order=[]),
            changed(content, params={**params, "components": 5, "clusters": 101}),
            changed(content, rows=0, sizes=[1, 0]),
            changed(content, rows="1", inertia=-1.0),
            clusters if load is load_components else components,
        ):
            with pytest.raises(CoterieError, match="CT-3053"):
                load(wrong)
    flat = np.frombuffer(components[-8 * 20 :], "<f8").copy().reshape(5, 4)
    for row in (1, 2):  # a scale, a variance
        broken = flat.copy()
        broken[row] *= -1
        with pytest.raises(CoterieError, match="CT-3053"):
            load_components(changed(components, body=broken.tobytes()))


@pytest.mark.parametrize(
    ("code", "component", "params", "table"),
    [
        ("CT-3276", Pca(), {"components": 5}, {}),
        (
            "CT-3276",
            Pca(),
            {"components": 3, "whiten": True},
            {"age": columns()["income"], "late": columns()["rate"]},
        ),
        ("CT-3025", Pca(), {"scale": "standard"}, {"age": np.full(ROWS, 0.1)}),
        ("CT-3027.*'age'", Pca(), {}, {"age": np.where(np.arange(ROWS) == 900, np.nan, 1.0)}),
        ("CT-3028.*'age'", Kmeans(), {"clusters": 2}, {"age": np.where(np.arange(ROWS) == 900, np.inf, 1.0)}),
        ("CT-1433", Kmeans(), {"clusters": 2}, {"age": ["a"] * ROWS}),
        ("CT-3135", Kmeans(), {"clusters": 2, "columns": ["each.none"]}, {}),
        ("CT-3115", Kmeans(), {"clusters": 2, "column": "age"}, {}),
        ("CT-3280", Kmeans(), {"clusters": 2, "centres": [[1.0], [2.0]]}, {}),
        ("CT-3281", Kmeans(), {"clusters": 61}, {}),
        ("CT-3025", Kmeans(), {"clusters": 2, "columns": ["each.age"]}, {"age": np.full(ROWS, 0.1)}),
    ],
)
def test_what_does_not_fit_is_refused(code: str, component: Any, params: Any, table: Any) -> None:
    with pytest.raises(CoterieError, match=code) as caught:
        run(datasets({**columns(), **table}, "bad"), [STACK, ("one", component, params)], label="bad")
    assert caught.value.step == "one"


def test_a_party_of_few_rows_is_refused() -> None:
    """Sums of all rows less those of clusters would be those of its rows."""
    table = columns()
    parts = datasets(table, "bad")
    parts["east"] = pipeline.dataset(["a", "b"], {name: values[:2] for name, values in table.items()}, "bad")
    with pytest.raises(CoterieError, match=r"CT-3281.*2 of east"):
        run(parts, [STACK, ("kmeans", Kmeans(), {"clusters": 2})], label="bad")
    with pytest.raises(CoterieError, match="CT-3281"):
        fit(alone, np.ones((3, 1)), KmeansParams(clusters=2), 20)
    with pytest.raises(CoterieError, match="CT-3281"):
        fit(alone, np.array([[1.0], [2.0]]), KmeansParams(clusters=3), 1)
    wide = {f"c{place}": np.arange(40.0) for place in range(513)}
    with pytest.raises(CoterieError, match="CT-3277"):
        run_clear(
            pipeline.dataset([str(row) for row in range(40)], {**wide, "bad": [0, 1] * 20}, "bad"),
            [("align", Align(), {}), ("pca", Pca(), {})],
        )
