"""A node that was killed while it proposed a job goes on with that when it is there again."""

from __future__ import annotations

import sqlite3

from tests.node.conftest import Trio, ended


def test_what_was_proposed_when_the_node_was_killed_is_proposed_anew(trio: Trio) -> None:
    agreement = trio.agree(approval="{lender: automatic, payments: person}")
    waiting = trio.lender.client.submit(trio.job(agreement))
    assert waiting.state == "proposed"
    trio.payments.client.job(waiting.id)
    assert trio.lender.process is not None
    trio.lender.process.kill()
    trio.lender.process.wait()
    # As if it had been killed before any answer came.
    with sqlite3.connect(trio.lender.home / "store.sqlite") as store:
        forget = "update approvals set state = 'waiting', time = null, document = null"
        assert store.execute(f"{forget} where job = ? and state = 'approved'", [waiting.id]).rowcount == 2
    store.close()
    trio.lender.start()
    trio.lender.await_up()
    trio.payments.client.approve(waiting.id)
    for daemon in trio.all:
        view = ended(daemon.client, waiting.id)
        assert (view.state, view.error) == ("done", None)
    plans = trio.payments.client.ledger(kind="plan", job=waiting.id)
    assert len([one for one in plans if "participants" in one.body]) == 1, "it was known there"
