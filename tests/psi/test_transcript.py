"""What goes over the wire: frozen by a hash for each direction, and recomputed in plain integers."""

from __future__ import annotations

import hashlib
from typing import cast

import numpy as np
from numpy.typing import NDArray

from coterie import psi
from coterie._kernels import keyed_hashes
from coterie.wire import Mesh
from tests.kernels import group
from tests.kernels.test_ristretto import DOMAIN
from tests.psi.pair import Recorder, Stream, ids, play

# These change only when the protocol does: nodes with other ones do not understand each other.
GOLDEN_A = "963fc028ddf54b0f7f3d7f0f6c6375f6a2b74d363452bb1a1b8b1f80edba4f0b"
GOLDEN_B = "88d5ff0b4c9feb74acb8d42104dff84b8a134d199a33d7f2df83f15ce24ed907"


def recorded(a: NDArray[np.uint8], b: NDArray[np.uint8], chunk: int) -> tuple[Recorder, Recorder, list[int]]:
    recorders: dict[str, Recorder] = {}

    def record(mesh: Mesh) -> Mesh:
        recorders[mesh.me] = Recorder(mesh)
        return cast(Mesh, recorders[mesh.me])

    one, _, _ = play(
        lambda mesh: psi.align(record(mesh), "b", a, len(b), chunk=chunk, random=Stream("a")),
        lambda mesh: psi.align(record(mesh), "a", b, len(a), chunk=chunk, random=Stream("b")),
    )
    return recorders["a"], recorders["b"], one.indices.tolist()


def test_the_transcript_is_the_golden_one() -> None:
    a, b, _ = recorded(ids(*range(300)), ids(*range(200, 450)), chunk=64)
    assert (a.digest(), b.digest()) == (GOLDEN_A, GOLDEN_B)


def test_messages_come_in_the_order_of_the_protocol() -> None:
    a, b, _ = recorded(ids(*range(5)), ids(*range(3)), chunk=2)
    assert [(tag, array.shape) for tag, array in a.sent] == [
        ("psi/points", (2, 32)),
        ("psi/points", (2, 32)),
        ("psi/points", (1, 32)),
        ("psi/tags", (2, 6)),
        ("psi/tags", (1, 6)),
        ("psi/digest", (32,)),
    ]
    assert [tag for tag, _ in b.sent] == ["psi/points"] * 2 + ["psi/tags"] * 3 + ["psi/digest"]


def exponent(stream: Stream) -> int:
    """A party draws its scalar first."""
    return int.from_bytes(stream(64), "little") % group.ORDER


def tag(element: group.Element, width: int) -> bytes:
    return keyed_hashes([element.encode()], b"coterie/psi/tag/v1".ljust(32, b"\0"))[0, :width].tobytes()


def test_every_message_is_what_the_mathematics_says() -> None:
    names_a, names_b, width = ["u", "v", "w", "x"], ["x", "y", "v"], 6
    a, b, indices = recorded(ids(*names_a), ids(*names_b), chunk=8192)
    secret_a, secret_b = exponent(Stream("a")), exponent(Stream("b"))

    def element(name: str) -> group.Element:
        return group.derive(group.expand_message(ids(name).tobytes(), DOMAIN))

    sent_a = {(secret_a * element(name)).encode(): name for name in names_a}
    sent_b = {(secret_b * element(name)).encode(): name for name in names_b}
    order_a = [sent_a[row.tobytes()] for row in a.of("psi/points")]
    order_b = [sent_b[row.tobytes()] for row in b.of("psi/points")]
    assert sorted(order_a) == sorted(names_a)
    assert sorted(order_b) == sorted(names_b)

    tags = {name: tag(secret_b * (secret_a * element(name)), width) for name in {*names_a, *names_b}}
    assert [row.tobytes() for row in b.of("psi/tags")] == [tags[name] for name in order_a]
    assert [row.tobytes() for row in a.of("psi/tags")] == [tags[name] for name in order_b]

    common = sorted({"v", "x"}, key=tags.__getitem__)
    digest = hashlib.sha256(b"coterie/psi/common/v1\0" + b"".join(tags[name] for name in common)).digest()
    assert a.of("psi/digest").tobytes() == b.of("psi/digest").tobytes() == digest
    assert [names_a[index] for index in indices] == common
