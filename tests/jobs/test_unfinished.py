"""A long step that broke off goes on in the run of the same job; only there less is sent than planned."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from coterie import psi
from coterie.errors import CoterieError
from coterie.jobs import Assignment, Unfinished, derive_plan, new_job_id, unfinished_steps
from coterie.jobs.accounts import Accounts
from coterie.jobs.errors import CANCELLED
from coterie.jobs.journal import Journal
from coterie.learn import StepPlan
from coterie.wire import local_meshes

from .banks import BANKS
from .banks import make_bench as banks_bench
from .conftest import Bench, Recorder, make_bench

Make = Callable[..., Bench]
PARTIES = ("lender", "payments")


@pytest.fixture
def buckets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sets of some hundred rows in several buckets, as those of millions are."""
    choose = psi.choose

    def smaller(*given: Any, **more: Any) -> tuple[psi.Method, str]:
        method, why = choose(*given, **{**more, "wanted": "oprf"})
        return replace(method, bucket_rows=100), why

    monkeypatch.setattr(psi, "choose", smaller)


@pytest.fixture
def made(tmp_path: Path, buckets: None) -> Bench:
    results = [{"kind": "common_ids", "to": list(PARTIES)}]
    return make_bench(tmp_path, steps=["align"], results=results)


def again(made: Bench, break_at: float | None = None, party: str = "payments") -> dict[str, CoterieError]:
    """Submit the job once more. Cancelled at ``party``, when it has done that part of its rows.

    :returns: what ended it, by participant.
    """
    made.proposal = made.proposal.model_copy(update={"job": new_job_id()})
    made.recorders = {name: Recorder() for name in made.recorders}
    made.errors = {}

    def progress(step: str, done: int, total: int, what: str, *, unit: str | None = None) -> None:
        if break_at is not None and unit == "rows" and done >= break_at * total:
            raise CANCELLED("by the operator")

    made.recorders[party].progress = progress  # type: ignore[method-assign]

    def keeping(name: str, assignment: Assignment) -> Assignment:
        shutil.rmtree(assignment.directory, ignore_errors=True)
        return assignment.model_copy(update={"unfinished": made.folder / "kept" / name})

    made.run(keeping)
    return made.errors


def kept(made: Bench) -> dict[str, list[Path]]:
    return {name: sorted((made.folder / "kept" / name).glob("*")) for name in PARTIES}


def traffic(made: Bench, name: str) -> dict[str, Any]:
    return next(body for body in made.recorders[name].bodies("egress") if body["step"] == "align")


def common(made: Bench) -> list[str]:
    return made.recorders["lender"].files["align/common_ids.csv"].read_text().split()


def test_a_cancelled_job_goes_on_where_it_broke_off(made: Bench) -> None:
    assert not again(made)
    whole, wanted = traffic(made, "lender"), common(made)
    assert "resumed" not in whole
    assert whole["sent"] == whole["planned"]
    assert kept(made) == {"lender": [], "payments": []}

    assert {one.code for one in again(made, break_at=0.7).values()} == {"CT-4020"}
    (name,) = [name for _, name in unfinished_steps(made.proposal)]
    for party, files in kept(made).items():
        assert [path.name for path in files] == [name], party
        assert files[0].stat().st_mode & 0o777 == 0o600
        assert files[0].parent.stat().st_mode & 0o777 == 0o700

    assert not again(made), made.errors
    assert common(made) == wanted
    assert kept(made) == {"lender": [], "payments": []}
    for party in (*PARTIES, "hub"):  # the hub deals, and deals less
        body = traffic(made, party)
        assert body["resumed"] is True
        assert sum(body["sent"].values()) < sum(body["planned"].values()), party
        assert body["rounds"]["used"] <= body["rounds"]["planned"]


def test_it_may_break_off_again_and_at_the_other_party(made: Bench) -> None:
    assert again(made, break_at=0.4)
    sizes = [files[0].stat().st_size for files in kept(made).values()]
    assert again(made, break_at=0.8, party="lender")
    assert all(files[0].stat().st_size > size for files, size in zip(kept(made).values(), sizes, strict=True))
    assert not again(made)
    fewer = sum(traffic(made, "lender")["sent"].values())
    assert fewer < sum(traffic(made, "lender")["planned"].values()) / 2


def test_where_the_last_record_is_torn_the_ones_before_it_count(made: Bench) -> None:
    assert again(made, break_at=0.7)
    path = kept(made)["payments"][0]
    path.write_bytes(path.read_bytes()[:-7])
    assert not again(made)
    body = traffic(made, "lender")
    assert body["resumed"] is True
    assert sum(body["sent"].values()) < sum(body["planned"].values())


@pytest.mark.parametrize("damage", ["removed", "of another run", "head"])
def test_where_one_party_has_nothing_it_begins_anew(made: Bench, damage: str) -> None:
    assert again(made, break_at=0.7)
    path = kept(made)["payments"][0]
    if damage == "removed":
        path.unlink()
    elif damage == "head":
        path.write_bytes(bytes(20) + path.read_bytes()[20:])
    else:
        (other,) = kept(made)["lender"]
        first = other.read_bytes()
        other.unlink()
        assert again(made, break_at=0.7)
        other.write_bytes(first)
    assert not again(made)
    for party in (*PARTIES, "hub"):
        assert traffic(made, party)["sent"] == traffic(made, party)["planned"]
        assert "resumed" not in traffic(made, party)
    assert kept(made) == {"lender": [], "payments": []}


