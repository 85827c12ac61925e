"""Plans on the terminal."""

from __future__ import annotations

from typing import Any

import pytest

from coterie.cli.plans import print_plan
from coterie.node import PlanView

SUMMARY: dict[str, Any] = {"sent": {}, "rounds": 3, "memory": 2**30, "disk": 0, "seconds": 1.0, "dealt": {}}


def said(
    capsys: pytest.CaptureFixture[str],
    stages: list[dict[str, Any]],
    more: dict[str, Any] | None = None,
    **summary: Any,
) -> str:
    """All that is printed of a plan. ``more`` of its document."""
    document = {"name": "score", "parties": ["lender"], "dealer": None, "stages": stages, **(more or {})}
    digest = "sha256:" + "0" * 64
    print_plan(PlanView(job="ab" * 16, digest=digest, summary=SUMMARY | summary, document=document))
    out = capsys.readouterr()
    return out.out + out.err


NUMBERS: dict[str, Any] = {"sent": {}, "rounds": {}, "memory": 0, "seconds": 0.0}
EMPTY = NUMBERS | {"component": "", "statement": None, "choices": [], "reveals": [], "disclosed": []}


def stage(*steps: dict[str, Any], **step: Any) -> dict[str, Any]:
    return {"exact": False, "steps": [EMPTY | one for one in (*steps, *([step] if step else []))]}


def in_tee() -> dict[str, Any]:
    """Of the document of a job of engine tee that the hub hosts."""
    names = ("stage-upload", "stage-release", "stage-results")
    sent = {"hub": {"lender": 5 * 2**20}}
    return {"host": "hub", "transfers": [EMPTY | {"step": name, "sent": sent} for name in names]}


@pytest.mark.parametrize(("disk", "told"), [(0, False), (10_604_000_000, True)])
def test_a_plan_says_what_goes_to_the_disk(capsys: pytest.CaptureFixture[str], disk: int, told: bool) -> None:
    text = said(capsys, [], disk=disk)
    assert ("9.9 GiB" in text) == told
    assert ("own disk" in text) == told


def test_a_plan_says_what_it_rests_on(capsys: pytest.CaptureFixture[str]) -> None:
    named = {"protocol": "sharing", "helper": "a dealer that must not collude"}
    steps = [stage(step=name, statement=named) for name in ("glm", "evaluate")]
    text = said(capsys, [*steps, stage(step="align", statement={"protocol": "psi", "helper": None})])
    assert text.count("It rests on a dealer that must not collude.") == 1
    assert "rests on" not in said(capsys, [stage(step="align")])


def test_a_plan_says_against_whom_each_step_is_secure(capsys: pytest.CaptureFixture[str]) -> None:
    words = {"align": "malicious", "glm": "semi-honest", "fill": "none: nothing is sent"}
    steps = [
        {"step": step, "statement": {"protocol": "", "helper": None, "adversary": who}}
        for step, who in (*words.items(), ("evaluate", "semi-honest"))
    ]
    text = " ".join(said(capsys, [stage(*steps)]).split())
    assert "Secure against parties that do not follow the protocol, too (malicious): align." in text
    assert (
        "Secure against parties that follow the protocol and keep all they see (semi-honest): glm, evaluate."
        in text
    )
    assert "(malicious)" not in " ".join(said(capsys, [stage(*steps[1:])]).split())


def test_a_plan_says_who_has_no_data_and_what_it_learns(capsys: pytest.CaptureFixture[str]) -> None:
    reveals = [{"what": "coefficients", "to": ["telecom", "regulator"], "values": 5, "kind": "coefficients"}]
    guests = {"guests": ["regulator", "telecom"], "dealer": "telecom"}
    text = said(capsys, [stage(step="glm", reveals=reveals)], guests)
    assert "regulator has no data in this job: it receives results, and computes nothing." in text
    assert "telecom has no data in this job: it deals random numbers, receives results, and" in text
    learned = [line.split() for line in text.partition("will learn")[2].splitlines() if "coeff" in line]
    assert [(line[0], line[-1]) for line in learned] == [
        ("telecom", "coefficients"),
        ("regulator", "coefficients"),
    ]
    assert "has no data" not in said(capsys, [stage(step="glm")], {"dealer": "telecom"})


