"""What an owner's releaser refuses although a host has put it together well: other columns than granted,
more runs than all owners allow together, simulated platforms that an agreement counts and a node does not.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from coterie.crypto import Identity, timestamp
from coterie.errors import CoterieError
from coterie.tee.documents.exchange import ReleaseRequest
from coterie.tee.documents.manifest import JobManifest
from coterie.tee.evidence.attest.sim import SimAttester
from coterie.tee.evidence.roots import Roots
from coterie.tee.release.case import Case
from coterie.tee.release.releaser import Releaser
from tests.tee.joint import DRAFT, MEASUREMENT, NOW, Runner, World, resigned


def refusal(call: Callable[..., object], *arguments: Any) -> CoterieError:
    with pytest.raises(CoterieError) as caught:
        call(*arguments)
    return caught.value


def ask(world: World, releaser: Releaser, runner: Runner) -> Any:
    binding = runner.binding(releaser.challenge(runner.case.job).nonce)
    evidence = runner.attester.quote(binding.report_data())
    return releaser.release(ReleaseRequest(binding=binding, evidence=evidence))


def with_columns(world: World, owner: str, columns: list[str]) -> JobManifest:
    """The job, on other columns of one owner."""
    fields = json.loads(world.manifest.to_bytes())
    for dataset in fields["datasets"]:
        if dataset["owner"] == owner:
            dataset["columns"] = columns
    return JobManifest.model_validate(fields)


@pytest.mark.parametrize("columns", [("income",), ("age",)])
def test_a_grant_for_another_column(world: World, columns: tuple[str, ...]) -> None:
    """The job takes age and income: a grant that has one of them alone is for another job."""
    narrow = resigned(world.grants["lender"], world.who["lender"], columns=columns)
    error = refusal(world.releaser.admit, world.case_of(lender=narrow))
    assert error.code == "CT-2275"
    missing = ({"age", "income"} - set(columns)).pop()
    assert f"column '{missing}' of lender/loans" in error.detail
    assert not list(world.ledgers["lender"].entries("release"))


def test_a_job_that_takes_a_column_more_under_the_partners_grant(world: World) -> None:
    """The host edits the job behind the grants: they name its digest, and reusable ones name columns."""
    world.manifest = with_columns(world, "payments", ["balance", "spend"])
    error = refusal(world.releaser.admit, world.case_of())
    assert (error.code, "it is for another job" in error.detail) == ("CT-2275", True)
    reusable = {
        name: resigned(world.grant(name, reusable=True), world.who[name], columns=columns)
        for name, columns in (("lender", ("age", "income")), ("payments", ("spend",)))
    }
    error = refusal(world.releaser.admit, world.case_of(**reusable))
    assert (error.code, "column 'balance' of payments/accounts" in error.detail) == ("CT-2275", True)


def test_a_column_that_the_terms_do_not_have(world: World) -> None:
    """Though its owner granted it: what was agreed is the bound for everybody."""
    world.manifest = with_columns(world, "payments", ["note", "spend"])
    grants = {}
    for name in ("lender", "payments"):
        columns = ("note", "spend") if name == "payments" else world.grants[name].columns
        changes = {"manifest": world.manifest.digest, "columns": columns}
        grants[name] = resigned(world.grants[name], world.who[name], **changes)
    error = refusal(world.releaser.admit, world.case_of(**grants))
    assert (error.code, "column 'note'" in error.detail) == ("CT-2276", True)


def test_a_partners_grant_with_fewer_runs_is_everybodys_bound(world: World) -> None:
    once = resigned(world.grants["payments"], world.who["payments"], max_runs=1)
    case = world.case_of(payments=once)
    world.releaser.admit(case)
    runner = Runner(case, world.attester)
    ask(world, world.releaser, runner)
    assert refusal(world.releaser.challenge, case.job).code == "CT-2280"


def test_a_grant_that_expires_between_challenge_and_release(world: World) -> None:
    soon = resigned(
        world.grants["payments"], world.who["payments"], expires=timestamp(NOW + timedelta(seconds=60))
    )
    case = world.case_of(payments=soon)
    world.releaser.admit(case)
    runner = Runner(case, world.attester)
    binding = runner.binding(world.releaser.challenge(case.job).nonce)
    world.clock.now += timedelta(seconds=60)
    request = ReleaseRequest(binding=binding, evidence=runner.attester.quote(binding.report_data()))
    error = refusal(world.releaser.release, request)
    assert (error.code, "the time" in error.detail) == ("CT-2275", True)
    assert not list(world.ledgers["lender"].entries("release"))


def test_evidence_for_another_owner_of_the_same_run(world: World) -> None:
    """What the runner showed to the partner, with the partner's nonce, is nothing to this one."""
    world.releaser.admit(world.case)
    runner = Runner(world.case, world.attester)
    nonce = world.releaser.challenge(world.case.job).nonce
    theirs = runner.binding(nonce, provider="payments")
    evidence = runner.attester.quote(theirs.report_data())
    for binding, code in ((theirs, "CT-2278"), (runner.binding(nonce), "CT-2245")):
        request = ReleaseRequest(binding=binding, evidence=evidence)
        assert refusal(world.releaser.release, request).code == code
    again = runner.binding(world.releaser.challenge(world.case.job).nonce)
    error = refusal(world.releaser.release, ReleaseRequest(binding=again, evidence=evidence))
    assert (error.code, "report data" in error.detail) == ("CT-2240", True)