def test_a_training_by_rounds_goes_on_after_the_last_round_that_all_have_kept(tmp_path: Path) -> None:
    network = {"hidden": [2], "rounds": 6, "early_stopping": None}
    made = banks_bench(tmp_path, job={"steps": ["stack", "standardize", {"neural": network}]})

    def model_after(break_at: int | None) -> bytes | None:
        made.proposal = made.proposal.model_copy(update={"job": new_job_id()})
        made.recorders = {name: Recorder() for name in made.recorders}
        made.errors = {}

        def progress(step: str, done: int, total: int, what: str, *, unit: str | None = None) -> None:
            if unit == "rounds" and done == break_at:
                raise CANCELLED("by the operator")

        made.recorders["west"].progress = progress  # type: ignore[method-assign]

        def keeping(name: str, assignment: Assignment) -> Assignment:
            shutil.rmtree(assignment.directory, ignore_errors=True)
            return assignment.model_copy(update={"unfinished": made.folder / "kept" / name})

        made.run(keeping)
        if made.errors:
            assert {one.code for one in made.errors.values()} == {"CT-4020"}
            return None
        return made.recorders["east"].files["neural/neural.model"].read_bytes()

    whole = model_after(None)
    assert whole is not None
    assert model_after(4) is None
    assert model_after(None) == whole
    for name in BANKS:
        (body,) = [one for one in made.recorders[name].bodies("egress") if one["step"] == "neural"]
        assert body["resumed"] is True
        assert sum(body["sent"].values()) < sum(body["planned"].values())
    assert not any(path.is_file() for path in (made.folder / "kept").rglob("*"))


def test_other_data_parameters_or_terms_have_files_of_their_own(made: Bench) -> None:
    def name(**changes: Any) -> str:
        ((step, found),) = unfinished_steps(made.proposal.model_copy(update=changes))
        assert step == "align"
        return found

    facts, spec = made.proposal.facts, made.proposal.spec
    more = {**facts, "lender": facts["lender"].model_copy(update={"rows": facts["lender"].rows + 1})}
    left = spec.steps[0].model_copy(update={"params": {"join": "left"}})
    others = [
        name(facts=more),
        name(agreement="sha256:" + "0" * 64),
        name(spec=spec.model_copy(update={"steps": (left,)})),
    ]
    assert len({name(), *others}) == 4
    assert name(job=new_job_id(), initiator="payments") == name()
    longer = spec.model_copy(update={"steps": (*spec.steps, spec.steps[0])})
    first = next(unfinished_steps(made.proposal.model_copy(update={"spec": longer})))
    assert first == ("align", name())
    assert not list(
        unfinished_steps(
            made.proposal.model_copy(update={"spec": spec.model_copy(update={"engine": "clear"})})
        )
    )


def test_a_disk_that_takes_nothing_does_not_end_the_job(
    made: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    (made.folder / "kept").write_text("a file, where a folder should be")
    assert not again(made)
    assert "cannot be kept" in caplog.text


def test_what_is_too_large_or_not_there_is_nothing(tmp_path: Path) -> None:
    found: list[None] = []
    place = Unfinished(tmp_path / "a" / "b", 10, lambda: found.append(None))
    assert place.load() is None
    place.save(bytes(2 << 20))
    assert place.load() is None
    place.add(b"nothing was saved that this could follow")
    assert place.load() is None
    place.save(b"st")
    place.add(b"ate")
    assert place.load() == b"state"
    place.add(bytes(2 << 20))
    assert place.load() == b"state"
    place.clear()  # the job is not done yet
    assert place.load() == b"state"
    assert not found
    place.used()
    assert found
    (tmp_path / "a" / "b").write_bytes(bytes(2 << 20))
    assert place.load() is None
    place.remove()
    place.remove()
    assert not (tmp_path / "a" / "b").exists()


def test_what_cannot_be_added_is_said_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    place = Unfinished(tmp_path / "kept", 10, lambda: None)
    place.save(b"head")
    (tmp_path / "kept").unlink()
    for _ in range(2):
        place.add(b"record")
        place.save(b"head")
    assert not (tmp_path / "kept").exists(), "no record without a head, and nothing behind a part of one"
    assert caplog.text.count("cannot be kept") == 1


@pytest.mark.parametrize("goes_on", [False, True])
def test_only_what_goes_on_may_send_less(tmp_path: Path, goes_on: bool) -> None:
    mesh, _ = local_meshes(["a", "b"]).values()
    recorder = Recorder()
    accounts = Accounts("ab" * 16, "a", mesh, recorder, Journal(tmp_path / "journal"))

    def step(name: str, less: bool) -> None:
        with accounts.accounted(StepPlan(name, "align", {}, sent={"a": {"b": 10}}, rounds={"a": 0})):
            if less:
                accounts.goes_on()
            mesh.to("b").send_bytes("x", bytes(7))

    if not goes_on:
        with pytest.raises(CoterieError, match="CT-4013"):
            step("one", less=False)
        return
    step("one", less=True)
    with pytest.raises(CoterieError, match="CT-4013"):
        step("two", less=False)
    assert [body.get("resumed") for body in recorder.bodies("egress")] == [True, None]


def test_the_plan_is_that_of_a_whole_run(made: Bench) -> None:
    assert again(made, break_at=0.7)
    plan = derive_plan(made.proposal, made.terms)
    shutil.rmtree(made.folder / "kept")
    assert derive_plan(made.proposal, made.terms).digest == plan.digest
