"""Runs of a program by all participants, in threads over in-process links, and what they left."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from coterie import mpc
from coterie.errors import CoterieError
from coterie.mpc import Outputs, Program, Tape, trace
from coterie.mpc.dealer import Dealer
from coterie.mpc.guest import Guest
from coterie.mpc.party import Party
from coterie.mpc.seeds import Claim
from coterie.wire import Mesh, local_meshes

DEALER = "hub"
NAMES = ("lender", "telecom", "platform")


@dataclass
class Played:
    """What one run left."""

    tape: Tape
    outputs: dict[str, Outputs] = field(default_factory=dict)
    """Of all but the dealer."""
    dealers: Outputs = field(default_factory=Outputs)
    errors: dict[str, BaseException] = field(default_factory=dict)
    meshes: dict[str, Mesh] = field(default_factory=dict)
    depths: dict[str, int] = field(default_factory=dict)
    step: str = "mpc"

    def result(self, name: str) -> NDArray[np.float64]:
        """A value that was revealed to everybody."""
        values = [outputs.revealed[name] for outputs in self.outputs.values()]
        for value in values[1:]:
            np.testing.assert_array_equal(value, values[0])
        return values[0]

    def sent(self) -> dict[str, dict[str, int]]:
        """Payload bytes, as the links counted them."""
        counted = {}
        for name, mesh in self.meshes.items():
            traffic = mesh.egress().get(self.step, {})
            counted[name] = {peer: entry.sent for peer, entry in traffic.items() if entry.sent}
        return {name: targets for name, targets in counted.items() if targets}


def entropy(name: str) -> Callable[[], bytes]:
    """Deterministic 'randomness' of one participant, for transcripts that never change."""
    counter = iter(range(10**6))
    return lambda: hashlib.sha256(f"{name}/{next(counter)}".encode()).digest()[:16]


def play(
    program: Program | Mapping[str, Program],
    inputs: Mapping[str, Any],
    parties: Sequence[str] = NAMES[:2],
    *,
    guests: Sequence[str] = (),
    dealt: Callable[[Tape], Mapping[str, mpc.Dealing]] | None = None,
    tapes: Mapping[str, Tape] | None = None,
    meshes: dict[str, Mesh] | None = None,
    raises: bool = True,
    deterministic: bool = False,
    run_options: Mapping[str, Any] | None = None,
    step: str = "mpc",
    tracing: Mapping[str, Any] | None = None,
    **dealer_options: Any,
) -> Played:
    """Trace, deal and run. Inputs go by name to everybody; each party uses its own.

    :param dealt: gives each party its part of tape files; then nobody deals.
    :param step: the step of the meshes that all traffic is counted in.
    :param tracing: further arguments of the trace.
    """
    programs = (
        program if isinstance(program, Mapping) else dict.fromkeys((*parties, DEALER, *guests), program)
    )
    correlations = "tape" if dealt else "stream"
    tape = trace(programs[parties[0]], parties, DEALER, guests, correlations, **(tracing or {}))
    names, dealings = tape.setting.everyone, dealt(tape) if dealt else {}
    played = Played(tape, meshes=meshes or local_meshes(names), step=step)

    def participant(name: str) -> None:
        mesh = played.meshes[name]
        options: dict[str, Any] = {"entropy": entropy(name)} if deterministic else {}
        own = tapes[name] if tapes else tape
        try:
            with mesh.step(step):
                mine = {key: value for key, value in inputs.items() if _is_mine(own, key, name)}
                mine = {key: value[name] if isinstance(value, dict) else value for key, value in mine.items()}
                if name == DEALER and not dealt:
                    played.dealers = mpc.deal(own, mesh, mine, **options, **dealer_options)
                else:
                    options["correlations"] = dealings.get(name)
                    played.outputs[name] = mpc.run(
                        programs[name], own, mesh, mine, **options, **(run_options or {})
                    )
                played.depths[name] = mesh.depth
        except CoterieError as error:
            played.errors[name] = error
            mesh.fail(error)
        except BaseException as error:  # noqa: BLE001 - told in the test's own thread
            played.errors[name] = error
            mesh.close()

    threads = [threading.Thread(target=participant, args=(name,), name=name) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads), "a participant hangs"
    if raises and played.errors:
        raise next(iter(played.errors.values()))
    return played


def _is_mine(tape: Tape, key: str, name: str) -> bool:
    """Whether a participant may have this input: its own plaintext, or shares of a compute party."""
    for instruction in tape.instructions:
        params = instruction.call.params
        if instruction.call.kind in ("private", "provided") and params["name"] == key:
            return bool(params["owner"] == name)
    return name in tape.setting.parties


def recorded_claims(monkeypatch: Any) -> dict[str, dict[tuple[str, int], Claim]]:
    """Fills with every participant's record of random streams, by name, as runs go on."""
    books: dict[str, Any] = {}
    for cls in (Party, Dealer, Guest):
        original = cls.__init__

        def init(self: Any, tape: Tape, mesh: Any, *rest: Any, original: Any = original) -> None:
            original(self, tape, mesh, *rest)
            books[getattr(mesh, "me", tape.setting.dealer)] = self

        monkeypatch.setattr(cls, "__init__", init)
    return books
