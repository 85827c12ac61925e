"""Seeds: how they are agreed at the start of a run, and the record that no piece of a random stream serves
twice.

Three kinds, all of 128 bits and fresh for each run:

- party and dealer: masks and the dealt shares of all parties but the last;
- each pair of compute parties: the zero-sharing that covers reveals. Pairwise, so that a receiver who
  computes as well learns the sum of the shares and nothing of their distribution;
- all compute parties together: public coins. The dealer knows none of the last two.

Each is SHA-256 over contributions of all who share it, the tape's digest and their names.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from coterie._kernels import prg_sub_u64, prg_sum_u64, prg_u64
from coterie.mpc.errors import STREAM_REUSED, TAPES_DIFFER
from coterie.mpc.ring import Words
from coterie.mpc.tape import Message, Round, Setting, Tape
from coterie.wire import Mesh

SEED = 16
"""Bytes."""
DIGEST = 32
TAG = "seeds"
COMMON = "/"
"""Label of the seed that all compute parties share. No party has such a name: a party's own name is the label
of the seed that masks its inputs, and this one is known to its peers."""

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
    """The messages of the seed agreement."""
    return tuple(
        Message(source, target, _size(setting, source, target))
        for source in (*setting.parties, setting.dealer)
        for target in (*setting.parties, setting.dealer)
        if source != target
    )


def _size(setting: Setting, source: str, target: str) -> int:
    with_dealer = setting.dealer in (source, target)
    return DIGEST + SEED * (1 if with_dealer else 2)


def agree(tape: Tape, mesh: Mesh, entropy: Entropy) -> SeedBook:
    """Agree on all seeds of this participant, and make sure that all follow the same tape.

    Errors: CT-2105 where a peer's tape differs, and what the links raise.
    """
    setting, me = tape.setting, mesh.me
    everyone = (*setting.parties, setting.dealer)
    others = [name for name in everyone if name != me]
    tape_digest = bytes.fromhex(tape.digest.removeprefix("sha256:"))
    common = {me: entropy()}
    mine = {other: entropy() for other in others}
    for other in others:
        pair = mine[other] if setting.dealer in (me, other) else mine[other] + common[me]
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
        names = [name for name in everyone if name in (me, other)]
        parts = {me: mine[other], other: theirs}
        label = pair_label(me, other)
        if setting.dealer in (me, other):
            label = other if me == setting.dealer else me
        else:
            common[other] = received[DIGEST + SEED :]
        seeds[label] = _derive("pair", tape_digest, names, [parts[name] for name in names])
    if me != setting.dealer:
        seeds[COMMON] = _derive(
            "common", tape_digest, setting.parties, [common[name] for name in setting.parties]
        )
    return SeedBook(seeds)


def pair_label(one: str, other: str) -> str:
    """Label of the seed that two compute parties share. A dealer's seeds go by the party's name."""
    return "/".join(sorted((one, other)))


def _derive(purpose: str, tape_digest: bytes, names: Sequence[str], parts: Sequence[bytes]) -> bytes:
    head = f"coterie/mpc/seed/v1\0{purpose}\0{'/'.join(names)}\0".encode()
    return hashlib.sha256(head + tape_digest + b"".join(parts)).digest()[:SEED]
