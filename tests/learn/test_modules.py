"""``module`` as a step on horizontal frames: real sandboxes at three parties, beside plain PyTorch."""

from __future__ import annotations

import runpy
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError
from sklearn.datasets import load_digits

from coterie.learn.clip import Clip
from coterie.learn.component import EACH
from coterie.learn.modules import Module, ModuleParams
from coterie.learn.modules.layout import line_of
from coterie.learn.modules.model import ModuleModel
from coterie.learn.neural import Setting
from coterie.learn.stack import Stack
from tests.learn.horizontal import run
from tests.learn.horizontal_data import datasets

FILE = Path(__file__).parents[2] / "examples" / "modules" / "digits_cnn.py"
BUILD = runpy.run_path(str(FILE))["build"]
WEIGHTS = ["first.weight 2x1x3x3", "first.bias 2", "second.weight 4x2x3x3", "second.bias 4"]
WEIGHTS += ["last.weight 10x16", "last.bias 10"]
STEP: dict[str, Any] = {
    "module": "digits-cnn",
    "settings": {"channels": 2},
    "weights": WEIGHTS,
    "task": "classes",
    "classes": 10,
}
ONCE = {"optimizer": "sgd", "learning_rate": 0.5, "alpha": 0, "batch_rows": 10_000, "early_stopping": None}
ONE_ROUND = {"rounds": 1, "weighting": "equal", "most_memory": 2}


def digits() -> dict[str, Any]:
    raw = load_digits(n_class=10)
    return {f"p{place:02}": raw.data[:300, place] / 16 for place in range(64)} | {"digit": raw.target[:300]}


@pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed here")
def test_a_round_of_full_steps_is_the_mean_of_the_parties_own() -> None:
    """The users' network gives the weights that PyTorch gives it anywhere, and scores by them."""
    steps = [("stack", Stack(), {}), ("clip", Clip(), {"low": 0, "high": 1})]
    found = run(
        datasets(digits(), label="digit"),
        [*steps, ("module", Module(), STEP | ONCE | ONE_ROUND)],
        label="digit",
        modules={"digits-cnn": FILE.read_bytes()},
    )
    models = [one.contexts["module"].models["module"] for one in found.values()]
    assert len({one.published["model/module.model"] for one in found.values()}) == 1
    context = found["east"].contexts["module"]
    shape = context.planning.frames["all"]
    setting = Setting.of(context.planning, models[0].params, models[0].params.layout, shape)
    torch.manual_seed(int.from_bytes(setting.run[:6], "little"))
    network = BUILD(64, 10, {"channels": 2})
    assert [line_of(name, one.shape, buffer=False) for name, one in network.named_parameters()] == WEIGHTS
    wanted = [one.detach().clone().double() for one in network.parameters()]
    for outcome in found.values():
        frame = outcome.contexts["module"].frames["all"]
        features = torch.from_numpy(
            frame.values([(EACH, f"p{at:02}") for at in range(64)]).astype(np.float32)
        )
        label = torch.from_numpy(frame.target().astype(np.int64))
        loss = torch.nn.functional.cross_entropy(network(features), label)
        slopes = torch.autograd.grad(loss, list(network.parameters()))
        wanted = [one - 0.5 * slope.double() / 3 for one, slope in zip(wanted, slopes, strict=True)]
    for one, theirs in zip(models[0].weights, wanted, strict=True):
        assert np.abs(one - theirs.numpy()).max() < 1e-5
    assert isinstance(models[0], ModuleModel)
    for one, array in zip(network.parameters(), models[0].weights, strict=True):
        one.data = torch.from_numpy(array)
    frame = context.frames["all"]
    features = torch.from_numpy(frame.values(models[0].facts.places).astype(np.float32))
    assert models[0].shares(frame) == pytest.approx(
        torch.softmax(network(features), 1).detach().numpy(), abs=1e-5
    )
    reveals = [one.what for one in found["east"].plans["module"].reveals]
    assert any(one.startswith("weights of the module's network") for one in reveals)
    assert "can put rows into them" in found["east"].plans["module"].statement.leaks


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"module": "Digits"}, "pattern"),
        ({"weights": []}, "at least 1"),
        ({"weights": ["w 2x0"]}, "name and a shape"),
        ({"weights": ["w 2; import os"]}, "name and a shape"),
        ({"weights": ["w 2", "w 3"]}, "given twice"),
        ({"weights": ["w 99999x99999"]}, "more than"),
        ({"weights": ["w 1x1x1x1x1x1x1x1x1"]}, "dimensions"),
        ({"weights": ["n.weight 2", "n.mean 2 buffer"], "strategy": "fedadam"}, "without buffers"),
        ({"settings": {"text": "x" * 20_000}}, "settings"),
        ({"most_memory": 0}, "greater"),
    ],
)
def test_parameters_that_cannot_be(changed: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        ModuleParams.model_validate(STEP | changed)


def test_parts_of_names_are_layers() -> None:
    """So that `personal: 1` keeps the last one at home, whatever buffers come after it."""
    lines = [
        "a.weight 2x3",
        "a.bias 2",
        "norm.weight 2",
        "head.weight 1x2",
        "norm.mean 2 buffer",
        "scale scalar",
    ]
    layout = ModuleParams.model_validate(STEP | {"weights": lines}).layout
    assert [one.layer for one in layout] == [0, 0, 1, 2, 1, 3]
    assert (layout[0].shape, layout[-1].shape, layout[-1].size) == ((2, 3), (), 1)
