"""Every case on every interpreter."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from coterie.crypto import Identity
from coterie.mpc import PROTOCOLS, trace, twin
from coterie.wire import Mesh
from tests.mpc.contract.case import PARTIES, Case
from tests.mpc.contract.cases import CASES
from tests.mpc.contract.golden import COMMAND, golden, recorded
from tests.mpc.rig import DEALER, Played, play, recorded_claims
from tests.mpc.wiretap import tapped, transcripts
from tests.wire.network import Network

every_case = pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])


def check(case: Case, played: Played) -> None:
    """The results are NumPy's, and what was sent is what was planned."""
    assert played.sent() == {source: dict(targets) for source, targets in played.tape.sent.items()}
    assert played.depths == dict(played.tape.rounds)
    case.compare({name: played.result(name) for name in played.outputs[PARTIES[0]].revealed}, exact=False)


@every_case
def test_float_twin(case: Case) -> None:
    case.compare(twin(case.whole(), PARTIES[:2], case.inputs, "float").revealed, exact=True)


@every_case
def test_fixed_twin(case: Case) -> None:
    case.compare(twin(case.whole(), PARTIES[:2], case.inputs, "fixed").revealed, exact=False)


@every_case
def test_two_parties_and_their_transcript(case: Case) -> None:
    """A transcript that differs is a change of the wire; where it was meant, run the command."""
    played, sent = recorded(case)
    check(case, played)
    assert transcripts(sent) == golden().get(case.name), f"after a deliberate change: {COMMAND} {case.name!r}"


@every_case
def test_other_seeds_change_every_message(case: Case) -> None:
    """What is sent without a mask, or under one that the run's seeds do not change, is the same again."""
    _, first = recorded(case)
    meshes, second = tapped(PARTIES[:2])
    play(case.whole(), case.inputs, PARTIES[:2], meshes=meshes, tracing=case.tracing)
    for direction, messages in first.items():
        for place, (one, other) in enumerate(zip(messages, second[direction], strict=True)):
            assert len(one) == len(other)
            assert one != other or len(one) < TELLING, f"message {place} of {direction}"


TELLING = 8
"""Bytes: shorter messages may well be the same by chance."""


@pytest.mark.parametrize("count", [3, 5])
@every_case
def test_more_parties(case: Case, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """And no piece of a random stream serves two values at any participant."""
    if count not in case.parties:
        pytest.skip(f"not for {count} parties")
    books = recorded_claims(monkeypatch)
    check(case, play(case.whole(), case.inputs, PARTIES[:count], tracing=case.tracing))
    uses: dict[tuple[bytes, int], set[tuple[str, int]]] = {}
    for participant in books.values():
        for (label, id), claim in participant.book.claims.items():
            uses.setdefault((participant.book._seeds[label], id), set()).add((claim.use, claim.words))
    assert all(len(claims) == 1 for claims in uses.values())


class Links:
    """Meshes over TLS that serve one run after another, and are made anew after a failure."""

    def __init__(self, identities: dict[str, Identity], count: int) -> None:
        self.count = count
        self._identities, self._names = identities, (*PARTIES[:count], DEALER)
        self._network: Network | None = None
        self._meshes: dict[str, Mesh] = {}

    def play(self, case: Case) -> Played:
        if self._network is None:
            self._network = Network({name: self._identities[name] for name in self._names})
            self._meshes = dict(zip(self._names, self._network.join(*self._names), strict=True))
        try:
            names = self._names[:-1]
            return play(
                case.whole(), case.inputs, names, meshes=self._meshes, step=case.name, tracing=case.tracing
            )
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        if self._network is not None:
            self._network.close()
            self._network = None


@pytest.fixture(scope="module", params=[2, 3])
def links(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Links]:
    home: Path = tmp_path_factory.mktemp("homes")
    names = (*PARTIES[: request.param], DEALER)
    links = Links({name: Identity.create(home / name, name) for name in names}, request.param)
    yield links
    links.close()


@every_case
def test_over_links(links: Links, case: Case) -> None:
    if links.count not in case.parties:
        pytest.skip(f"not for {links.count} parties")
    check(case, links.play(case))


def test_every_kind_of_operation_has_a_case() -> None:
    used = {
        instruction.call.kind
        for case in CASES
        for instruction in trace(case.whole(), PARTIES[:2], DEALER, **(case.tracing or {})).instructions
    }
    assert used | NOT_HERE >= set(PROTOCOLS), sorted(set(PROTOCOLS) - used - NOT_HERE)


NOT_HERE = {"shared", "provided", "keep"}
"""What enters and leaves a run otherwise: see test_parties.py, test_protocols.py and test_boolean.py."""


def test_no_transcript_is_left_of_a_case_that_is_gone() -> None:
    assert set(golden()) == {case.name for case in CASES}
