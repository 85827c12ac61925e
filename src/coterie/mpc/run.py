"""A run at one participant that follows the program: a compute party, or a guest."""

from __future__ import annotations

from pathlib import Path

from coterie.crypto import random_seed
from coterie.mpc.context import Program
from coterie.mpc.corrections import Dealing, LinkSource
from coterie.mpc.errors import BAD_ROLES, TAPE_OTHER
from coterie.mpc.follower import Inputs, Outputs, Progress
from coterie.mpc.guest import Guest
from coterie.mpc.party import Party
from coterie.mpc.seeds import Entropy, agree
from coterie.mpc.storage import HOLD, Storage
from coterie.mpc.tape import Tape
from coterie.wire import Mesh


def run(
    program: Program,
    tape: Tape,
    mesh: Mesh,
    inputs: Inputs,
    *,
    correlations: Dealing | None = None,
    progress: Progress | None = None,
    memory: int | None = None,
    folder: Path | None = None,
    entropy: Entropy = random_seed,
) -> Outputs:
    """Run ``program`` as the compute party or guest ``mesh.me``. A dealer who is a guest as well gives its
    inputs to :func:`coterie.mpc.deal`.

    :param tape: of the same program, as every participant has it.
    :param inputs: own inputs and kept shares. They are checked before anything is sent.
    :param correlations: where the tape says that what is dealt is in tape files: this compute party's.
    :param progress: called before each operation with its number, their total and the section's name.
    :param memory: bytes of private arrays, own and masked ones, to hold in memory (1 GiB where not given).
        Matrices beyond it lie on disk. Results do not depend on it.
    :param folder: for their files, which have no names and are gone with the run; the system's folder for
        temporary files where none is given.
    :param entropy: gives 16 secret random bytes at each call; anything but the default is for tests.

    Errors: CT-2102, CT-2103, CT-2107 (inputs), CT-2104, CT-2105, CT-2110 (program, tape and peers differ),
    CT-2108 (a value left its range), CT-2109 (roles), CT-2141, CT-2143, CT-2144, CT-2148 (tape files),
    CT-1120, CT-1121 (disk; at the start, where the file system can claim room), CT-2114, and whatever the
    links raise.
    """
    setting, me = tape.setting, mesh.me
    if me not in setting.everyone or (me == setting.dealer and setting.correlations == "stream"):
        raise BAD_ROLES(f"{me} is neither a compute party nor a guest of this tape", party=me)
    if (correlations is not None) != (me in setting.parties and setting.correlations == "tape"):
        raise TAPE_OTHER(f"{tape.digest} and the tape file do not go together", party=me)
    with Storage(tape.instructions, me, HOLD if memory is None else memory, folder) as storage:
        follower = (Party if me in setting.parties else Guest)(tape, mesh, progress, storage)
        follower.take(inputs)
        follower.book = agree(tape, mesh, entropy, correlations)
        if isinstance(follower, Party):
            follower.corrections = correlations or LinkSource(mesh, setting.dealer)
        program(follower)
        follower.finish()
        return follower.outputs
