"""Every command of the tutorial works as it is written, and prints what a person can read."""

from __future__ import annotations

import re

import pytest

from tests.cli.walk import TUTORIAL, Ran, Walk, commands
from tests.images import why_not

FAILS = {"audit verify": 1, "no-such-job": 1}
"""What the tutorial says will fail: the altered ledger, the missing file."""

RAW = re.compile(
    r"\bNone\b|\bTrue\b|\bFalse\b|Traceback|PosixPath|\[Errno|<class |\b[A-Z]\w+Error\b|\{'|\('|\['|\\x|\\u"
)
"""How Python writes values and failures."""

WHOLE_DIGEST = re.compile(r"[0-9a-f]{64}")
COMPARED = ("init", "peer", "node show", "audit verify", "agreement show")
"""Commands that print what a person compares, from its first character to its last."""

WIDTH = 100


def expected(one: Ran) -> int:
    if one.command.endswith("/altered") and "verify" in one.command:
        return 1
    return FAILS["no-such-job"] if "no-such-job" in one.command else 0


def test_every_command_works_as_it_is_written(walk: Walk) -> None:
    assert [(one.command, one.status) for one in walk.ran] == [
        (one.command, expected(one)) for one in walk.ran
    ]
    everything = commands(TUTORIAL.read_text(encoding="utf-8"))
    assert len(everything) == len(walk.ran) + len(walk.left_out) + len(walk.daemons) + 1
    assert len(walk.daemons) == 3


def test_nothing_that_python_alone_can_read(walk: Walk) -> None:
    for one in walk.ran:
        if not one.command.startswith("cat "):
            assert not RAW.search(one.out + one.err), one


def test_lines_fit_a_terminal(walk: Walk) -> None:
    for one in walk.ran:
        if not one.command.startswith("cat "):
            long = [line for line in (one.out + one.err).splitlines() if len(line) > WIDTH]
            assert not long, one.command


def test_long_digests_are_shown_where_people_compare_them(walk: Walk) -> None:
    for one in walk.ran:
        if WHOLE_DIGEST.search(one.out):
            assert any(words in one.command for words in COMPARED), one


def test_both_sides_see_the_same_fingerprint(walk: Walk) -> None:
    shown = [walk.run(line) for line in ("payments node show", "lender peer show payments")]
    first, second = (set(re.findall(r"fingerprint +(sha256:[0-9a-f]{64})", one.out)) for one in shown)
    assert first == second
    assert len(first) == 1


def test_what_comes_next_is_said(walk: Walk) -> None:
    assert f"coterie --home {walk.home('hub')} hub start" in walk.of("hub init").out
    assert f"coterie --home {walk.home('lender')} node start" in walk.of("--name lender").out
    assert "coterie agreement offer credit-2026" in walk.of("agreement draft").out
    assert "coterie agreement sign credit-2026" in walk.of("agreement offer").out


def test_the_doctor_finds_all_in_order(walk: Walk) -> None:
    assert "Everything is in order." in walk.of("doctor").out


def test_the_agreement_names_all_that_is_signed(walk: Walk) -> None:
    shown = " ".join(walk.of("agreement show").out.split())
    for words in (
        "age, NumberOfDependents",
        "DebtRatio",
        "split: test from 0.2 up to 0.5",
        "logistic: l2 from 0 up to 1; max_logit 10 or 20; passes from 1 up to 100",
        "boosting: learning_rate from 0.01 up to 1; max_depth from 1 up to 8; rounds from 1 up to 500",
        "attested runs at hub, on sim, swtpm; any machine SIMULATED platforms count",
        "scores to lender",
        "at least 1,000 common rows",
    ):
        assert words in shown


def test_the_plan_tells_steps_bytes_and_who_learns_what(walk: Walk) -> None:
    plan = walk.of("job plan examples/credit_score/job.yaml").out
    for step in ("align", "split", "fill", "standardize", "logistic", "evaluate", "report"):
        assert re.search(rf"^{step} ", plan, re.MULTILINE)
    assert "the score of each row" in plan
    assert "What the programs disclose" in plan
    assert re.search(r"^hub +payments +≤", plan, re.MULTILINE)


