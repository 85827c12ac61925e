"""Questions to a prepared table: which of a few ids are among very many, by few bytes.

The owner of the many ids has a secret key k for each table. With H a hash to the group, F(y) = hash(y,
H(y)^k) is a function that nobody computes without the owner; the table has a tag of F(y) for each of its ids
y. To ask for x, the other party sends H(x)^r with a fresh random r and gets H(x)^(r·k), of which it makes
F(x) and looks it up by itself: one round trip. The owner proves that it used the table's key for all of them,
so that it cannot answer "not there" about an id of its choice, or single out a party by a key of its own.

This is the verifiable oblivious pseudorandom function of RFC 9497 with ristretto255-SHA512, in its mode 1, as
it is written there: HashToGroup, Blind, BlindEvaluate, GenerateProof, VerifyProof, Finalize, DeriveKeyPair.
Its inputs are the 32-byte keyed hashes of ids. The proof is always of one pair: those of many ids are first
added up with weights that are hashes of all of them, since the RFC's own weights, each a hash of its pair
alone, let an owner find wrong answers whose errors cancel (``kernels/src/voprf_proof.rs``).

What each side sees. H(x)^r is a uniform element whatever x is, so that the owner learns how many ids are
asked for, and nothing else, however much it computes. The party that asks learns F(x) for as many x as it
asked for, and by them which of these are in the table; the other tags are pseudorandom to it (one-more gap
Diffie-Hellman, hashes as random oracles). What it asks for is its own choice: who may ask without end can try
all telephone numbers. So the number of questions is what an agreement must bound, and what the owner counts.

Sources: RFC 9497 (2023); Jarecki, Kiayias, Krawczyk, "Round-optimal password-protected secret sharing"
(2014), for the function; Kiss, Liu, Schneider, Asokan, Pinkas, "Private set intersection for unequal set
sizes with mobile applications" (2017), for tables prepared once.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from coterie._kernels import (
    ristretto_mul,
    ristretto_scalar,
    voprf_blind,
    voprf_evaluate,
    voprf_finalize,
    voprf_key,
    voprf_prove,
    voprf_scalars,
    voprf_sum,
    voprf_verify,
)
from coterie.crypto import canonical
from coterie.psi.errors import BAD_CALL, BAD_POINT, WRONG_KEY
from coterie.psi.prepared_table import PreparedTable, TableBinding
from coterie.psi.rows import Progress, RandomBytes, chunks
from coterie.psi.statement import HASH_BYTES, POINT_BYTES, STATISTICAL_BITS, ProtocolStatement

if TYPE_CHECKING:
    from coterie.wire import Channel

BATCH = 16384
"""Ids of a message, which share a proof: some 0.2 s of work. RFC 9497 numbers them in two bytes."""

PROOF_BYTES = 64
SEED_BYTES = 32

STATEMENT_LOOKUP = ProtocolStatement(
    protocol="lookups in a prepared table by a verifiable oblivious function on Ristretto255 (RFC 9497)",
    adversary="semi-honest, and an owner of the table that answers with another key is caught",
    threshold="one of the two parties",
    helper=None,
    computational_bits=125,
    statistical_bits=STATISTICAL_BITS,
    leaks=(
        "The party that asks learns which of the ids that it asks for are in the other's table, and how many "
        "different ids the table has; the owner of the table learns how many ids are asked for, and not "
        "which of them it has"
    ),
)
"""The party that asks may ask for guessed ids: only the number of questions bounds what it finds out."""


class TableKey:
    """The owner's secret of one table. Whoever has it, and the table, can try any id without asking."""

    def __init__(self, seed: bytes, binding: TableBinding) -> None:
        """:param seed: 32 secret random bytes, kept by the owner as long as the table is asked. The key is of
        this seed and this binding, so that no two agreements have a table of one key.
        """
        if len(seed) != SEED_BYTES:
            raise BAD_CALL(f"a seed of {len(seed)} bytes")
        self._secret, public = voprf_key(seed, canonical(binding))
        self.table = public.hex()
        """The public element, by which the table is known."""

    def tags(self, hashes: NDArray[np.uint8], width: int) -> NDArray[np.uint8]:
        """(n, width): the first bytes of F of the owner's own ids, by their hashes of shape (n, 32)."""
        return voprf_evaluate(hashes, self._secret, width)

    def answer(
        self,
        points: NDArray[np.uint8],
        *,
        party: str | None = None,
        random: RandomBytes = secrets.token_bytes,
    ) -> tuple[NDArray[np.uint8], bytes]:
        """The answers (n, 32) to up to 65536 blinded ids (n, 32), and the proof of 64 bytes for all of them.

        :param party: who asks, for the error.

        Errors: CT-2003 (these are no group elements), CT-2006 (none, or too many).
        """
        if not 1 <= len(points) <= 1 << 16:
            raise BAD_CALL(f"{len(points)} blinded ids")
        try:
            answers = ristretto_mul(points, self._secret)
        except ValueError as error:
            raise BAD_POINT(str(error), party=party) from error
        pair = voprf_sum(bytes.fromhex(self.table), points, answers)
        return answers, voprf_prove(self._secret, pair[:1], pair[1:], ristretto_scalar(random(64)))

    def __repr__(self) -> str:
        return f"TableKey({self.table[:16]}…)"


