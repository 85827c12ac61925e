"""The secure program on its twins: the same steps as in the clear, on real data, within the ring."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from coterie.crypto import Identity
from coterie.errors import CoterieError
from coterie.learn.glm import mpc, preparation
from coterie.learn.glm.design import design
from coterie.mpc import Program, trace, twin
from tests.mpc.rig import DEALER, play
from tests.wire.network import Network

from .glm_data import FAMILIES, OWNERS, REAL, Case, blocks, fit, flat, made, statsmodels

Floats = NDArray[np.float64]
Way = Literal["float", "fixed", "run"]


def program(case: Case, **options: Any) -> tuple[Program, dict[str, Any], mpc.Formats]:
    """Training and revealing, and everybody's inputs."""
    numbers = design(
        len(case.label),
        {owner: part.shape[1] for owner, part in zip(OWNERS, case.parts, strict=False)},
        case.params(**options),
    )
    formats, roles, given = mpc.Formats(numbers), mpc.Roles("lender"), {}
    for owner, rows in blocks(case).items():
        block = preparation.prepare(rows, [f"c{j}" for j in range(rows.shape[1])], numbers)
        label = None
        if owner == "lender":
            label = preparation.prepare_label(case.label, "y", numbers, None, None)
        given |= mpc.inputs(owner, mpc.Own(block, label), formats)
    part = mpc.Part((0, numbers.steps), coefficients_to=("lender",))
    return mpc.training(formats, roles, part), given, formats


def coefficients(case: Case, way: Way, deterministic: bool = True, **options: Any) -> Floats:
    """Of a twin, or of a run of all participants in this process."""
    run, given, formats = program(case, **options)
    parties = OWNERS[: max(2, len(case.parts))]
    if way == "run":
        revealed = play(run, given, parties, deterministic=deterministic).outputs["lender"].revealed
    else:
        revealed = twin(run, parties, given, way).revealed
    values = revealed["coefficients"]
    if formats.family == "linear":
        exponent, location = revealed["scale of the label"]
        values = np.ldexp(np.append(values[:-1], values[-1] + location), int(exponent))
    return np.asarray(values)


RUN = ("credit_of_three", "german", "past_due", "limits", "payments", "motor")
"""Each family, and three parties: what runs is the twin's arithmetic, number by number."""


@functools.lru_cache(maxsize=1)
def real(name: str) -> tuple[Case, Any]:
    """A table, and what statsmodels makes of it."""
    case = REAL[name]()
    return case, statsmodels(case)


@pytest.mark.parametrize(
    ("name", "way"),
    [(name, way) for name in REAL for way in ("fixed", "run") if way == "fixed" or name in RUN],
)
def test_fixed_point_gives_statsmodels_coefficients_on_real_data(name: str, way: Way) -> None:
    """Each coefficient within 1e-3 of itself; on the twin, and by the parties and their dealer. The AUC is
    the same to 0.0005."""
    case, best = real(name)
    found = coefficients(case, way)
    assert (np.abs(found - best.params) < 1e-3 * np.abs(best.params)).all()
    if case.family == "logistic":
        scores, wanted = (case.whole @ one[:-1] for one in (found, best.params))
        assert abs(roc_auc_score(case.label, scores) - roc_auc_score(case.label, wanted)) < 5e-4


@pytest.mark.parametrize("parties", [2, 3])
def test_over_links_it_sends_what_is_planned(parties: int, tmp_path: Path) -> None:
    case = made("gamma", rows=300, owners=parties)
    run, given, _ = program(case)
    names = (*OWNERS[:parties], DEALER)
    network = Network({name: Identity.create(tmp_path / name, name) for name in names})
    try:
        meshes = dict(zip(names, network.join(*names), strict=True))
        played = play(run, given, OWNERS[:parties], meshes=meshes)
    finally:
        network.close()
    assert played.sent() == {source: dict(targets) for source, targets in played.tape.sent.items()}
    assert played.depths == dict(played.tape.rounds)
    found = played.outputs["lender"].revealed["coefficients"]
    assert found == pytest.approx(statsmodels(case).params, rel=1e-3, abs=1e-5)


OPTIONS: list[dict[str, Any]] = [
    {},
    {"l1": 0.02, "l2": 0.01, "iterations": 4},
    {"intercept": False},
    {"hessian_rows": 400, "iterations": 3},
    {"solver": "minibatch", "passes": 2, "batch_rows": 200, "learning_rate": 0.3, "l2": 0.05},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("family", FAMILIES)
def test_in_float64_it_is_the_reference_to_rounding(family: str, options: dict[str, Any]) -> None:
    """Step by step the same mathematics, also where training is far from done. Constants of steps are rounded
    to 2^-16."""
    case = made(family)
    if not options.get("intercept", True):
        label = case.label - 1000 if family == "linear" else case.label / (5 if family != "logistic" else 1)
        case = Case(case.parts, label, family, case.power)
    best = fit(case, case.params(**options))
    wanted = flat(best, options.get("intercept", True))
    if family == "linear" and not options.get("intercept", True):
        run, given, _ = program(case, **options)
        revealed = twin(run, OWNERS[:2], given, "float").revealed
        found = np.ldexp(revealed["coefficients"], int(revealed["scale of the label"][0]))
    else:
        found = coefficients(case, "float", **options)
    largest = np.abs(wanted).max()
    loose = options.get("solver") == "minibatch" or "hessian_rows" in options or "l1" in options
    assert np.abs(found - wanted).max() < (2e-4 if loose else 1e-9) * largest


@pytest.mark.parametrize("rows", [100, 10_000, 1_000_000, 5_000_000])
@pytest.mark.parametrize("family", FAMILIES)
def test_the_numbers_fit_the_ring(family: str, rows: int) -> None:
    """No trace overflows; curvatures keep some bits even of many rows."""
    for widths in ((1,), (5, 5), (50, 50)):
        for more in ({}, {"l1": 0.1, "l2": 0.1}, {"weights": "lender.w"}):
            params = Case([], np.zeros(0), family).params(iterations=1, **more)
            numbers = design(rows, dict(zip(OWNERS, widths, strict=False)), params)
            formats = mpc.Formats(numbers)
            assert formats.pull_frac >= 6
            assert formats.curvature_frac >= 2
            roles = mpc.Roles("lender", "lender" if "weights" in more else None)
            part = mpc.Part((0, 1), coefficients_to=("lender",))
            if rows * sum(widths) <= 10_000_000:  # a tape has only sizes, but a trace of chunks takes a while
                trace(mpc.training(formats, roles, part), OWNERS[: max(2, len(widths))], "hub")


def test_labels_too_far_from_the_mean_for_the_ring_are_refused() -> None:
    case = made("linear")
    with pytest.raises(CoterieError, match="CT-3061"):
        fit(Case(case.parts, case.label * 1e-9 + 1e6, "linear"), case.params())
