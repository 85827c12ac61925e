"""Several parties in one process, each on a thread of its own, and what they say to each other."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from coterie import psi
from coterie.errors import CoterieError
from coterie.wire import Channel, Mesh, local_meshes
from tests.psi.pair import STEP, Stream, ids

Program = Callable[[Mesh], Any]


def play_all(
    programs: Mapping[str, Program], budgets: Mapping[str, Mapping[str, int]] | None = None
) -> tuple[dict[str, Any], dict[str, Mesh]]:
    """Run all parties as jobs do: in a step, and a failure of one ends the others. A result is a value or the
    coded error that the party met."""
    meshes = local_meshes(list(programs))

    def party(name: str) -> Any:
        mesh = meshes[name]
        with mesh.step(STEP, budgets[name] if budgets else None):
            try:
                return programs[name](mesh)
            except CoterieError as error:
                mesh.fail(error)
                return error

    with ThreadPoolExecutor(len(programs)) as pool:
        running = {name: pool.submit(party, name) for name in programs}
        return {name: one.result(timeout=60) for name, one in running.items()}, meshes


@dataclass
class _Link:
    """A channel that keeps what is sent."""

    channel: Channel
    sent: list[tuple[str, str, NDArray[np.uint8]]]

    def send_array(self, tag: str, array: NDArray[np.uint8]) -> None:
        self.sent.append((self.channel.peer, tag, array.copy()))
        self.channel.send_array(tag, array)

    def recv_array(self, tag: str, dtype: Any, shape: tuple[int, ...]) -> NDArray[Any]:
        return self.channel.recv_array(tag, dtype, shape)


@dataclass
class Record:
    """A mesh that keeps what is sent."""

    mesh: Mesh
    sent: list[tuple[str, str, NDArray[np.uint8]]] = field(default_factory=list)

    @property
    def me(self) -> str:
        return self.mesh.me

    def to(self, peer: str) -> _Link:
        return _Link(self.mesh.to(peer), self.sent)

    def of(self, peer: str, tag: str) -> NDArray[np.uint8]:
        """All messages to one peer of one tag, one after the other."""
        return np.concatenate([array for to, name, array in self.sent if (to, name) == (peer, tag)])

    def digest(self) -> str:
        """One hash of all messages: their order, receivers, tags, sizes and bytes."""
        whole = hashlib.sha256()
        for peer, tag, array in self.sent:
            whole.update(f"{peer} {tag} {array.nbytes}\n".encode())
            whole.update(array.tobytes())
        return whole.hexdigest()


def recorded(sets: Mapping[str, list[Any]], chunk: int) -> tuple[dict[str, Record], dict[str, list[Any]]]:
    """One run with the randomness of each party's name: what each sent and found."""
    records: dict[str, Record] = {}
    rows = {name: len(one) for name, one in sets.items()}

    def program(mesh: Mesh) -> list[Any]:
        records[mesh.me] = Record(mesh)
        own = sets[mesh.me]
        found = psi.align_many(
            cast(Mesh, records[mesh.me]), rows, ids(*own), chunk=chunk, random=Stream(mesh.me)
        )
        return [own[index] for index in found.indices]

    results, _ = play_all(dict.fromkeys(sets, program))
    return records, results
