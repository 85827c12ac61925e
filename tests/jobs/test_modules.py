"""Users' modules in jobs: what comes with a proposal is held against the agreement; and a whole run."""

from __future__ import annotations

import asyncio
import hashlib
import json
import shutil
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from coterie.agreement import Agreement, decide
from coterie.crypto import now
from coterie.errors import CoterieError
from coterie.jobs import Proposal, check_modules, derive_plan, request_of
from coterie.node.planning import Planning

from .banks import BANKS, make_bench
from .conftest import Bench

# A logistic regression in plain NumPy, in the place of a network: it starts in a tenth of PyTorch's time, and
# shows that a module's own process is the module's.
SOURCE = """
import sys
import numpy as np

inside = sys.modules["coterie.learn.modules.inside"]

class Nothing:
    def named_buffers(self):
        return []

def build(inputs, outputs, settings):
    raise NotImplementedError

def odds(weights, features):
    return features @ weights[:-1] + weights[-1]

def train(self, settings, seed, given):
    features, label, weights = given
    for _ in range(20):
        error = 1 / (1 + np.exp(-odds(weights, features))) - label
        slope = np.append(features.T @ error, error.sum()) / len(label)
        weights = weights - settings["learning_rate"] * slope
    return weights.astype("<f4").tobytes() + np.array([0.5, 20.0]).tobytes()

network = inside.Network
network._built = lambda self, seed: Nothing()
network.layout = lambda self: b'[["w", [4], "parameter"]]'
network.initial = lambda self, seed: bytes(16)
network.train = train
network.outputs = lambda self, given: odds(given[1], given[0]).astype("<f8").tobytes()
"""
LISTED = {
    "name": "line",
    "sha256": hashlib.sha256(SOURCE.encode()).hexdigest(),
    "size": len(SOURCE.encode()),
    "purpose": "A line between good and bad.",
}
STEP = {"module": "line", "weights": ["w 4"], "rounds": 4, "learning_rate": 1.0, "early_stopping": None}
STEPS: list[Any] = ["stack", {"split": {"test": 0.3}}, "standardize", {"module": STEP}, "evaluate"]


def bench(folder: Path, files: dict[str, str] | None = None, **changes: Any) -> Bench:
    made = make_bench(folder, steps=STEPS, **({"modules": [LISTED], "min_group": 20} | changes))
    files = {"line": SOURCE} if files is None else files
    made.proposal = made.proposal.model_copy(update={"modules": files})
    return made


@pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed here")
def test_a_job_runs_the_agreed_module_at_every_party(tmp_path: Path) -> None:
    results = [{"kind": kind, "to": list(BANKS)} for kind in ("model", "metrics")]
    made = bench(tmp_path, results=results)
    assert Proposal.model_validate_json(made.proposal.model_dump_json()) == made.proposal
    made.run()
    assert not made.errors, made.errors
    kept = {made.recorders[name].files["module/module.model"].read_bytes() for name in BANKS}
    assert len(kept) == 1
    files = made.recorders["north"].files
    (metrics,) = (path for name, path in files.items() if name.startswith("evaluate/") and "metrics" in name)
    assert json.loads(metrics.read_bytes())["joint"]["auc"] > 0.75
    for name, recorder in made.recorders.items():
        for body in recorder.bodies("egress"):
            assert sum(body["sent"].values()) <= sum(body["planned"].values()), (name, body)


@pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed here")
def test_parties_that_do_not_begin_alike_do_not_train(tmp_path: Path) -> None:
    """Nor do those whose module speaks in errors: others hear the code, and not a word of it."""
    own = (
        SOURCE
        + 'network.initial = lambda self, seed: np.random.default_rng().random(4).astype("<f4").tobytes()\n'
    )
    loud = SOURCE.replace("for _ in range(20):", "raise ValueError(str(features[0]))")
    for source, code in ((own, "CT-3264"), (loud, "CT-3260")):
        listed = {**LISTED, "sha256": hashlib.sha256(source.encode()).hexdigest(), "size": len(source)}
        (tmp_path / code).mkdir()
        made = bench(tmp_path / code, {"line": source}, modules=[listed])
        made.run()
        assert {error.code for error in made.errors.values()} == {code}
        assert made.errors["hub"].detail == ("" if code == "CT-3260" else made.errors["east"].detail)


@pytest.mark.parametrize(
    ("listed", "files", "code"),
    [
        ([], {"line": SOURCE}, "CT-1650"),  # default deny
        ([{**LISTED, "name": "other"}], {"line": SOURCE}, "CT-1650"),
        ([LISTED], {"line": SOURCE + " "}, "CT-1651"),
        ([LISTED], {"line": SOURCE.replace("20", "21")}, "CT-1651"),
        ([LISTED], {"line": "\ud800"}, "CT-4060"),
        ([LISTED], {"line": ""}, "CT-4060"),
        ([LISTED], {"line": "é" * 100_000}, "CT-4060"),
        ([LISTED], {"line": "\ufeff" + SOURCE}, "CT-4060"),
        ([LISTED], {"line": "#!x\r# vim: set fileencoding=utf_7 :\r" + SOURCE}, "CT-4060"),
        ([LISTED], {}, "CT-4061"),
        ([LISTED], {"line": SOURCE, "more": SOURCE}, "CT-4062"),
    ],
)
def test_what_comes_is_held_against_the_agreement(
    tmp_path: Path, listed: list[dict[str, Any]], files: dict[str, str], code: str
) -> None:
    """By whoever plans, which is everybody; and at nodes before anything else."""
    made = bench(tmp_path, files, modules=listed)
    for work in (check_modules, derive_plan):
        with pytest.raises(CoterieError) as caught:
            work(made.proposal, made.terms)
        assert caught.value.code == code


def test_the_agreement_decides_on_the_bytes_that_came(tmp_path: Path) -> None:
    made = bench(tmp_path)
    plan = derive_plan(made.proposal, made.terms)
    request = request_of(made.proposal, plan, made.terms)
    assert [one.model_dump() for one in request.modules] == [
        {name: LISTED[name] for name in ("name", "sha256", "size")}
    ]
    plain = made.terms.model_copy(update={"modules": ()})
    agreement = Agreement(terms=plain)
    found = decide(agreement, request, now=now(), runs_used=0, revocations=(), keys={})
    assert "CT-1650" in {one.code for one in found.refusals}


def test_a_node_that_cannot_hold_a_module_takes_no_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One without data need not hold it."""
    made = bench(tmp_path)
    agreement = Agreement(terms=made.terms)

    def checked(name: str) -> None:
        planning = Planning(SimpleNamespace(name=name), None, None)  # type: ignore[arg-type]
        asyncio.run(planning.check_modules(made.proposal, agreement))

    monkeypatch.setenv("PATH", str(tmp_path))
    checked("hub")
    with pytest.raises(CoterieError, match="CT-2285"):
        checked("east")
