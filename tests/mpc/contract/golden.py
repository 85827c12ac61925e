"""Golden transcripts: hashes of what goes over the wire with deterministic seeds, by case and direction.

``python -m tests.mpc.contract.golden [case ...]`` writes those of the cases named, or all, and forgets those
of cases that are gone. A changed hash is a changed protocol: then ``coterie.mpc.tape.VERSION`` goes up, so
that parties of different versions do not start.
"""

from __future__ import annotations

import fcntl
import json
import sys
from pathlib import Path

from coterie.crypto import digest
from coterie.mpc import trace
from tests.mpc.contract.case import PARTIES, Case
from tests.mpc.rig import DEALER, Played, play
from tests.mpc.wiretap import Sent, tapped, transcripts

PLACE = Path(__file__).with_name("golden.json")
COMMAND = "python -m tests.mpc.contract.golden"


def recorded(case: Case) -> tuple[Played, Sent]:
    """A run by two parties with deterministic seeds, and what was sent.

    Seeds are derived from the digest of the tape as well. It stands fixed here, so that a transcript changes
    where messages do, and not with every word of the plan.
    """
    names = PARTIES[:2]
    tape = trace(case.whole(), names, DEALER, **(case.tracing or {}))
    vars(tape)["digest"] = digest(b"the tape of a golden transcript")
    meshes, sent = tapped(names)
    played = play(
        case.whole(),
        case.inputs,
        names,
        meshes=meshes,
        tapes=dict.fromkeys((*names, DEALER), tape),
        deterministic=True,
        tracing=case.tracing,
    )
    return played, sent


def golden() -> dict[str, dict[str, str]]:
    """By case and direction, as written down."""
    found: dict[str, dict[str, str]] = json.loads(PLACE.read_text()) if PLACE.exists() else {}
    return found


def main(names: list[str]) -> None:
    from tests.mpc.contract.cases import CASES

    chosen = {case.name: transcripts(recorded(case)[1]) for case in CASES if not names or case.name in names}
    for unknown in set(names) - set(chosen):
        sys.exit(f"no case is called {unknown!r}")
    with PLACE.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        everything = {case.name for case in CASES}
        merged = {name: hashes for name, hashes in (golden() | chosen).items() if name in everything}
        PLACE.write_text(json.dumps(merged, indent=1, sort_keys=True) + "\n")
    PLACE.with_suffix(".lock").unlink(missing_ok=True)


if __name__ == "__main__":
    main(sys.argv[1:])
