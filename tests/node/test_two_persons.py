"""Agreements that ask for two people's yes: at the party that approves, in its ledger, and to its peers."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest

from coterie.client import Client
from coterie.ledger import verify
from coterie.node import ApprovalView, JobView
from tests.cli.conftest import call
from tests.node.conftest import Daemon, Trio, ended, refused

PASSWORD = "correct horse battery"
As = Callable[[str], Client]


@pytest.fixture(scope="module")
def people(trio: Trio) -> Iterator[As]:
    """At ``payments``: stewards, one of whom submits jobs, too, and one whose role is taken away."""
    node = trio.payments.client
    fingerprint = node.identity().api_fingerprint
    with contextlib.ExitStack() as stack:
        clients = {}
        for name, roles in {"xu": ["steward"], "yan": ["steward"], "zhou": ["analyst", "steward"]}.items():
            node.add_user(name, roles, PASSWORD)  # type: ignore[arg-type]
            secret = node.sign_in(name, PASSWORD).secret
            clients[name] = stack.enter_context(Client(node.url, secret, fingerprint))
        yield clients.__getitem__


def waits_for(job: JobView, party: str) -> ApprovalView:
    return next(one for one in job.approvals if one.party == party)


def said_yes(daemon: Daemon, matter: str) -> list[tuple[str, int]]:
    entries = daemon.client.ledger(kind="consent")
    return [(e.body["by"], e.body["of"]) for e in entries if e.body["matter"] == matter]


def test_two_of_a_party_sign_and_approve(trio: Trio, people: As) -> None:
    lender, payments = trio.lender.client, trio.payments.client
    draft = lender.draft_agreement(trio.terms(approval="{lender: automatic, payments: two-persons}"))
    lender.offer_agreement(draft.id)
    lender.sign_agreement(draft.id)
    with refused("CT-5127"):
        payments.sign_agreement(draft.id)
    view = people("xu").sign_agreement(draft.id)
    assert (view.state, view.persons, view.signed_by) == ("offered", ("xu",), ("lender",))
    with refused("CT-5128"):
        people("xu").sign_agreement(draft.id)
    agreement = people("yan").sign_agreement(draft.id)
    assert (agreement.state, agreement.persons) == ("active", ("xu", "yan"))
    assert said_yes(trio.payments, f"agreement {agreement.id}") == [("user xu", 2), ("user yan", 2)]

    job = lender.submit(trio.job(agreement))
    told = waits_for(payments.job(job.id), "payments")
    assert (told.state, told.mode, told.persons) == ("waiting", "two-persons", 0)
    with refused("CT-5127"):
        payments.approve(job.id)
    told = waits_for(people("yan").approve(job.id), "payments")
    assert (told.state, told.persons) == ("waiting", 1)
    assert waits_for(lender.job(job.id), "payments").persons == 0, "peers hear of no single person"
    with refused("CT-5128"):
        people("yan").approve(job.id)
    shown = call("--home", str(trio.payments.home), "job", "status", job.id)
    assert "payments (one more person)" in shown.out
    people("xu").approve(job.id)
    assert ended(lender, job.id).state == "done"

    # What peers keep says how many, and not who.
    approval = lender.ledger(kind="approval", job=job.id)
    assert [e.body.get("persons", 1) for e in approval if e.body["party"] == "payments"] == [2]
    assert not {"xu", "yan"} & {
        word for e in lender.ledger() for word in str(e.body).replace("'", " ").split()
    }
    ledger = call("--home", str(trio.payments.home), "ledger", "list", "--kind", "consent")
    assert "user xu said yes to job" in " ".join(ledger.out.split())
    assert verify(trio.payments.home / "ledger").ok


def test_who_submits_or_lost_the_role_does_not_count(trio: Trio, people: As) -> None:
    lender, payments = trio.lender.client, trio.payments.client
    draft = lender.draft_agreement(trio.terms(approval="{lender: automatic, payments: two-persons}"))
    lender.offer_agreement(draft.id)
    lender.sign_agreement(draft.id)
    people("zhou").sign_agreement(draft.id)
    agreement = people("xu").sign_agreement(draft.id)

    job = people("zhou").submit(trio.job(agreement))
    with refused("CT-5129"):
        people("zhou").approve(job.id)
    people("yan").approve(job.id)
    payments.set_roles("yan", ["auditor"])
    # One who may approve no more has not approved: it takes somebody else.
    assert waits_for(people("xu").approve(job.id), "payments").state == "waiting"
    # The node forgets nothing of it when it stops.
    assert trio.payments.stop() == 0
    trio.payments.start()
    trio.payments.await_up()
    with refused("CT-5129"):
        people("zhou").approve(job.id)
    with refused("CT-5128"):
        people("xu").approve(job.id)
    assert payments.job(job.id).state == "proposed"
    # Where both have said yes, either's word ends the waiting: the node may have been killed in between.
    payments.set_roles("yan", ["steward"])
    assert waits_for(people("xu").approve(job.id), "payments").state == "approved"
    assert ended(lender, job.id).state == "done"
