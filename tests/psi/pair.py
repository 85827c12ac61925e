"""Two parties in one process, each on a thread of its own, and what they say to each other."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from coterie.errors import CoterieError
from coterie.wire import Mesh, local_meshes

T = TypeVar("T")

STEP = "align"


def ids(*names: object) -> NDArray[np.uint8]:
    """32-byte hashes of names, one a row."""
    digests = b"".join(hashlib.sha256(str(name).encode()).digest() for name in names)
    return np.frombuffer(digests, dtype=np.uint8).reshape(-1, 32)


def play(
    a: Callable[[Mesh], Any],
    b: Callable[[Mesh], Any],
    budgets: tuple[int | None, int | None] = (None, None),
) -> tuple[Any, Any, dict[str, Mesh]]:
    """Run two parties as jobs do: in a step, and a failure of one ends the other. Each result is a value or
    the coded error that the party met."""
    meshes = local_meshes(["a", "b"])

    def party(me: str, peer: str, program: Callable[[Mesh], Any], budget: int | None) -> Any:
        mesh = meshes[me]
        with mesh.step(STEP, None if budget is None else {peer: budget}):
            try:
                return program(mesh)
            except CoterieError as error:
                mesh.fail(error)
                return error

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(party, "a", "b", a, budgets[0])
        second = pool.submit(party, "b", "a", b, budgets[1])
        return first.result(timeout=60), second.result(timeout=60), meshes


class Stream:
    """Bytes that depend on a name alone, in place of the operating system's randomness."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._calls = 0

    def __call__(self, count: int) -> bytes:
        self._calls += 1
        return hashlib.shake_256(f"{self._name} {self._calls}".encode()).digest(count)


@dataclass
class Recorder:
    """A mesh to one peer that keeps what is sent."""

    mesh: Mesh
    sent: list[tuple[str, NDArray[np.uint8]]] = field(default_factory=list)

    def to(self, peer: str) -> Recorder:
        self.peer = peer
        return self

    def send_array(self, tag: str, array: NDArray[np.uint8]) -> None:
        self.sent.append((tag, array.copy()))
        self.mesh.to(self.peer).send_array(tag, array)

    def recv_array(self, tag: str, dtype: Any, shape: tuple[int, ...]) -> NDArray[Any]:
        return self.mesh.to(self.peer).recv_array(tag, dtype, shape)

    def of(self, tag: str) -> NDArray[np.uint8]:
        """All messages of one tag, one after the other."""
        return np.concatenate([array for name, array in self.sent if name == tag])

    def digest(self) -> str:
        """One hash of all messages: their order, tags, sizes and bytes."""
        whole = hashlib.sha256()
        for tag, array in self.sent:
            whole.update(f"{tag} {array.nbytes}\n".encode())
            whole.update(array.tobytes())
        return whole.hexdigest()