@pytest.mark.parametrize("note", ["", "noise of sigma 3"])
def test_a_plan_lists_every_value_that_programs_show(capsys: pytest.CaptureFixture[str], note: str) -> None:
    shown = [
        {"name": "residual", "to": ["lender"], "values": 1, "note": ""},
        {"name": "variances", "to": ["lender", "telecom"], "values": 1100, "note": note},
    ]
    text = said(capsys, [stage(step="glm", disclosed=shown)])
    assert "What the programs disclose" in text
    assert "residual" in text
    line = next(line for line in text.splitlines() if "variances" in line)
    assert line.split() == ["≤", "1,100", "variances", "lender,", "telecom", *note.split()]
    assert ("note" in text.split()) == bool(note)


def test_a_plan_without_programs_has_no_such_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert "programs disclose" not in said(capsys, [stage(step="split")])


def test_a_plan_in_a_tee_says_where_it_runs_what_is_sent_and_what_the_host_learns(
    capsys: pytest.CaptureFixture[str],
) -> None:
    named = {"protocol": "one attested process", "helper": "a TEE that is SIMULATED (sim)"}
    steps = [{"step": "stage-2", "component": "plan"}]
    steps += [{"step": name, "statement": named} for name in ("fill", "boosting")]
    text = said(capsys, [stage(*steps)], in_tee(), sent={"hub": {"lender": 15 * 2**20}})
    lines = [line.split() for line in text.splitlines() if line.strip()]
    order = ["stage-upload", "stage-release", "fill", "boosting", "stage-results", "all"]
    shown = [line for line in lines if line[0] in order][: len(order)]
    assert [line[0] for line in shown] == order
    assert [line[1:4] for line in (*shown[:2], shown[4])] == [["≤", "5.0", "MiB"]] * 3
    assert [line[1] for line in shown[2:4]] == ["none", "none"]
    assert (text.count("one attested process"), text.count("the same")) == (1, 1)
    assert "stage-2" not in text
    assert "The steps run at hub, in one process; while they run nobody sends." in text
    assert text.count("It rests on a TEE that is SIMULATED (sim).") == 1
    assert ["hub", "lender", "≤", "15.0", "MiB"] in lines
    assert lines[-1] == ["hub", "nothing;", "it", "sees", "ciphertext,", "lengths", "and", "times"]


def test_what_is_a_result_of_two_kinds_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    reveals = [{"what": "coefficients", "to": ["lender"], "values": count} for count in (4, 5, 3)]
    reveals.append({"what": "losses", "to": ["lender"], "values": 2})
    text = said(capsys, [stage(step="glm", reveals=reveals)])
    assert (text.count("coefficients"), text.count("losses")) == (1, 1)
    assert "5" in next(line for line in text.splitlines() if "coefficients" in line)


def test_noise_of_totals_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    noise = {
        "unit": "record",
        "multiplier": 24.07,
        "clip": 2.0,
        "sampling": 0.5,
        "honest": 2,
        "colluding": 1,
        "contributors": 3,
    }
    totals = [{"times": 60, "noise": noise}, {"times": 1}]
    words = " ".join(said(capsys, [stage(step="fit", totals=totals)], learns={}).split())
    assert "Noise of differential privacy" in words
    assert "fit each record 24.07 2 0.5 60 2 of 3 1" in words
    assert "Noise" not in said(capsys, [stage(step="fit", totals=totals[1:])], learns={})


def test_a_plan_says_what_would_be_left_of_budgets(capsys: pytest.CaptureFixture[str]) -> None:
    one = {"owner": "east", "dataset": "loans", "unit": "record", "epsilon": 3, "delta": 1e-6}
    costs = [one | {"cost": 1.25, "together": 2.0}, one | {"dataset": "old", "cost": None, "together": None}]
    plan = {"job": "ab" * 16, "digest": "sha256:", "summary": SUMMARY, "privacy": costs}
    document = {"name": "score", "parties": ["east"], "dealer": None, "stages": []}
    print_plan(PlanView.model_validate(plan | {"document": document}))
    words = " ".join(capsys.readouterr().out.split())
    assert "east/loans each record 1.25 1e-06 2 of 3 1" in words
    assert "east/old each record ? 1e-06 ? of 3 ?" in words
