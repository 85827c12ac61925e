"""Lookups between real nodes: prepared, taken in, asked one by one and many at once, counted, refused."""

from __future__ import annotations

import asyncio
import io
import secrets
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from coterie.cli import main
from coterie.errors import CoterieError
from coterie.node import AgreementView, LookupTableView
from coterie.node.messages import LookupAnswer, LookupQuestion
from coterie.psi import Question, peek_table
from tests.node.conftest import COMMON, ROWS, Daemon, Trio, refused
from tests.node.own_lookups import copied, started
from tests.node.test_hostile_peers import ask

NAME = "behaviour"


def agreed(trio: Trio, max_ids: int = 1000, per_minute: int = 500) -> AgreementView:
    """The lender may look ids up in the platform's table."""
    lookups = (
        f"{{dataset: {NAME}, owner: payments, to: [lender], max_ids: {max_ids}, per_minute: {per_minute}}}"
    )
    draft = trio.lender.client.draft_agreement(f"{trio.terms()}\nlookups: [{lookups}]")
    trio.lender.client.offer_agreement(draft.id)
    trio.lender.client.sign_agreement(draft.id)
    return trio.payments.client.sign_agreement(draft.id)


def prepared(daemon: Daemon, agreement: str) -> LookupTableView:
    """The own table, once it is there."""
    table = daemon.client.prepare_lookups(agreement, NAME).table
    deadline = time.monotonic() + 20
    while True:
        view = next(one for one in daemon.client.lookup_tables() if one.table == table)
        if view.state == "ready":
            return view
        assert view.state == "preparing", view
        assert time.monotonic() < deadline, view
        time.sleep(0.02)


def ready(trio: Trio, **limits: int) -> str:
    """An agreement whose table is prepared and taken in."""
    agreement = agreed(trio, **limits)
    made = prepared(trio.payments, agreement.id)
    taken = trio.lender.client.add_lookup_table(Path(str(made.path)))
    assert (taken.table, taken.entries, taken.owner) == (made.table, ROWS, "payments")
    return agreement.id


@dataclass
class Lookups:
    trio: Trio
    agreement: str

    def held(self, *ids: str) -> list[bool]:
        return list(self.trio.lender.client.look_up(self.agreement, NAME, ids).held)

    @property
    def asked(self) -> int:
        """As the owner has counted."""
        tables = self.trio.payments.client.lookup_tables()
        return next(one.asked["lender"] for one in tables if one.agreement == self.agreement)


@pytest.fixture(scope="module")
def lookups(trio: Trio) -> Lookups:
    return Lookups(trio, ready(trio))


def test_lookups_agree_with_sets(lookups: Lookups) -> None:
    """Whatever form the ids are written in."""
    own = {f"p{n:04d}" for n in range(ROWS - COMMON, ROWS + ROWS - COMMON)}
    asked = [f"p{n:04d}" for n in range(0, 400, 7)]
    before = lookups.asked
    assert lookups.held(*asked) == [one in own for one in asked]
    assert lookups.held(" P0100 ", "p0000", "ｐ０１００", "p0100") == [True, False, True, True]
    assert lookups.asked == before + len(asked) + 4


def test_one_id_is_one_question(lookups: Lookups) -> None:
    before = lookups.trio.lender.client.look_up(lookups.agreement, NAME, ["p0100"]).left
    after = lookups.trio.lender.client.look_up(lookups.agreement, NAME, ["p0101"])
    assert (after.held, after.left) == ((True,), int(before or 0) - 1)


def test_what_is_no_id_is_not_asked_for(lookups: Lookups) -> None:
    before = lookups.asked
    view = lookups.trio.lender.client.look_up(lookups.agreement, NAME, ["  "])
    assert (view.held, view.left) == ((False,), None)
    assert lookups.held("p0100", "") == [True, False]
    assert lookups.asked == before + 1
    with refused("CT-5093"):
        lookups.trio.lender.client.look_up(lookups.agreement, NAME, [("p0100", "1990")])


