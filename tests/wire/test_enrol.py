"""Introductions by one pasted line."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from coterie.crypto import Identity
from coterie.errors import CoterieError
from coterie.wire import (
    EnrolServer,
    FrontDoor,
    Invitation,
    Invitations,
    PeerAddress,
    accept_invitation,
    parse_address,
)
from coterie.wire.errors import BAD_ADDRESS
from tests.wire.network import LoopThread


class Inviter:
    """alpha's node, which stores whom it gets to know."""

    def __init__(self, identity: Identity, directory: Path) -> None:
        self.identity = identity
        self.peers: list[PeerAddress] = []
        self.refuse = False
        self.invitations = Invitations(directory)
        self.loop = LoopThread()
        self.front = FrontDoor(enrol=EnrolServer(identity, self.invitations, self._introduced))
        self.loop.run(self.front.open("127.0.0.1", 0))

    async def _introduced(self, peer: PeerAddress) -> None:
        if self.refuse:
            raise BAD_ADDRESS("the name is taken")
        self.peers.append(peer)

    def invite(self, days: float = 1) -> Invitation:
        return self.invitations.create(self.identity, "127.0.0.1", self.front.port, days)

    def close(self) -> None:
        self.loop.run(self.front.close())
        self.loop.close()


@pytest.fixture
def alpha(identities: dict[str, Identity], tmp_path: Path) -> Iterator[Inviter]:
    inviter = Inviter(identities["alpha"], tmp_path / "invitations")
    yield inviter
    inviter.close()


def _accept(identity: Identity, invitation: Invitation, host: str | None = "beta.example") -> PeerAddress:
    return asyncio.run(accept_invitation(identity, invitation, host, 8443 if host else None))


def test_both_sides_know_each_other_afterwards(alpha: Inviter, identities: dict[str, Identity]) -> None:
    line = alpha.invite().text()
    assert line.startswith("coterie-invite:")
    assert "\n" not in line
    found = _accept(identities["beta"], Invitation.parse(f"  {line[:80]}\n {line[80:]}\n"))
    assert found == PeerAddress(identities["alpha"].public, "127.0.0.1", alpha.front.port)
    assert alpha.peers == [PeerAddress(identities["beta"].public, "beta.example", 8443)]


def test_a_party_without_address_can_be_introduced(alpha: Inviter, identities: dict[str, Identity]) -> None:
    _accept(identities["beta"], alpha.invite(), host=None)
    assert not alpha.peers[0].listens


def test_an_invitation_works_once(alpha: Inviter, identities: dict[str, Identity]) -> None:
    invitation = alpha.invite()
    _accept(identities["beta"], invitation)
    with pytest.raises(CoterieError, match="CT-1242"):
        _accept(identities["gamma"], invitation)
    assert [peer.name for peer in alpha.peers] == ["beta"]


def test_an_invitation_expires(alpha: Inviter, identities: dict[str, Identity]) -> None:
    invitation = alpha.invite(days=-0.001)
    with pytest.raises(CoterieError, match="CT-1241"):
        Invitation.parse(invitation.text())
    with pytest.raises(CoterieError, match="CT-1242"):
        _accept(identities["beta"], invitation)
    assert alpha.peers == []


def test_a_wrong_secret_is_refused_and_uses_nothing_up(
    alpha: Inviter, identities: dict[str, Identity]
) -> None:
    invitation = alpha.invite()
    guess = invitation.model_copy(update={"secret": "0" * 64})
    with pytest.raises(CoterieError, match="CT-1242"):
        _accept(identities["mallory"], guess)
    _accept(identities["beta"], invitation)
    assert [peer.name for peer in alpha.peers] == ["beta"]


def test_another_server_than_the_inviter_is_refused(alpha: Inviter, identities: dict[str, Identity]) -> None:
    redirected = alpha.invite().model_copy(update={"inviter": identities["mallory"].public})
    with pytest.raises(CoterieError, match="CT-1220"):
        _accept(identities["beta"], redirected)
    assert alpha.peers == []


def test_the_inviters_own_refusal_is_told(alpha: Inviter, identities: dict[str, Identity]) -> None:
    alpha.refuse = True
    with pytest.raises(CoterieError, match="CT-1231"):
        _accept(identities["beta"], alpha.invite())


def test_somebody_elses_identity_cannot_be_presented(alpha: Inviter, identities: dict[str, Identity]) -> None:
    """mallory holds an invitation and shows beta's identity; only beta can sign for it."""

    class Liar(Identity):
        @property
        def public(self):  # type: ignore[no-untyped-def]
            return identities["beta"].public

    mallory = identities["mallory"]
    liar = Liar(mallory._directory, mallory._key, mallory._public)
    with pytest.raises(CoterieError, match="CT-1101"):
        _accept(liar, alpha.invite())
    assert alpha.peers == []


def test_the_secret_is_not_shown(alpha: Inviter) -> None:
    invitation = alpha.invite()
    assert invitation.secret not in repr(invitation)
    assert invitation.secret not in str(invitation)
    (path,) = (alpha.invitations._directory).iterdir()
    assert path.stat().st_mode & 0o777 == 0o600


def _damaged(text: str) -> list[str]:
    body = json.loads(base64.urlsafe_b64decode(text.removeprefix("coterie-invite:") + "=="))
    changed = [body | {"host": "a b"}, body | {"port": 0}, body | {"secret": "x"}, {"id": 1}, []]
    encoded = ["coterie-invite:" + base64.urlsafe_b64encode(json.dumps(c).encode()).decode() for c in changed]
    return [
        "",
        "hello",
        text[:-20],
        text.replace("coterie", "kotery"),
        "coterie-invite:%%%",
        "coterie-invite:é",
        text * 40,
        *encoded,
    ]


def test_damaged_lines_are_refused_without_repeating_them(alpha: Inviter) -> None:
    text = alpha.invite().text()
    for damaged in _damaged(text):
        with pytest.raises(CoterieError, match="CT-1240") as caught:
            Invitation.parse(damaged)
        assert text[40:60] not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("node.example:8443", ("node.example", 8443)),
        ("10.0.0.1:1", ("10.0.0.1", 1)),
        ("[2001:db8::1]:65535", ("2001:db8::1", 65535)),
        (" localhost:80 ", ("localhost", 80)),
    ],
)
def test_addresses(text: str, address: tuple[str, int]) -> None:
    assert parse_address(text) == address


@pytest.mark.parametrize(
    "text",
    [
        "",
        "host",
        "host:",
        ":80",
        "host:0",
        "host:65536",
        "host:8O",
        "ho st:80",
        "::1:80",
        "a/b:80",
        "h:-1",
        "h:²",
    ],
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(CoterieError, match="CT-1231"):
        parse_address(text)