class Counted:
    """A world whose agreement counts the simulation of one root, which no node has pinned itself."""

    def __init__(self, home: Path, who: dict[str, Identity]) -> None:
        own = SimAttester(home / "sim", MEASUREMENT)
        self.world = World(home, who, f'{DRAFT}  simulated_roots: ["{own.pin}"]\n')

    def runner(self, folder: str = "sim") -> Runner:
        world = self.world
        job = world.case.manifest.digest_bytes
        made = SimAttester(world.home / folder, MEASUREMENT, launch_bound=job, now=world.clock)
        return Runner(world.case, made)

    def releaser(self, roots: Roots) -> Releaser:
        made = self.world.restarted(roots=roots)
        made.admit(self.world.case)
        return made


def test_simulated_roots_of_the_terms_count_where_a_node_counts_any(
    tmp_path: Path, who: dict[str, Identity]
) -> None:
    counted = Counted(tmp_path, who)
    developing = counted.releaser(Roots(profile="development"))
    ask(counted.world, developing, counted.runner())
    assert refusal(ask, counted.world, developing, counted.runner("another")).code == "CT-2235"
    assert len(list(counted.world.ledgers["lender"].entries("release"))) == 1
    counted.world.close()


def test_under_production_no_terms_make_a_simulation_count(tmp_path: Path, who: dict[str, Identity]) -> None:
    counted = Counted(tmp_path, who)
    strict = counted.releaser(Roots())
    assert refusal(ask, counted.world, strict, counted.runner()).code == "CT-2233"
    assert not list(counted.world.ledgers["lender"].entries("release"))
    counted.world.close()


def test_a_case_is_told_by_its_job_and_not_by_its_name(world: World) -> None:
    """Two jobs of one id: the second is another manifest, and has no evidence of the first."""
    first = world.releaser.admit(world.case)
    runner = Runner(world.case, world.attester)
    binding = runner.binding(world.releaser.challenge(first).nonce)
    fields = json.loads(world.manifest.to_bytes())
    fields["steps"][1]["params"]["trees"] = 299
    world.manifest = JobManifest.model_validate(fields)
    world.grants = {name: world.grant(name) for name in ("lender", "payments")}
    second: Case = world.case_of()
    assert world.releaser.admit(second) != first
    moved = binding.model_copy(update={"job": second.job, "grants_root": second.grants_root})
    evidence = runner.attester.quote(moved.report_data())
    error = refusal(world.releaser.release, ReleaseRequest(binding=moved, evidence=evidence))
    assert (error.code, "another run" in error.detail) == ("CT-2245", True)