@pytest.fixture
def attested(walk: Walk) -> Walk:
    """The walk, where its job in a TEE was run."""
    if (reason := why_not()) is not None:
        pytest.skip(reason)
    return walk


def test_the_plan_in_a_tee_says_where_it_runs_and_that_it_is_simulated(attested: Walk) -> None:
    plan = attested.of("job plan examples/credit_score/job-tee.yaml").out
    for step in ("stage-upload", "stage-release", "boosting", "evaluate-boosting", "stage-results"):
        assert re.search(rf"^{step} ", plan, re.MULTILINE)
    words = " ".join(plan.split())
    assert "The steps run at hub" in words
    assert "that is SIMULATED (sim, swtpm): it proves nothing of the machine" in words
    assert re.search(r"^hub +nothing; it sees ciphertext", plan, re.MULTILINE)


def test_the_attested_job_gives_both_models_and_a_record_that_holds(attested: Walk) -> None:
    lines = attested.of("job-tee.yaml --follow").out
    assert "joint credit score in a SIMULATED TEE   done" in lines
    folder = attested.folder / "results-tee"
    for name in ("logistic/logistic.model", "boosting/boosting.model", "boosting/boosting.importance.json"):
        assert (folder / name).stat().st_size
    page = (folder / "report" / "report.html").read_text(encoding="utf-8")
    assert "SIMULATED" in page
    assert page.count("How good the score of") == 2 * 2  # heading and contents, of both models
    assert "on sim, SIMULATED" in attested.of("--kind release").out
    audited = attested.of("results-tee/run/record.json").out
    assert "SIMULATED, proves nothing of the machine" in audited
    for party in ("lender", "payments"):
        assert re.search(rf"ok +release of {party}", audited)


def test_following_shows_every_party_to_the_end(walk: Walk) -> None:
    lines = walk.of("job.yaml --follow").out.splitlines()
    for party in ("lender", "payments", "hub"):
        states = [line.split()[2] for line in lines if re.match(rf"\d\d:\d\d:\d\d  {party} ", line)]
        assert states[-1] == "done"
        assert "running" in states
    assert any("joint credit score   done" in line for line in lines)
    assert any("countersigned by   payments, hub" in line for line in lines)


def test_results_are_downloaded_and_go_to_their_receivers(walk: Walk) -> None:
    report = walk.folder / "results" / "report" / "report.html"
    assert "<svg" in report.read_text(encoding="utf-8")
    chinese = (walk.folder / "report.zh.html").read_text(encoding="utf-8")
    assert '<html lang="zh-CN" data-lang="zh"' in chinese
    theirs = walk.of("payments job results").out
    assert "logistic.model" in theirs
    assert "scores" not in theirs


def test_the_ledger_speaks_sentences(walk: Walk) -> None:
    assert "lender learned the score of each row" in " ".join(walk.of("--kind reveal").out.split())
    egress = walk.of("--kind egress").out
    assert egress.count("as planned") + egress.count("planned;") >= 9
    assert "planned " not in egress.replace("as planned", "")


@pytest.mark.parametrize("words", ["in order", "hub, up to entry", "payments, up to entry"])
def test_the_audit_says_who_countersigned(walk: Walk, words: str) -> None:
    assert words in walk.of("--peer").out


def test_the_audit_finds_the_altered_entries(walk: Walk) -> None:
    (found,) = [one for one in walk.ran if one.command.endswith("/altered") and "verify" in one.command]
    assert "NOT in order" in found.out
    altered, whole = (
        (walk.folder / name / "ledger.jsonl").read_text().splitlines()
        for name in ("altered", "lender/ledger")
    )
    pairs = enumerate(zip(altered, whole, strict=False), 1)  # the ledger goes on
    lines = [number for number, (one, other) in pairs if one != other]
    assert lines
    assert [int(number) for number in re.findall(r"^ +\d+ +(\d+) +changed", found.out, re.MULTILINE)] == lines
