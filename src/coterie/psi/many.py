"""Set intersection of three to five parties, of which nobody learns what any fewer of them have in common.

The party with the fewest rows is the *asker*, the others are *answerers*. Each answerer i has an oblivious
pseudo-random function F_i (``functions.py``), drawn for this run alone.

1. *Seeds.* Each two answerers share a random key s_ij. Answerer i has for any row y the *share* S_i(y), the
   exclusive or of PRF(s_ij, y) over the other answerers j. Of one y, all shares together are zero; all but
   one of them are independent and uniform.
2. *Points.* The asker sends what the answerers need to evaluate it for its rows, in a secret random order.
3. *Answers.* So it learns F_i(x) of its own rows x, and nobody anything else.
4. *Tables.* Answerer i sends an oblivious key-value store (``store.py``) of its rows y: each one's key comes
   of F_i(y), its value is S_i(y) masked by F_i(y).
5. *Common rows.* The asker looks up x in all tables and takes the masks off. Where x is a row of all, it
   finds all shares, whose sum is zero; else the sum is random, and zero with a probability of 2^-40 for all
   rows together. It draws a key and sends it with as many *tags* as it has rows, in a random order: of a
   common row the keyed hash, for every other row random bytes. Each party finds its own common rows by their
   tags.
6. *Digests.* All send each other a hash of the common tags in their order. A false match ends the run here.

Who sees what, if all follow the protocol:

- *Answerers* see what the asker sends for F, which tells them nothing, and tags: those of common rows, which
  they have, and random bytes. Of each other they see seeds. So all of them together, with the asker honest,
  learn which of their rows are common to *all* parties, and no more.
- *The asker* can compute F_i for its own rows only, since nobody answers for others. So every table value of
  a row that it does not have is masked by a fresh random string. Of a row x that it does have, and that
  answerer j has not, table j shows random cells; and each answerer i that has x shows a share that contains
  PRF(s_ij, x), which appears nowhere else. These are independent and uniform, too. So whether none, some or
  all but one of the answerers have x looks the same, and the tables are uniformly random but for the rows
  common to all. Sizes of pairwise intersections are not shown either.
- *The asker together with some answerers* knows their seeds. The same holds for the seeds between the others:
  it learns which of the *asker's* rows all the *others* have, and nothing about rows that the asker lacks.
  Had the pooling answerers put the asker's rows in place of their own, the result itself had told them that.
  Where just one is left outside, its share hides nothing: that is the intersection of two parties.

Sources: Kolesnikov, Matania, Pinkas, Rosulek, Trieu, "Practical multi-party private set intersection from
symmetric-key techniques" (2017), sections 4 and 5: zero sharing and programmable functions.
"""

from __future__ import annotations

import secrets
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from coterie.psi.errors import AMBIGUOUS, BAD_CALL, RESULTS_DIFFER
from coterie.psi.functions import Answers, Asks, Blinds, Raises, Round, hashed
from coterie.psi.matching import AmbiguousTagError, Matches, match
from coterie.psi.protocol import align
from coterie.psi.rows import (
    CHUNK,
    Alignment,
    Progress,
    RandomBytes,
    check,
    check_distinct,
    chunks,
    gathered,
    permutation,
)
from coterie.psi.statement import (
    DIGEST_BYTES,
    MOST_PARTIES,
    SEED_BYTES,
    asker,
    share_bytes,
    tag_bytes,
)
from coterie.psi.store import KEY_BYTES, cells, decode, encode, wide

if TYPE_CHECKING:
    from coterie.wire import Mesh

Bytes = NDArray[np.uint8]


