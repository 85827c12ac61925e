"""Invitations, pinned keys, and callers that nobody knows."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from coterie.crypto import Identity
from coterie.errors import CoterieError
from coterie.node.messages import Hello, HelloAnswer
from coterie.wire import Invitation, PeerAddress, PeerClient
from tests.node.conftest import Trio, await_log, refused


def address_of(trio: Trio) -> PeerAddress:
    host, port = trio.hub.address.split(":")
    return PeerAddress(Identity.load(trio.hub.home).public, host, int(port))


def test_everybody_knows_everybody(trio: Trio) -> None:
    for daemon in trio.all:
        known = {peer.name for peer in daemon.client.peers()}
        assert known >= {"hub", "lender", "payments"} - {daemon.name}
        assert daemon.name not in known
    by_name = {peer.name: peer for peer in trio.lender.client.peers()}
    assert by_name["payments"].address == trio.payments.address
    assert by_name["payments"].fingerprint == Identity.load(trio.payments.home).public.fingerprint


def test_an_invitation_works_once(trio: Trio) -> None:
    made = trio.hub.client.invite(hours=1)
    assert str(made.text) not in repr(made)
    trio.lender.client.accept(str(made.text))
    assert next(one for one in trio.hub.client.invitations() if one.id == made.id).used_by == "lender"
    with refused("CT-1242"):
        trio.payments.client.accept(str(made.text))


def test_wrong_invitations(trio: Trio) -> None:
    with refused("CT-1240"):
        trio.lender.client.accept("coterie-invite:nonsense")
    with refused("CT-5024"):
        trio.lender.client.accept(str(trio.lender.client.invite().text))
    made = trio.hub.client.invite()
    trio.hub.client.remove_invitation(made.id)
    with refused("CT-1242"):
        trio.lender.client.accept(str(made.text))
    with refused("CT-5015"):
        trio.hub.client.remove_invitation(made.id)


def test_a_name_that_is_known_with_another_key_is_refused(trio: Trio, tmp_path: Path) -> None:
    from coterie.wire import accept_invitation

    impostor = Identity.create(tmp_path, "lender")
    invitation = Invitation.parse(str(trio.hub.client.invite().text))
    with refused("CT-5021"):
        asyncio.run(accept_invitation(impostor, invitation, None, None))
    peer = next(one for one in trio.hub.client.peers() if one.name == "lender")
    assert peer.fingerprint == Identity.load(trio.lender.home).public.fingerprint


def test_an_unknown_key_is_refused(trio: Trio, tmp_path: Path) -> None:
    impostor = Identity.create(tmp_path, "lender")
    with pytest.raises(CoterieError, match="CT-12"):
        asyncio.run(PeerClient(impostor).call(address_of(trio), "hello", Hello(), HelloAnswer))
    await_log(trio.hub, "refused a caller: CT-1220")
    known = Identity.load(trio.lender.home)
    answer = asyncio.run(PeerClient(known).call(address_of(trio), "hello", Hello(), HelloAnswer))
    assert (answer.name, answer.role) == ("hub", "hub")


def test_a_peer_is_forgotten_and_introduced_again(trio: Trio) -> None:
    trio.hub.client.remove_peer("payments")
    with refused("CT-5020"):
        trio.hub.client.remove_peer("payments")
    refusals = [one for one in trio.payments.client.doctor() if one.name == "peer hub"]
    assert refusals[0].status == "fail"
    assert refusals[0].detail.startswith("CT-12")
    trio.payments.client.accept(str(trio.hub.client.invite().text))
    assert [one.status for one in trio.payments.client.doctor() if one.name == "peer hub"] == ["ok"]