def test_the_ledger_bounds_what_was_asked(lookups: Lookups) -> None:
    lookups.held("p0100")
    entries = lookups.trio.payments.client.ledger(kind="lookup")
    mine = [one.body for one in entries if one.body["agreement"] == lookups.agreement]
    assert mine[0]["event"] == "prepared"
    asked = [one for one in mine if one["event"] == "asked"]
    assert asked
    assert asked[-1]["party"] == "lender"
    assert asked[-1]["before"] < lookups.asked <= asked[-1]["before"] + asked[-1]["at_most"]
    assert len({one["minute"] for one in asked}) == len(asked)


def test_no_id_is_written_down_anywhere(lookups: Lookups) -> None:
    canary = f"canary{secrets.token_hex(6)}"
    assert lookups.held(canary) == [False]
    with refused("CT-1638"):
        lookups.trio.lender.client.look_up(lookups.agreement, "customers", [canary])
    for daemon in (lookups.trio.lender, lookups.trio.payments):
        for path in daemon.home.rglob("*"):
            if path.is_file():
                assert canary.encode() not in path.read_bytes(), path


def test_only_parties_with_the_grant_may_ask(lookups: Lookups) -> None:
    trio = lookups.trio
    with refused("CT-1638"):
        trio.payments.client.look_up(lookups.agreement, NAME, ["p0100"])
    with refused("CT-1638"):
        trio.lender.client.prepare_lookups(lookups.agreement, "customers")
    plain = trio.agree()
    with refused("CT-1638"):
        trio.payments.client.prepare_lookups(plain.id, NAME)


def question(lookups: Lookups, **changes: object) -> LookupQuestion:
    table = next(
        one for one in lookups.trio.lender.client.lookup_tables() if one.agreement == lookups.agreement
    )
    points = Question.of(np.zeros((1, 32), np.uint8)).points.tobytes()
    fields = {"agreement": lookups.agreement, "dataset": NAME, "table": table.table, "points": points}
    return LookupQuestion.model_construct(**{**fields, **changes})  # type: ignore[arg-type]


def test_the_owner_answers_no_other_questions(lookups: Lookups) -> None:
    lender, payments, hub = lookups.trio.lender, lookups.trio.payments, lookups.trio.hub
    asked = ask(lender, payments, "lookup", question(lookups), LookupAnswer)
    assert (len(asked.answers), len(asked.proof)) == (32, 64)
    before = lookups.asked
    cases: list[tuple[str, Daemon, dict[str, object]]] = [
        ("CT-1638", hub, {}),
        ("CT-1638", lender, {"dataset": "customers"}),
        ("CT-5040", lender, {"agreement": "sha256:" + "00" * 32}),
        ("CT-5091", lender, {"table": "00" * 32}),
        ("CT-5092", lender, {"points": b""}),
        ("CT-5092", lender, {"points": bytes(33)}),
        ("CT-5092", lender, {"points": bytes(32 * 65536 - 1)}),
        ("CT-1204", lender, {"points": bytes(32 * 65537)}),
    ]
    for code, source, changes in cases:
        with refused(code):
            ask(source, payments, "lookup", question(lookups, **changes), LookupAnswer)
    assert lookups.asked == before
    with refused("CT-2003"):  # it counts: who asks for nonsense has asked
        ask(lender, payments, "lookup", question(lookups, points=bytes(32)), LookupAnswer)
    assert lookups.asked == before + 1


def test_a_table_of_another_agreement_gives_no_answers(lookups: Lookups) -> None:
    """Else one agreement's questions would be counted under another."""
    trio = lookups.trio
    other = Lookups(trio, ready(trio, max_ids=5))
    table = question(lookups).table
    with refused("CT-5091"):
        ask(trio.lender, trio.payments, "lookup", question(other, table=table), LookupAnswer)
    assert other.held("p0100") == [True]
    assert lookups.held("p0100") == [True]


def test_limits_hold_over_restarts_and_at_once(trio: Trio, tmp_path: Path) -> None:
    one = Lookups(trio, ready(trio, max_ids=9, per_minute=9))
    assert one.held("p0100", "p0101", "p0102") == [True] * 3
    with refused("CT-1639"):
        one.held(*["p0100"] * 7)
    assert one.asked == 3
    asked = question(one)

    async def restarted(ids: int) -> int | None:
        async with started(home) as owner:
            points = asked.model_copy(update={"points": asked.points * ids})
            return (await owner.answer("lender", points)).left

    home = copied(trio.payments, tmp_path)
    assert asyncio.run(restarted(2)) == 4
    with refused("CT-1639"):
        asyncio.run(restarted(5))
    assert asyncio.run(restarted(4)) == 0

    def asking(_number: int) -> str:
        try:
            return str(one.held("p0100")[0])
        except CoterieError as error:
            return error.code

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(asking, range(10)))
    assert sorted(answers) == ["CT-1639"] * 4 + ["True"] * 6
    assert one.asked == 9