@dataclass(frozen=True)
class Question:
    """Ids, blinded to be asked for, at the party that asks."""

    points: NDArray[np.uint8]
    """(n, 32): what is sent."""
    _hashes: NDArray[np.uint8] = field(repr=False)
    _blinds: NDArray[np.uint8] = field(repr=False)

    @classmethod
    def of(cls, hashes: NDArray[np.uint8], *, random: RandomBytes = secrets.token_bytes) -> Question:
        """:param hashes: shape (n, 32): the keyed hashes of the ids."""
        if hashes.dtype != np.uint8 or hashes.ndim != 2 or hashes.shape[1] != HASH_BYTES:
            raise BAD_CALL(f"hashes of type {hashes.dtype} and shape {hashes.shape}, not uint8 and (n, 32)")
        hashes = np.ascontiguousarray(hashes)
        fresh = np.frombuffer(random(64 * len(hashes)), dtype=np.uint8).reshape(-1, 64)
        blinds = voprf_scalars(fresh)
        return cls(voprf_blind(hashes, blinds), hashes, blinds)

    def values(
        self, table: str, answers: NDArray[np.uint8], proof: bytes, width: int, *, party: str | None = None
    ) -> NDArray[np.uint8]:
        """(n, width): the first bytes of F of each id, once the proof holds.

        :param table: the public element that the answers must be by, in hex: the table's.
        :param party: who has answered, for the error.

        Errors: CT-2034 (not by this key, or no answers at all).
        """
        whole = answers.shape == self.points.shape and answers.dtype == np.uint8 and len(proof) == PROOF_BYTES
        if not whole or not _proves(bytes.fromhex(table), self.points, answers, proof):
            raise WRONG_KEY(f"its proof for {len(self.points)} ids does not hold", party=party)
        return voprf_finalize(self._hashes, self._blinds, answers, width)


def _proves(public: bytes, points: NDArray[np.uint8], answers: NDArray[np.uint8], proof: bytes) -> bool:
    try:
        pair = voprf_sum(public, points, answers)
    except ValueError:
        return False  # what is no element
    return voprf_verify(public, pair[:1], pair[1:], proof)


@dataclass(frozen=True)
class LookupCost:
    """What one run takes, exactly."""

    asked: int
    """Payload bytes from the party that asks to the owner of the table."""
    answered: int
    """And back."""
    asker_multiplications: int
    """Of group elements."""
    owner_multiplications: int


LOOKUP_ROUNDS_OWNER = 1
LOOKUP_ROUNDS_ASKER = 2
"""Questions and answers, however many ids there are."""


def lookup_cost(rows: int) -> LookupCost:
    """Bytes and work of :func:`ask` and :func:`answer` for so many ids, whatever the table."""
    proofs = -(-rows // BATCH)
    # A proof costs each side about a third of a multiplication for an id, as the sums of many are cheap.
    return LookupCost(
        asked=POINT_BYTES * rows,
        answered=POINT_BYTES * rows + PROOF_BYTES * proofs,
        asker_multiplications=3 * rows,
        owner_multiplications=2 * rows,
    )


def ask(
    channel: Channel,
    table: PreparedTable,
    hashes: NDArray[np.uint8],
    *,
    progress: Progress | None = None,
    random: RandomBytes = secrets.token_bytes,
) -> NDArray[np.bool_]:
    """Which of these ids are in the table of the channel's peer, which calls :func:`answer` at the same time.

    :param hashes: shape (n, 32): the keyed hashes of the ids.
    :param progress: called as ``progress(done, total, what)``, in ids; may raise to cancel.
    :returns: shape (n,).

    Errors: CT-2034 (the peer did not use the table's key), CT-2006, and those of the channel.
    """
    spans = chunks(len(hashes), BATCH)
    questions = []
    # All of them before any answer is waited for: both sides then work at once.
    for number, (start, end) in enumerate(spans):
        questions.append(Question.of(hashes[start:end], random=random))
        channel.send_array("lookup/points", questions[number].points)
        if progress:
            progress(end, 2 * len(hashes), "blinding own ids")
    held = np.zeros(len(hashes), dtype=np.bool_)
    for question, (start, end) in zip(questions, spans, strict=True):
        answers = channel.recv_array("lookup/answers", np.uint8, (end - start, POINT_BYTES))
        proof = channel.recv_array("lookup/proof", np.uint8, (PROOF_BYTES,)).tobytes()
        head = table.head
        held[start:end] = table.holds(
            question.values(head.table, answers, proof, head.width, party=channel.peer)
        )
        if progress:
            progress(len(hashes) + end, 2 * len(hashes), "looking up")
    return held


def answer(
    channel: Channel,
    key: TableKey,
    rows: int,
    *,
    progress: Progress | None = None,
    random: RandomBytes = secrets.token_bytes,
) -> None:
    """Answer the channel's peer, which asks for so many ids; see :func:`ask`. Whoever calls this has counted
    them.

    Errors: CT-2003 (the peer sent no group elements), and those of the channel.
    """
    for start, end in chunks(rows, BATCH):
        points = channel.recv_array("lookup/points", np.uint8, (end - start, POINT_BYTES))
        answers, proof = key.answer(points, party=channel.peer, random=random)
        channel.send_array("lookup/answers", answers)
        channel.send_array("lookup/proof", np.frombuffer(proof, dtype=np.uint8))
        if progress:
            progress(end, rows, "answering for the peer's ids")
