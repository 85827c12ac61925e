"""A contributor whom the coordinator tells that its neighbours are gone, while these are told that it stays.

It masks its values with next to nobody, and its neighbours hold the shares of its own mask.
"""

from __future__ import annotations

import numpy as np
import pytest

from coterie.errors import CoterieError
from coterie.fl import Coordinator, Rules, statement
from coterie.fl.messages import Kind, listed
from coterie.fl.session import SIGNATURE
from tests.fl.group import client_of, names_of, session_of

COUNT = 41
"""The fewest of whom not all are neighbours."""


def test_shares_of_the_own_mask_are_not_given_of_who_was_told_other_sharers() -> None:
    session, names = session_of(COUNT, hidden=False), names_of(COUNT)
    rules, values = session.rules, np.ones(3)
    clients = {name: client_of(session, name, values) for name in names}
    honest = Coordinator(session)
    messages = {name: client.start() for name, client in clients.items()}
    sealed: dict[int, dict[int, bytes]] = {}
    for _ in range(3):
        for name, data in messages.items():
            honest.receive(name, data or b"")
        sealed = dict(honest._sealed)
        given = honest.advance()
        if given["c000"][0] != Kind.SEALED:
            messages = {name: clients[name].receive(data) for name, data in given.items()}  # type: ignore[misc]

    victim = min(range(COUNT), key=lambda place: len(honest._around[place]))
    around = honest._around[victim]
    may_drop = COUNT - rules.minimum
    gone = around[may_drop:]
    # Those of its neighbours who are not said to be gone later are said to be gone now, to the victim only.
    assert len(gone) < may_drop
    there = tuple(place for place in range(COUNT) if place not in around[:may_drop])
    forged = listed(Kind.SEALED, there, COUNT, *(sealed[one][victim] for one in around if one in there))
    masked = clients[names[victim]].receive(forged)
    assert masked is not None
    honest.receive(names[victim], masked)
    assert honest.faults[names[victim]].code == "CT-2412"

    signed = {}
    for place, name in enumerate(names):
        if place != victim and place not in gone:
            answer = clients[name].receive(given[name])
            assert answer is not None
            signed[place] = answer[-SIGNATURE:]
    signed[victim] = masked[-SIGNATURE:]
    refused = {}
    for place in set(signed) - {victim}:
        near = [signed[one] for one in honest._around[place] if one in signed]
        told = listed(Kind.SURVIVORS, tuple(sorted(signed)), COUNT, *near)
        try:
            clients[names[place]].receive(told)
        except CoterieError as error:
            refused[place] = error
    assert set(refused) == set(around[:may_drop])
    assert all(error.code == "CT-2412" and error.party == names[victim] for error in refused.values())


@pytest.mark.parametrize("count", range(3, 60))
def test_where_all_are_neighbours_lists_that_cut_off_are_too_short(count: int) -> None:
    """The victim's list has none of those who sign in the end, but colluders: fewer than the minimum."""
    for minimum in range(max(3, count // 2 + 1), count + 1):
        rules = Rules.of(count, minimum, min(2 * minimum - 1 - count, count - 2), complete=True)
        signers = rules.agreeing - rules.colluding
        assert count - signers < rules.minimum


@pytest.mark.parametrize(("count", "least"), [(3, 2), (10, 4), (40, 14), (100, 45), (500, 241)])
def test_the_statement_says_of_how_many_a_sum_is_at_least(count: int, least: int) -> None:
    rules = Rules.of(count)
    assert rules.least_sum == least
    assert f"at least {least} are in every total" in statement(rules, hidden=True, contributes=False).leaks


def test_a_coordinator_that_contributes_is_one_of_those_who_collude() -> None:
    said = [statement(Rules.of(count), hidden=False, contributes=True).threshold for count in (3, 10)]
    assert said == [
        "the coordinator, which is one of 3 contributors, and no other together with it",
        "up to 3 of 10 contributors together, the coordinator among them",
    ]
    assert (
        "coordinator and up to 3 of 10" in statement(Rules.of(10), hidden=True, contributes=False).threshold
    )