def test_a_minute_has_its_limit(trio: Trio) -> None:
    one = Lookups(trio, ready(trio, max_ids=1000, per_minute=2))
    with refused("CT-1640"):
        one.held("p0100", "p0101", "p0102")
    assert one.held("p0100", "p0101") == [True, True]


def test_a_new_table_takes_the_place_of_the_old(trio: Trio, tmp_path: Path) -> None:
    agreement = ready(trio)
    one = Lookups(trio, agreement)
    first = question(one).table
    assert one.held("p0100") == [True]
    made = prepared(trio.payments, agreement)
    assert made.table != first
    with refused("CT-5091"):
        one.held("p0100")
    trio.lender.client.add_lookup_table(Path(str(made.path)))
    assert one.held("p0100", "p0001") == [True, False]
    tables = [view for view in trio.lender.client.lookup_tables() if view.agreement == agreement]
    assert [view.table for view in tables] == [made.table]
    # What was deleted answers nobody; what was removed here is asked no more.
    shutil.copy(str(made.path), kept := tmp_path / "kept")
    trio.payments.client.remove_lookup_table(agreement, NAME)
    with refused("CT-5090"):
        one.held("p0100")
    assert not list((trio.payments.home / "lookups" / "own").glob(f"{made.table}*"))
    trio.lender.client.remove_lookup_table(agreement, NAME)
    with refused("CT-5090"):
        one.held("p0100")
    with refused("CT-5090"):
        trio.lender.client.remove_lookup_table(agreement, NAME)
    assert peek_table(kept).table == made.table


def test_a_table_for_nobody_here_is_not_taken_in(trio: Trio, tmp_path: Path) -> None:
    made = prepared(trio.payments, agreed(trio).id)
    assert made.path is not None
    with refused("CT-1638"):
        trio.payments.client.add_lookup_table(Path(made.path))
    broken = tmp_path / "broken"
    broken.write_bytes(Path(made.path).read_bytes()[:-100])
    with refused("CT-2031"):
        trio.lender.client.add_lookup_table(broken)
    with refused("CT-1638"):
        trio.hub.client.add_lookup_table(Path(made.path))


def test_a_revoked_agreement_gives_no_answers(trio: Trio) -> None:
    one = Lookups(trio, ready(trio))
    asked = question(one)
    trio.payments.client.revoke_agreement(one.agreement, "over")
    for call in (
        lambda: one.held("p0100"),
        lambda: ask(trio.lender, trio.payments, "lookup", asked, LookupAnswer),
        lambda: trio.payments.client.prepare_lookups(one.agreement, NAME),
    ):
        with refused("CT-1622"):
            call()


def test_the_command_line(
    lookups: Lookups, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ids come by standard input, and go out as CSV."""
    lender, agreement = ["--home", str(lookups.trio.lender.home)], lookups.agreement
    payments = ["--home", str(lookups.trio.payments.home)]
    command = [sys.executable, "-c", "import sys; from coterie.cli import main; sys.exit(main())"]
    command += [*lender, "lookup", "ask", agreement, NAME]
    asked = subprocess.run(command, input="p0100\nP0001\n", capture_output=True, text=True, check=False)
    assert (asked.returncode, asked.stdout) == (0, "p0100,1\nP0001,0\n")
    assert "1 of 2 ids are held" in asked.stderr
    # One process is enough to see that they are commands.
    monkeypatch.setattr("sys.stdin", io.StringIO("\n"))

    def typed(status: str, *words: str) -> str:
        with pytest.raises(SystemExit, match=f"^{status}$"):
            main([*words])
        said = capsys.readouterr()
        return said.out + said.err

    assert "CT-6005" in typed("1", *lender, "lookup", "ask", agreement, NAME)
    assert "lender" in typed("0", *payments, "lookup", "list")
    ledger = typed("0", *payments, "ledger", "list", "--kind", "lookup")
    assert "lender asks behaviour" in " ".join(ledger.split())
