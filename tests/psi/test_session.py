"""How a session is drawn: nobody chooses it, and all who go on have the same one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from coterie.errors import CoterieError
from coterie.psi.session import begin
from coterie.psi.statement import DRAW_BYTES, HELLO_BYTES
from coterie.wire import Mesh
from tests.psi.group import Program, play_all
from tests.psi.pair import Stream, ids

Array = NDArray[np.uint8]
Change = Callable[[str, Array], Array]
"""Of a message to a peer."""


class Noted:
    """A mesh that notes what it sends and gets, in order, and may change what it sends."""

    def __init__(self, mesh: Mesh, changes: dict[str, Change] | None = None) -> None:
        self.me = mesh.me
        self.notes: list[tuple[str, str, str, bytes]] = []
        self._mesh, self._changes = mesh, changes or {}

    def to(self, peer: str) -> Any:
        outer, link = self, self._mesh.to(peer)

        class Link:
            def send_array(self, tag: str, array: Array) -> None:
                change = outer._changes.get(tag)
                sent = change(peer, array.copy()) if change else array
                outer.notes.append(("sent", peer, tag, sent.tobytes()))
                link.send_array(tag, sent)

            def recv_array(self, tag: str, dtype: Any, shape: tuple[int, ...]) -> Array:
                got = link.recv_array(tag, dtype, shape)
                outer.notes.append(("got", peer, tag, got.tobytes()))
                return got

        return Link()


def drawn(
    parties: str, liar: str = "", changes: dict[str, Change] | None = None, stream: str = ""
) -> tuple[dict[str, Any], dict[str, Noted]]:
    """The session, or the error, of each party; and what they said."""
    noted: dict[str, Noted] = {}

    def program(mesh: Mesh) -> bytes:
        noted[mesh.me] = Noted(mesh, changes if mesh.me == liar else None)
        own = cast(Mesh, noted[mesh.me])
        return begin(own, tuple(parties), None, "", ids(1), 1, Stream(mesh.me + stream)).session

    programs: dict[str, Program] = dict.fromkeys(parties, program)
    return play_all(programs)[0], noted


@pytest.mark.parametrize("parties", ["ab", "abc", "abcde"])
def test_a_draw_is_opened_after_all_commitments_and_not_before(parties: str) -> None:
    found, noted = drawn(parties)
    assert len({*found.values()}) == 1
    assert found["a"] != drawn(parties, stream="another")[0]["a"]
    for party, one in noted.items():
        what = [(way, tag) for way, _, tag, _ in one.notes]
        others = len(parties) - 1
        assert what == [
            *[("sent", "psi/hello")] * others,
            *[("got", "psi/hello")] * others,
            *[("sent", "psi/draw")] * others,
            *[("got", "psi/draw")] * others,
        ]
        said = {tag: data for way, _, tag, data in one.notes if way == "sent"}
        assert (len(said["psi/hello"]), len(said["psi/draw"])) == (HELLO_BYTES, DRAW_BYTES)
        domain = b"coterie/psi/session/commitment/v1\0" + b"\1\0\0\0" + party.encode()
        assert said["psi/hello"][:32] == hashlib.sha256(domain + said["psi/draw"][:32]).digest()
        assert said["psi/draw"][:32] not in said["psi/hello"]


def bit(place: int, only: str | None = None) -> Change:
    def change(peer: str, array: Array) -> Array:
        if only in (None, peer):
            array[place] ^= 1
        return array

    return change


def refused(found: dict[str, Any], victim: str) -> tuple[str, str | None]:
    assert isinstance(found[victim], CoterieError), found[victim]
    return found[victim].code, found[victim].party


@pytest.mark.parametrize("parties", ["ab", "abc"])
@pytest.mark.parametrize("place", [0, 31])
def test_a_draw_that_was_not_committed_to_is_refused(parties: str, place: int) -> None:
    found, _ = drawn(parties, "a", {"psi/draw": bit(place)})
    assert {refused(found, victim) for victim in parties[1:]} == {("CT-2021", "a")}


def test_nobody_opens_anothers_commitment_as_its_own() -> None:
    """Who repeats all that another says has its draw, and not its name."""
    said: dict[str, Array] = {}

    def program(mesh: Mesh) -> Any:
        if mesh.me == "a":
            return begin(mesh, ("a", "b"), None, "", ids(1), 1, Stream("a"))
        for tag, size in (("psi/hello", HELLO_BYTES), ("psi/draw", DRAW_BYTES)):
            said[tag] = mesh.to("a").recv_array(tag, np.uint8, (size,))
            mesh.to("a").send_array(tag, said[tag])
        return None

    found, _ = play_all({"a": program, "b": program})
    assert refused(found, "a") == ("CT-2021", "b")


def test_who_tells_each_of_the_others_something_else_ends_the_run() -> None:
    """Both commitments open rightly, each to its own draw: that they differ is found out."""
    other = Stream("other")(32)
    domain = b"coterie/psi/session/commitment/v1\0" + b"\1\0\0\0a"

    def hello(peer: str, array: Array) -> Array:
        if peer == "c":
            array[:32] = np.frombuffer(hashlib.sha256(domain + other).digest(), np.uint8)
        return array

    def draw(peer: str, array: Array) -> Array:
        if peer == "c":
            array[:32] = np.frombuffer(other, np.uint8)
        return array

    found, _ = drawn("abc", "a", {"psi/hello": hello, "psi/draw": draw})
    assert {refused(found, victim)[0] for victim in "bc"} == {"CT-2025"}


@pytest.mark.parametrize("place", [32, 48], ids=["run to go on with", "buckets done"])
def test_where_to_go_on_is_told_to_all_alike(place: int) -> None:
    found, _ = drawn("abc", "a", {"psi/hello": bit(place, only="c")})
    assert {refused(found, victim)[0] for victim in "bc"} == {"CT-2025"}
