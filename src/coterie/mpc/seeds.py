"""Seeds: how they are agreed at the start of a run, and the record that no piece of a random stream serves
twice.

Five kinds, all of 128 bits and fresh for each run:

- party and dealer: masks and the dealt shares of all parties but the last;
- each pair of compute parties: the zero-sharing that covers reveals. Pairwise, so that a receiver who
  computes as well learns the sum of the shares and nothing of their distribution;
- all compute parties together: public coins. The dealer knows none of the last two;
- each guest and each compute party: shares of what the guest gives. A dealer who is a guest has such seeds
  beside those of its masks;
- each participant alone: noise that nobody else may know.

Each is SHA-256 over contributions of all who share it, the tape's digest and their names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from coterie._kernels import prg_sub_u64, prg_sum_u64, prg_u64
from coterie.mpc.corrections import Dealing
from coterie.mpc.errors import DEALINGS_DIFFER, STREAM_REUSED, TAPES_DIFFER
from coterie.mpc.ring import Words
from coterie.mpc.tape import Message, Round, Setting, Tape
from coterie.wire import Mesh

SEED = 16
"""Bytes."""
DIGEST = 32
SERIAL = 16
"""Bytes of the number of a dealing."""
TAG = "seeds"
COMMON = "/"
"""Label of the seed that all compute parties share. No party has such a name: a party's own name is the label
of the seed that masks its inputs, and this one is known to its peers."""

OWN = "//"
"""Label of the seed that a participant shares with nobody: noise that only it may know."""

Entropy = Callable[[], bytes]
"""Gives 16 fresh secret bytes."""


@dataclass(frozen=True)
class Claim:
    """What one id of one seed is used for."""

    use: str
    words: int


class SeedBook:
    """The seeds of one participant, by label, and a record of what each id was used for."""

    def __init__(self, seeds: dict[str, bytes]) -> None:
        self._seeds = seeds
        self.claims: dict[tuple[str, int], Claim] = {}

    def __repr__(self) -> str:
        return f"<SeedBook of {', '.join(self._seeds)}>"

    def seeds(self, labels: Sequence[str], id: int, words: int, use: str) -> list[bytes]:
        """The raw seeds, for a kernel that expands the first ``words`` of PRG(seed, id) for ``use``."""
        claim = Claim(use, words)
        for label in labels:
            earlier = self.claims.setdefault((label, id), claim)
            if earlier != claim:
                raise STREAM_REUSED(f"id {id}: {earlier.use} and {use}")
        return [self._seeds[label] for label in labels]

    def words(self, label: str, id: int, n: int, use: str) -> Words:
        """The first ``n`` words of a stream."""
        return prg_u64(self.seeds([label], id, n, use)[0], id, n)

    def part(self, label: str, id: int, total: int, offset: int, n: int, use: str) -> Words:
        """Words ``offset .. offset + n`` of a stream of which ``total`` are used."""
        return prg_u64(self.seeds([label], id, total, use)[0], id, n, offset)

    def sum(self, labels: Sequence[str], id: int, n: int, use: str) -> Words:
        """The sum of the first ``n`` words of several streams."""
        return prg_sum_u64(self.seeds(labels, id, n, use), id, n)

    def correction(self, target: Words, labels: Sequence[str], id: int, use: str) -> Words:
        """``target`` minus the sum of several streams, in its shape."""
        return prg_sub_u64(target, self.seeds(labels, id, target.size, use), id)


def agreement(setting: Setting) -> Round:
    """The messages of the seed agreement: between all who share a seed."""
    return tuple(
        Message(source, target, _size(setting, source, target))
        for source in setting.everyone
        for target in setting.everyone
        if source != target and _meet(setting, source, target)
    )


def _meet(setting: Setting, one: str, other: str) -> bool:
    """Whether the two share a seed. Guests and dealer meet compute parties only."""
    return one in setting.parties or other in setting.parties


def _size(setting: Setting, source: str, target: str) -> int:
    if source not in setting.parties or target not in setting.parties:
        return DIGEST + SEED
    return DIGEST + 2 * SEED + (SERIAL if setting.correlations == "tape" else 0)


def agree(tape: Tape, mesh: Mesh, entropy: Entropy, dealing: Dealing | None = None) -> SeedBook:
    """Agree on all seeds of this participant, and make sure that all follow the same tape.

    :param dealing: this party's part of tape files, whose seed stands for the one it would agree on with a
        dealer who is there.

    Errors: CT-2105 where a peer's tape differs, CT-2148 where its tape file is of another dealing, and what
    the links raise.
    """
    setting, me = tape.setting, mesh.me
    others = [name for name in setting.everyone if name != me and _meet(setting, me, name)]
    tape_digest = bytes.fromhex(tape.digest.removeprefix("sha256:"))
    common = {me: entropy()}
    mine = {other: entropy() for other in others}
    for other in others:
        both = me in setting.parties and other in setting.parties
        pair = mine[other] + common[me] if both else mine[other]
        if both and dealing is not None:
            pair += dealing.serial
        mesh.to(other).send_array(TAG, np.frombuffer(tape_digest + pair, dtype=np.uint8))
    seeds: dict[str, bytes] = {}
    for other in others:
        size = _size(setting, other, me)
        received = mesh.to(other).recv_array(TAG, np.uint8, (size,)).tobytes()
        if received[:DIGEST] != tape_digest:
            raise TAPES_DIFFER(
                f"{other}'s has digest sha256:{received[:DIGEST].hex()}, ours {tape.digest}", party=other
            )
        theirs = received[DIGEST : DIGEST + SEED]
        if size > DIGEST + SEED:
            common[other] = received[DIGEST + SEED : DIGEST + 2 * SEED]
        if dealing is not None and size > DIGEST + 2 * SEED and received[-SERIAL:] != dealing.serial:
            raise DEALINGS_DIFFER(
                f"{other}'s is {received[-SERIAL:].hex()}, ours {dealing.serial.hex()}", party=other
            )
        contributions = {me: mine[other], other: theirs}
        names = [name for name in setting.everyone if name in contributions]
        parts = [contributions[name] for name in names]
        for label, purpose in _shared(setting, me, other):
            seeds[label] = _derive(purpose, tape_digest, names, parts)
    if dealing is not None:
        seeds[me] = dealing.seed
    if me in setting.parties:
        seeds[COMMON] = _derive(
            "common", tape_digest, setting.parties, [common[name] for name in setting.parties]
        )
    seeds[OWN] = entropy()
    return SeedBook(seeds)


def _shared(setting: Setting, me: str, other: str) -> Iterator[tuple[str, str]]:
    """Label and purpose of each seed that two participants share."""
    outside = {me, other}.difference(setting.parties)
    if not outside:
        yield pair_label(me, other), "pair"
    if setting.dealer in outside and setting.correlations == "stream":
        yield (other if me == setting.dealer else me), "pair"
    if outside.intersection(setting.guests):
        yield pair_label(me, other), "guest"


def pair_label(one: str, other: str) -> str:
    """Label of the seed that two compute parties share, or a guest and a compute party. The dealer's seeds go
    by the party's name."""
    return "/".join(sorted((one, other)))


def _derive(purpose: str, tape_digest: bytes, names: Sequence[str], parts: Sequence[bytes]) -> bytes:
    head = f"coterie/mpc/seed/v1\0{purpose}\0{'/'.join(names)}\0".encode()
    return hashlib.sha256(head + tape_digest + b"".join(parts)).digest()[:SEED]