def align_many(
    mesh: Mesh,
    rows: Mapping[str, int],
    hashes: Bytes,
    *,
    progress: Progress | None = None,
    chunk: int = CHUNK,
    random: RandomBytes = secrets.token_bytes,
) -> Alignment:
    """Find the rows that two to five parties have in common. All of them call it at the same time.

    Reveals to each party which of its own rows are common to all, and the others' numbers of rows; see
    ``STATEMENT_MANY``. Two parties run :func:`coterie.psi.align`. Sends exactly the bytes of
    :func:`coterie.psi.cost_many`, all within the mesh's present step.

    :param rows: the number of rows of each party, this one too, in the order that all parties have.
    :param hashes: shape (n, 32), uint8: the keyed hash of each row's id. Equal ids have equal hashes at all.
    :param progress: called as ``progress(done, total, what)``, in rows worked on; may raise to cancel.
    :param chunk: rows of a message; the same at all parties.
    :param random: the source of secret randomness: anything but the operating system's makes a run insecure.
    :returns: own row numbers in an order that is the same at all parties, and random.

    Errors: CT-2001 (a party has no rows), CT-2002 (two own rows have one id; nothing was sent), CT-2003 (a
    peer sent no group elements), CT-2004 (the asker's tags repeat), CT-2005 (a peer found other rows),
    CT-2006 (wrong arguments), CT-2007 (a chance below 2^-40), CT-1202 (a peer has another number of rows),
    and those of the channels. The caller tells the peers, by ``mesh.fail``.
    """
    if mesh.me not in rows or not 2 <= len(rows) <= MOST_PARTIES or rows[mesh.me] != len(hashes):
        raise BAD_CALL(f"{mesh.me!r} with {len(hashes)} rows, among parties {dict(rows)}")
    peers = {party: count for party, count in rows.items() if party != mesh.me}
    if len(peers) == 1:
        ((peer, count),) = peers.items()
        found = align(mesh, peer, hashes, count, progress=progress, chunk=chunk, random=random)
        # None is the answer of a run to one party only.
        assert found is not None
        return found
    check(hashes, list(peers.values()), chunk)
    check_distinct(hashes)
    return run_many(Many(mesh, rows, hashes, progress, chunk, random))


@dataclass(repr=False)
class Many:
    """What a run at one party works with."""

    mesh: Mesh
    rows: Mapping[str, int]
    hashes: Bytes
    progress: Progress | None
    chunk: int
    random: RandomBytes
    functions: tuple[type[Asks], type[Answers]] = (Blinds, Raises)
    session: bytes = b""
    dealer: str | None = None


def run_many(work: Many) -> Alignment:
    """One run of three parties or more, of rows that are checked already."""
    return (_Asker if asker(work.rows) == work.mesh.me else _Answerer)(work).run()


class _Session(ABC):
    """One run at one party."""

    def __init__(self, work: Many) -> None:
        rows = work.rows
        self._mesh = work.mesh
        self._rows = dict(rows)
        self._hashes = work.hashes
        self._progress = work.progress
        self._chunk = work.chunk
        self._random = work.random
        self._functions = work.functions
        self._asker = asker(rows)
        self._answerers = tuple(party for party in rows if party != self._asker)
        self._asked = rows[self._asker]
        """Rows of the asker."""
        self._width = share_bytes(self._asked)
        self._tag_width = tag_bytes(self._asked, sum(rows[party] for party in self._answerers))
        self._done, self._total = 0, 0
        self._round = Round(
            work.mesh,
            self._asker,
            self._answerers,
            self._asked,
            work.chunk,
            work.random,
            self._advance,
            work.session,
            work.dealer,
        )

    @abstractmethod
    def run(self) -> Alignment:
        """Do this party's part."""

    def _advance(self, rows: int, what: str) -> None:
        self._done += rows
        if self._progress:
            self._progress(self._done, self._total, what)

    def _receive(self, peer: str, tag: str, count: int, width: int) -> Bytes:
        """An array that comes in chunks."""
        whole = np.empty((count, width), dtype=np.uint8)
        for start, end in chunks(count, self._chunk):
            whole[start:end] = self._mesh.to(peer).recv_array(tag, np.uint8, (end - start, width))
        return whole

    def _send(self, peer: str, tag: str, whole: Bytes) -> None:
        for start, end in chunks(len(whole), self._chunk):
            self._mesh.to(peer).send_array(tag, whole[start:end])

    def _match(self, own: Bytes, tags: Bytes) -> Matches:
        try:
            return match(own, tags)
        except AmbiguousTagError as error:
            raise AMBIGUOUS("its tags repeat", party=self._asker) from error

    def _confirm(self, matches: Matches) -> None:
        """Compare the results of all parties."""
        peers = [party for party in self._rows if party != self._mesh.me]
        for peer in peers:
            self._mesh.to(peer).send_array("psi/digest", np.frombuffer(matches.digest, dtype=np.uint8))
        for peer in peers:
            digest = self._mesh.to(peer).recv_array("psi/digest", np.uint8, (DIGEST_BYTES,))
            if digest.tobytes() != matches.digest:
                raise RESULTS_DIFFER("the digests are not equal", party=peer)


