"""The code of docs/programs.md does what the page says, and the names that the page gives are there."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from coterie.mpc import Context, Network, Tape, functions, trace, twin
from coterie.wire import Mesh

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "programs.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
PARTIES = ["bank", "telecom"]


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the page's code leaves, run from top to bottom; its own assertions hold."""
    names: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tempfile.tempdir", str(tmp_path_factory.mktemp("page")))
        for match in BLOCK.finditer(PAGE):
            line = PAGE.count("\n", 0, match.start(1))
            exec(compile("\n" * line + match[1], "programs.md", "exec"), names)
    return names


def test_all_ways_to_run_the_program_agree(page: dict[str, Any]) -> None:
    given = page["given"]
    burden = given["debt"] / np.maximum(given["income"], 1.0)
    assert page["meant"]["risky"] == np.sum(burden > 0.5)
    assert page["meant"]["mean burden"] == pytest.approx(burden.mean())
    for way in (page["rounded"], page["got"]["bank"]):
        assert way["risky"] == page["meant"]["risky"]
        assert way["mean burden"] == pytest.approx(burden.mean(), abs=1e-3)
    assert set(page["got"]["regulator"]) == {"mean burden"}
    assert page["got"]["telecom"] == {}


def test_the_summary_is_what_numpy_says(page: dict[str, Any]) -> None:
    rng = np.random.default_rng(5)
    parts = {f"x of {name}": rng.uniform(0, 100, 50) for name in PARTIES}
    region = rng.integers(0, 5, 100).astype(float)
    got = twin(page["summary"], PARTIES, {**parts, "region": region}, "fixed").revealed
    x = np.concatenate([*parts.values()])
    trace(page["summary"], PARTIES, "hub")
    assert got["mean"] == pytest.approx(x.mean(), rel=1e-5)
    assert got["variance"] == pytest.approx(x.var(), rel=1e-4)
    np.testing.assert_array_equal(got["histogram"], np.histogram(x, np.arange(0, 101, 20))[0])
    np.testing.assert_allclose(got["sums"], [x[region == k].sum() for k in range(5)], atol=1e-3)
    np.testing.assert_array_equal(got["places"], np.argsort(-x)[:3])
    np.testing.assert_allclose(got["quartiles"], np.quantile(x, [0.25, 0.5, 0.75]), atol=1e-3)


def test_the_gradient_is_what_numpy_says(page: dict[str, Any]) -> None:
    rng = np.random.default_rng(6)
    rows, claims = rng.uniform(-3, 3, (400, 3)), rng.poisson(1.0, 400).astype(float)
    weights = np.array([0.2, -0.3, 0.1])
    inputs = {"rows": rows, "claims": claims, "weights": weights}
    got = twin(page["gradient"], PARTIES, inputs, "fixed").revealed["gradient"]
    np.testing.assert_allclose(got, rows.T @ (claims - np.exp(rows @ weights)) / 400, atol=2e-3)
    assert trace(page["gradient"], PARTIES, "hub", ["regulator"]).disclosures[-1].to == ("regulator",)


def test_traffic_is_what_the_tape_says(page: dict[str, Any]) -> None:
    """As the page counts it, by ``mesh.step``."""
    tape, local = trace(page["program"], PARTIES, "hub", ["regulator"]), page["local_meshes"]
    meshes: dict[str, Mesh] = local([*PARTIES, "regulator", "hub"])
    own = {**page["own"], "hub": {}}

    def participant(name: str) -> None:
        with page["closing"](meshes[name]) as mesh, mesh.step("name"):
            page["deal"](tape, mesh) if name == "hub" else page["run"](page["program"], tape, mesh, own[name])

    with page["ThreadPoolExecutor"](4) as pool:
        list(pool.map(participant, meshes))
    for name, mesh in meshes.items():
        counted = {peer: one.sent for peer, one in mesh.egress()["name"].items() if one.sent}
        assert counted == {peer: count for peer, count in tape.sent.get(name, {}).items() if count}


def test_networks_are_as_described() -> None:
    assert Network.WAN.latency * 2 == pytest.approx(0.050)
    assert isinstance(Network.LAN, Network)


def test_every_name_is_there() -> None:
    for name in set(re.findall(r"\bctx\.(\w+)", PAGE)):
        assert hasattr(Context, name), name
    for name in set(re.findall(r"\bfn\.(\w+)", PAGE)):
        assert name in functions.__all__, name
    table = PAGE.partition("| of a tape | tells |")[2].partition("\n\n")[0]
    known = {field.name for field in dataclasses.fields(Tape)} | set(dir(Tape))
    named = set(re.findall(r"`(\w+)`", table))
    assert len(named) >= 8
    assert named <= known
