"""Contributors and a coordinator in one process, with whatever goes wrong between them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from numpy.typing import NDArray

from coterie.errors import CoterieError
from coterie.fl import Client, Coordinator, Fixed, Roster, Rules, Session

STAGES = ("keys", "coins", "shares", "masked", "signature", "answer")
RUN = b"a run of the tests"
FORM = Fixed(64, 20)
GROUP_KEY = b"known to contributors only"

Change = Callable[[str, str, bytes], bytes | None]
"""(stage, contributor, message) to the message that arrives, or to none."""


class Stream:
    """Bytes that depend on a name alone, in place of the operating system's randomness."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._calls = 0

    def __call__(self, count: int) -> bytes:
        self._calls += 1
        return hashlib.shake_256(f"{self._name} {self._calls}".encode()).digest(count)


def names_of(count: int) -> tuple[str, ...]:
    """Names that sort as they are numbered."""
    return tuple(f"c{k:03}" for k in range(count))


def signing_key(name: str) -> Ed25519PrivateKey:
    """A key that is the same in every test."""
    return Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest())


def session_of(
    count: int,
    values: int = 3,
    *,
    form: Fixed = FORM,
    rules: Rules | None = None,
    number: int = 0,
    hidden: bool = True,
    history: bytes = bytes(32),
) -> Session:
    """A session of so many contributors and values."""
    names = names_of(count)
    keys = tuple(signing_key(name).public_key().public_bytes_raw() for name in names)
    rules = rules or Rules.of(count)
    return Session(RUN, number, Roster(names, keys), rules, values, form, hidden, history=history)


def client_of(session: Session, name: str, values: NDArray[np.float64], seed: str | None = None) -> Client:
    """A contributor; its randomness is that of a name where one is given."""
    key = GROUP_KEY if session.hidden else None
    sign = signing_key(name).sign
    if seed is None:
        return Client(name, session, values, sign, key)
    return Client(name, session, values, sign, key, random=Stream(f"{seed} {name}"))


@dataclass
class Play:
    """One sum: who drops out when, and what happens to messages on their way."""

    session: Session
    values: NDArray[np.float64]
    """Shape (contributors, values)."""
    drops: Mapping[str, Collection[str]] = field(default_factory=dict)
    """By stage, who is gone before it sends its message."""
    up: Change = lambda stage, name, data: data
    down: Change = lambda stage, name, data: data
    seed: str | None = None
    clients: dict[str, Client] = field(default_factory=dict)
    errors: dict[str, CoterieError] = field(default_factory=dict)
    """Of contributors."""
    said: list[tuple[str, str, bytes]] = field(default_factory=list)

    def run(self) -> Coordinator:
        """Play all stages. Errors: the coordinator's."""
        names = self.session.roster.names
        self.clients = {
            name: client_of(self.session, name, row, self.seed)
            for name, row in zip(names, self.values, strict=True)
        }
        self.coordinator = Coordinator(self.session)
        messages: dict[str, bytes | None] = {name: one.start() for name, one in self.clients.items()}
        for stage in STAGES:
            if stage == "coins" and self.session.rules.complete:
                continue
            for gone in self.drops.get(stage, ()):
                messages.pop(gone, None)
                self.clients.pop(gone, None)
            for name, data in messages.items():
                sent = None if data is None else self.up(stage, name, data)
                if sent is not None:
                    self.said.append(("up", name, sent))
                    self.coordinator.receive(name, sent)
            messages = self._answered(stage, self.coordinator.advance())
        return self.coordinator

    def _answered(self, stage: str, given: dict[str, bytes]) -> dict[str, bytes | None]:
        answers: dict[str, bytes | None] = {}
        for name, data in given.items():
            came = self.down(stage, name, data)
            if came is None or name not in self.clients:
                continue
            self.said.append(("down", name, came))
            try:
                answers[name] = self.clients[name].receive(came)
            except CoterieError as error:
                self.errors.setdefault(name, error)
        return answers

    def expected(self, survivors: Collection[str]) -> NDArray[np.float64]:
        """The real sum of those whose values count."""
        rows = [self.session.roster.places[name] for name in survivors]
        total: NDArray[np.float64] = self.values[rows].sum(axis=0)
        return total

    def check(self, survivors: Collection[str]) -> None:
        """Every contributor that is still there has their total."""
        done = [name for name in self.clients if name not in self.errors]
        assert done
        for name in done:
            client = self.clients[name]
            assert set(client.survivors) == set(survivors)
            tolerance = self.session.form.error(len(survivors)) + 1e-9
            np.testing.assert_allclose(client.result, self.expected(survivors), rtol=1e-12, atol=tolerance)
            assert client.history == self.coordinator.history
