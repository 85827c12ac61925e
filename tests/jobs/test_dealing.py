"""Jobs whose correlations are dealt before: planned, asked for, dealt, waited for, used once."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from coterie.crypto import Identity
from coterie.errors import CoterieError
from coterie.jobs import (
    CANCELLED,
    Derived,
    StageRequest,
    binding_of,
    deal_stage,
    derive_plan,
    derive_stage,
    parts_of,
    stage_file,
    validate_spec,
)
from coterie.jobs.differences import check_within
from coterie.mpc import Binding, TapeFile, peek
from coterie.mpc.errors import TAPE_USED

from .conftest import STEPS, Bench

Make = Callable[..., Bench]
PARTIES = ("lender", "payments")
Dealt = tuple[str, dict[str, Path]]


@dataclass
class Desk:
    """A dealer's desk, and the parties' folders for what it hands out."""

    bench: Bench
    identities: dict[str, Identity]
    given: dict[str, Path] = field(default_factory=dict)
    dealer: str = "hub"

    def find(self, party: str) -> Callable[[Binding], TapeFile | None]:
        def tape(binding: Binding) -> TapeFile | None:
            path = self.given.get(party)
            if path is None:
                return None
            return TapeFile.open(path, self.identities[party], self.identities[self.dealer].public)

        return tape

    def request(self, party: str = "lender", stage: int = 2, **changes: Any) -> StageRequest:
        """What a party asks for, once its job has come so far."""
        path = self.bench.folder / party / stage_file(stage)
        deadline = time.monotonic() + 30
        while not path.exists():
            assert time.monotonic() < deadline, "the stage does not come"
            time.sleep(0.02)
        ready = json.loads(path.read_text())
        return StageRequest.model_validate(
            {"proposal": self.bench.proposal, "approvals": (), **ready, **changes}
        )

    def derive(self, request: StageRequest) -> Derived:
        return derive_stage(request, self.bench.terms)

    def deal(
        self, derived: Derived, folder: str = "out", progress: Any = None
    ) -> tuple[str, dict[str, Path]]:
        publics = {name: self.identities[name].public for name in PARTIES}
        serial, paths = deal_stage(
            derived,
            self.identities[self.dealer],
            publics,
            self.bench.folder / folder,
            progress or (lambda step, done, total, what: None),
        )
        return serial, dict(zip(PARTIES, paths, strict=True))


@pytest.fixture(scope="module")
def identities(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Identity]:
    homes = tmp_path_factory.mktemp("homes")
    return {name: Identity.create(homes / name, name) for name in (*PARTIES, "hub")}


@pytest.fixture
def desk(bench: Make, identities: dict[str, Identity]) -> Desk:
    made = Desk(bench(correlations="tape"), identities)
    for name in PARTIES:
        made.bench.recorders[name].tapes = made.find(name)
    return made


@pytest.fixture
def running(desk: Desk) -> Any:
    """The job, in a thread of its own. Waits for its end."""
    thread = threading.Thread(target=desk.bench.run)
    thread.start()
    yield thread
    if thread.is_alive() and len(desk.given) < 2:
        for recorder in desk.bench.recorders.values():
            recorder.cancel_at, recorder.cancelled = "stage-2", CANCELLED("the test is over")
    thread.join(60)
    assert not thread.is_alive()


def test_a_job_waits_for_its_files_and_then_runs_without_a_dealer(desk: Desk, running: Any) -> None:
    request = desk.request()
    assert request == desk.request("payments")
    serial, paths = desk.deal(desk.derive(request))
    desk.given["payments"] = paths["payments"]
    time.sleep(0.5)  # the other party is still without
    assert running.is_alive()
    desk.given["lender"] = paths["lender"]
    running.join(60)
    assert not desk.bench.errors
    for name in PARTIES:
        recorder = desk.bench.recorders[name]
        assert set(recorder.waited) == {"waiting for the tape file of stage 2"}
        (used,) = recorder.bodies("tape")
        assert (used["event"], used["serial"], used["dealer"]) == ("used", serial, "hub")
        assert (used["job"], used["stage"], used["plan"]) == (request.proposal.job, 2, request.plan)
        assert used["size"] == paths[name].stat().st_size
        kinds = [kind for kind, _ in recorder.entries]
        assert kinds.index("tape") < kinds.index("egress", kinds.index("tape"))
        for body in recorder.bodies("egress"):
            assert body["sent"] == body["planned"]
            assert "hub" not in {*body["sent"], *body["received"]}
            assert body["rounds"]["used"] == body["rounds"]["planned"]
    assert not desk.bench.recorders["hub"].entries
    name, path = next(
        (n, p) for n, p in desk.bench.recorders["lender"].files.items() if n.endswith("metrics.json")
    )
    assert name.startswith("evaluate/")
    assert json.loads(path.read_text())["joint"]["auc"] > 0.75


def test_the_plan_says_who_deals_what_before(bench: Make) -> None:
    ahead, stream = (bench(correlations=kind) for kind in ("tape", "stream"))
    plans = [derive_plan(one.proposal, one.terms) for one in (ahead, stream)]
    assert [plan.participants for plan in plans] == [PARTIES, (*PARTIES, "hub")]
    assert [plan.dealer for plan in plans] == ["hub", "hub"]
    assert plans[0].to_document()["correlations"] == "tape"
    dealt, streamed = (plan.summary() for plan in plans)
    assert "hub" not in dealt["sent"]
    assert all("hub" not in to for to in dealt["sent"].values())
    assert streamed["dealt"] == {}
    # what is streamed beside corrections: seeds of two tapes, three comparisons of plans
    beside = 2 * 48 + 3 * 128
    assert dealt["dealt"]["payments"] == streamed["sent"]["hub"]["payments"] - beside
    assert dealt["dealt"]["lender"] == streamed["sent"]["hub"]["lender"] - beside
    assert dealt["rounds"] <= streamed["rounds"]
    assert dealt["learns"] == streamed["learns"]
    assert [step.step for step in plans[0].steps if step.tapes] == ["logistic", "evaluate"]
    assert not any(step.tapes for step in plans[1].steps)


def test_a_stage_may_not_need_more_than_was_approved(bench: Make) -> None:
    made = bench(correlations="tape")
    stage = derive_plan(made.proposal, made.terms).stages[-1]
    smaller = json.loads(made.proposal.model_dump_json())
    for facts in smaller["facts"].values():
        facts["rows"] //= 2
    limit = derive_plan(made.proposal.model_validate(smaller), made.terms).stages[-1]
    with pytest.raises(CoterieError, match="CT-4011"):
        check_within(stage, limit)
    check_within(limit, stage)


@pytest.mark.parametrize("correlations", ["tape", "never"])
def test_a_spec_names_a_way_that_there_is(correlations: str) -> None:
    spec = {"name": "x", "agreement": "y", "engine": "clear", "datasets": {"a": "b"}, "steps": ["align"]}
    with pytest.raises(CoterieError, match=r"CT-4001.*correlations"):
        validate_spec({**spec, "correlations": correlations})


# Requests


def test_the_dealer_derives_what_it_deals(desk: Desk, running: Any) -> None:
    request = desk.request()
    derived = desk.derive(request)
    assert derived.stage.digest == request.plan
    for changes, code in (
        ({"plan": "sha256:" + "00" * 32}, "CT-4010"),
        ({"stage": 3}, "CT-4010"),
        ({"facts": request.facts[:1]}, "CT-4010"),
        ({"facts": ({"rows.all": 299}, request.facts[1])}, "CT-4010"),
        ({"facts": ({"rows.all": 10**6}, request.facts[1])}, "CT-4011"),
        ({"facts": ({}, request.facts[1])}, "CT-4011"),
    ):
        with pytest.raises(CoterieError) as caught:
            desk.derive(request.model_copy(update=changes))
        assert caught.value.code in (code, "CT-4010", "CT-4011"), changes


def test_stages_that_need_nothing(desk: Desk) -> None:
    plan = derive_plan(desk.bench.proposal, desk.bench.terms)
    request = StageRequest(
        proposal=desk.bench.proposal, approvals=(), stage=0, plan=plan.stages[0].digest, facts=()
    )
    with pytest.raises(CoterieError, match="CT-4023"):
        desk.derive(request)
    assert parts_of(plan.stages[0], "lender") == []
    assert [part.step for part in parts_of(plan.stages[2], "payments")] == ["logistic", "evaluate"]


def test_a_dealing_that_is_ended_leaves_nothing(desk: Desk, running: Any) -> None:
    def progress(step: str, done: int, total: int, what: str) -> None:
        if step == "evaluate":
            raise CANCELLED("by the dealer")

    with pytest.raises(CoterieError, match="CT-4020"):
        desk.deal(desk.derive(desk.request()), "ended", progress)
    assert not list((desk.bench.folder / "ended").iterdir())


# Files that do not do


def ended(desk: Desk, running: Any) -> dict[str, str]:
    """Both files are there: the codes with which the job ends."""
    running.join(60)
    assert not running.is_alive()
    return {name: error.code for name, error in desk.bench.errors.items()}


def test_files_of_two_dealings(desk: Desk, running: Any) -> None:
    derived = desk.derive(desk.request())
    (_, one), (_, other) = desk.deal(derived, "one"), desk.deal(derived, "other")
    desk.given.update({"lender": one["lender"], "payments": other["payments"]})
    assert ended(desk, running) == dict.fromkeys(PARTIES, "CT-2148")


def test_the_file_of_another_job_is_not_burnt(desk: Desk, running: Any, bench: Make) -> None:
    derived = desk.derive(desk.request())
    other = replace(derived, approved=replace(derived.approved, job="ab" * 16))
    _, wrong = desk.deal(other, "wrong")
    assert peek(wrong["lender"]).job == "ab" * 16
    _, right = desk.deal(derived, "right")
    desk.given.update({"lender": wrong["lender"], "payments": right["payments"]})
    assert ended(desk, running) == dict.fromkeys(PARTIES, "CT-2144")
    assert not desk.bench.recorders["lender"].bodies("tape")


def test_a_file_that_was_used_ends_the_job_before_a_mask_is_used(desk: Desk, running: Any) -> None:
    recorder = desk.bench.recorders["lender"]
    write = recorder.ledger

    def ledger(kind: str, body: Any) -> None:
        if kind == "tape":
            raise TAPE_USED(body["serial"])
        write(kind, body)

    recorder.ledger = ledger  # type: ignore[method-assign]
    _, paths = desk.deal(desk.derive(desk.request()))
    desk.given.update(paths)
    assert ended(desk, running) == dict.fromkeys(PARTIES, "CT-2147")
    sent = [body for body in recorder.bodies("egress") if body["step"] == "logistic"]
    assert not sent


def test_a_job_that_waits_can_be_cancelled_and_hears_of_its_peers(desk: Desk, running: Any) -> None:
    desk.request()
    recorder = desk.bench.recorders["lender"]
    recorder.cancel_at, recorder.cancelled = "stage-2", CANCELLED("enough")
    assert ended(desk, running) == dict.fromkeys(PARTIES, "CT-4020")
    assert desk.bench.recorders["payments"].waited


def test_bindings_name_job_stage_and_plan(desk: Desk) -> None:
    plan = derive_plan(desk.bench.proposal, desk.bench.terms)
    assert binding_of(plan.job, plan.stages[2]) == Binding(
        job=desk.bench.proposal.job, stage=2, plan=plan.stages[2].digest
    )
    assert len(STEPS) == 6