class _Asker(_Session):
    """The party with the fewest rows, which finds what is common to all."""

    def run(self) -> Alignment:
        self._total = len(self._rows) * self._asked
        function = self._functions[0](self._round)
        order = permutation(self._asked, self._random)
        function.ask(gathered(self._hashes, order))
        sums = np.zeros((self._asked, self._width), dtype=np.uint8)
        for peer in self._answerers:
            sums ^= self._shares(peer, function.values(peer))
        common = order[~sums.any(axis=1)]
        own, tags = self._tags(common)
        for peer in self._answerers:
            self._mesh.to(peer).send_array("psi/key", self._tag_key)
            self._send(peer, "psi/common", tags)
        matches = self._match(own, tags)
        self._confirm(matches)
        return Alignment(common[matches.own])

    def _shares(self, peer: str, values: Bytes) -> Bytes:
        """What a peer's table says of own rows: its shares of those that it has, else random numbers."""
        of = self._rows[peer]
        table, channel = wide(cells(of)), self._mesh.to(peer)
        for start, end in chunks(len(table), self._chunk):
            part = channel.recv_array("psi/table", np.uint8, (end - start, self._width))
            table[start:end, : self._width] = part
        keys, masks = _parts(values)
        return (decode(table, keys, of) ^ masks)[:, : self._width]

    def _tags(self, common: NDArray[np.int64]) -> tuple[Bytes, Bytes]:
        """The tags of the common rows; and these among random ones, as many as there are rows."""
        self._tag_key = np.frombuffer(self._random(SEED_BYTES), dtype=np.uint8)
        own = hashed(self._hashes[common], self._tag_key.tobytes())[:, : self._tag_width]
        fill = (self._asked - len(common), self._tag_width)
        others = np.frombuffer(self._random(fill[0] * fill[1]), dtype=np.uint8).reshape(fill)
        return own, np.concatenate([own, others])[permutation(self._asked, self._random)]


class _Answerer(_Session):
    """Any other party."""

    def run(self) -> Alignment:
        self._total = self._asked + len(self._hashes)
        function = self._functions[1](self._round)
        seeds = self._share_seeds()
        function.answer()
        # Only now: meanwhile the asker works on the answers.
        self._send(self._asker, "psi/table", self._table(function.values(self._hashes), seeds))
        channel = self._mesh.to(self._asker)
        key = channel.recv_array("psi/key", np.uint8, (SEED_BYTES,)).tobytes()
        tags = self._receive(self._asker, "psi/common", self._asked, self._tag_width)
        matches = self._match(hashed(self._hashes, key)[:, : self._tag_width], tags)
        self._confirm(matches)
        return Alignment(matches.own)

    def _share_seeds(self) -> list[bytes]:
        """A key with each other answerer: who stands before the other draws it."""
        place = self._answerers.index(self._mesh.me)
        seeds = []
        for peer in self._answerers[place + 1 :]:
            seeds.append(self._random(SEED_BYTES))
            self._mesh.to(peer).send_array("psi/seed", np.frombuffer(seeds[-1], dtype=np.uint8))
        for peer in self._answerers[:place]:
            seeds.append(self._mesh.to(peer).recv_array("psi/seed", np.uint8, (SEED_BYTES,)).tobytes())
        return seeds

    def _table(self, values: Bytes, seeds: list[bytes]) -> Bytes:
        """The oblivious store of own rows and their masked shares."""
        keys, masks = _parts(values)
        for start, end in chunks(len(masks), self._chunk):
            part = self._hashes[start:end]
            for seed in seeds:
                masks[start:end] ^= hashed(part, seed)[:, : masks.shape[1]]
        return np.ascontiguousarray(encode(keys, masks, self._random)[:, : self._width])


def _parts(values: Bytes) -> tuple[Bytes, Bytes]:
    """Of values of F the keys of the store, and what masks its values; shapes (n, 16)."""
    return values[:, :KEY_BYTES].copy(), values[:, KEY_BYTES:].copy()
