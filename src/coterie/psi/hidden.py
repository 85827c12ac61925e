"""Set intersection to none: two parties share for each bin of a table whether what is in it is common.

R puts each of its rows x into a bin of its own (``cuckoo.py``): into the i-th of the three that x may lie in.
S has each of its rows y in all three. F is an oblivious pseudo-random function (``many.py``, step 2: 2HashDH)
of a row with such a number i.

1. *Points.* R sends the key of the table, and for each of its rows (x, i) a blinded point.
2. *Answers.* S raises them to its secret: R has F(x, i), for the one i of each row.
3. *Table.* S draws for each bin j a *string* r_j, and for each of its columns a number p_j. It sends an
   oblivious key-value store (``store.py``): for each row y and each i, with j the i-th bin of y, the values
   r_j and y's numbers less p_j modulo 2^64, masked by F(y, i).
4. R looks up each of its rows: strings r'_j, and numbers. For empty bins it draws them.

So in the bin of a common row r'_j = r_j, and R's number and p_j are shares of S's column there. In any other
bin r'_j is random, and equal to r_j by chance with 2^-40 for all bins together. Whether they are equal is for
secure computation to find, as a shared bit: this protocol tells it to nobody.

Who sees what, if both follow the protocol:

- *S* sees a key that is drawn until the rows of R can be placed, which is within 2^-40 of a uniform one
  (``cuckoo.py``), and random elements (decisional Diffie-Hellman, H a random oracle). It learns R's number of
  rows.
- *R* computes F for one i of each of its own rows. What the table holds under all other keys is masked by
  strings that it can not compute, so the table is uniformly random but for the own rows that are common:
  these show r_j and numbers less p_j, of one row in each bin, and no other row shows that r_j or that p_j.
  They are uniform and independent. So R's view is the same whichever of its rows are common. It learns S's
  number of rows.

  That each row is looked up by one i alone is needed: were F of y alone, R could look up two of its rows in a
  bin that both may lie in, and would find equal strings if both are common.

Sources: Pinkas, Schneider, Tkachenko, Yanai, "Efficient circuit-based PSI with linear communication" (2019);
Chandran, Gupta, Shah, "Circuit-PSI with linear complexity via relaxed batch OPPRF" (2022); Rindal,
Schoppmann, "VOLE-PSI: fast OPRF and circuit-PSI from vector-OLE" (2021), section 6.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from coterie._kernels import keyed_hashes, ristretto_hash_mul, ristretto_mul, ristretto_scalar
from coterie.psi.cuckoo import CHOICES, KEY_BYTES, bins, named, placed
from coterie.psi.errors import BAD_NUMBERS, BAD_POINT
from coterie.psi.rows import CHUNK, Progress, RandomBytes, check, check_distinct, chunks
from coterie.psi.statement import HASH_BYTES, POINT_BYTES, STATISTICAL_BITS, ProtocolStatement
from coterie.psi.store import SLOT_BYTES, Slots, as_bytes, as_words, cells, decode, encode

if TYPE_CHECKING:
    from coterie.wire import Channel

ROUNDS_RECEIVER, ROUNDS_SENDER = 2, 1
WORD = 8
_PAD = 32
"""Bytes of a mask that one hash gives."""
_ORDER = 2**252 + 27742317777372353535851937790883648493
"""Of the group."""

Bytes = NDArray[np.uint8]
Words = NDArray[np.uint64]
Rows = NDArray[np.int64]

STATEMENT_HIDDEN = ProtocolStatement(
    protocol="oblivious Diffie-Hellman functions on Ristretto255, an oblivious store and a cuckoo table",
    adversary="semi-honest",
    threshold="one of the two parties",
    helper=None,
    computational_bits=125,
    statistical_bits=STATISTICAL_BITS,
    leaks="Each of the two parties learns how many rows the other has, and nothing else",
)


def _domain(name: str) -> bytes:
    return f"coterie/psi/hidden/{name}/v1".encode().ljust(32, b"\0")


# Public: they separate these hashes from all others.
_ITEM, _VALUE, _SLOTS = _domain("item"), _domain("value"), (_domain("slot/1"), _domain("slot/2"))


@dataclass(frozen=True)
class Taken:
    """What the receiver has of each bin."""

    strings: Words
    """(bins,) of :func:`string_bits` bits."""
    numbers: Words
    """(bins, columns): its shares of the sender's columns, where the bin's row is common."""
    rows: Rows
    """(bins,): its own row in the bin, or -1."""

    def __repr__(self) -> str:
        return f"<Taken: {len(self.rows)} bins>"


@dataclass(frozen=True)
class Given:
    """What the sender has of each bin."""

    strings: Words
    numbers: Words

    def __repr__(self) -> str:
        return f"<Given: {len(self.strings)} bins>"


@dataclass(frozen=True)
class CostHidden:
    """What one run takes, exactly."""

    bins: int
    receiver_to_sender: int
    """Payload bytes."""
    sender_to_receiver: int
    rounds_receiver: int
    """Length of the longest chain of messages that ends at this party."""
    rounds_sender: int
    multiplications: int
    """Of group elements, at the busier party."""
    memory: int
    """Bytes at the party that needs more, at most, beyond what is given and returned."""


def string_bits(count: int) -> int:
    """⌈log2 bins⌉ + 40: some string of a bin whose row is not common is equal with at most 2^-40."""
    return (count - 1).bit_length() + STATISTICAL_BITS


def cost_hidden(receiver: int, sender: int, columns: int = 0) -> CostHidden:
    """Of :func:`circuit_receive` and :func:`circuit_send` between parties with these numbers of rows.

    Independent of the data, and of how many rows are common.
    """
    count, width = bins(receiver), _width(bins(receiver), columns)
    table = cells(CHOICES * sender)
    return CostHidden(
        bins=count,
        receiver_to_sender=KEY_BYTES + POINT_BYTES * receiver,
        sender_to_receiver=POINT_BYTES * receiver + width * table,
        rounds_receiver=ROUNDS_RECEIVER,
        rounds_sender=ROUNDS_SENDER,
        multiplications=receiver + max(receiver, CHOICES * sender),
        # The table as words and as it is sent, slots and values while it is made. What a chunk takes is the
        # constant.
        memory=3 * (width + WORD) * table
        + (SLOT_BYTES + 3 * (width + WORD)) * CHOICES * max(sender, receiver)
        + (4 << 20),
    )


def circuit_receive(
    channel: Channel,
    hashes: Bytes,
    peer_rows: int,
    columns: int = 0,
    *,
    progress: Progress | None = None,
    chunk: int = CHUNK,
    random: RandomBytes = secrets.token_bytes,
) -> Taken:
    """The part of the party whose rows the bins are. The peer calls :func:`circuit_send` at the same time.

    Reveals nothing but numbers of rows; see ``STATEMENT_HIDDEN``. Sends exactly the bytes of
    :func:`cost_hidden`.

    :param hashes: shape (n, 32), uint8: the keyed hash of each row's id. Equal ids have equal hashes at both.
    :param peer_rows: the peer's number of rows, as the plan says.
    :param columns: how many numbers of each row the peer gives.
    :param progress: called as ``progress(done, total, what)``, in rows worked on; may raise to cancel.
    :param chunk: rows of a message; the same at both parties.
    :param random: the source of secret randomness: anything but the operating system's makes a run insecure.

    Errors: CT-2001 (a party has no rows), CT-2002 (two own rows have one id; nothing was sent), CT-2003 (the
    peer sent no group elements), CT-2006 (wrong arguments), CT-2007 (a chance below 2^-320), CT-1202 (the
    peer has another number of rows), and those of the channel. The caller tells the peer, by ``mesh.fail``.
    """
    check(hashes, [peer_rows], chunk)
    check_distinct(hashes)
    step = _Steps(progress, 2 * len(hashes))
    key, places, which = placed(hashes, random)
    channel.send_array("psi/key", np.frombuffer(key, np.uint8))
    values = _asked(channel, _items(hashes, which), chunk, random, step)
    count = bins(len(hashes))
    width, of = _width(count, columns), CHOICES * peer_rows
    table = np.empty((cells(of), width), np.uint8)
    for start, end in chunks(len(table), chunk):
        table[start:end] = channel.recv_array("psi/table", np.uint8, (end - start, width))
    found = decode(as_words(table), _slots(values, of)) ^ as_words(_pads(values, width))
    # Also what stays in empty bins: nothing tells them apart.
    strings = _drawn(random, count, 1)[:, 0]
    numbers = _drawn(random, count, columns)
    rows = np.full(count, -1, np.int64)
    own = places[np.arange(len(hashes)), which]
    strings[own], numbers[own] = _split(found, width, columns)
    rows[own] = np.arange(len(hashes))
    return Taken(strings & _low(count), numbers, rows)


def circuit_send(
    channel: Channel,
    hashes: Bytes,
    peer_rows: int,
    numbers: Words | None = None,
    *,
    progress: Progress | None = None,
    chunk: int = CHUNK,
    random: RandomBytes = secrets.token_bytes,
) -> Given:
    """The part of the other party.

    :param numbers: shape (n, columns): of each row, to be shared where it is common; none where not given.

    Else as :func:`circuit_receive`, and CT-2040 where the numbers are not those of the rows.
    """
    check(hashes, [peer_rows], chunk)
    check_distinct(hashes)
    given = np.empty((len(hashes), 0), np.uint64) if numbers is None else numbers
    if given.dtype != np.uint64 or given.ndim != 2 or len(given) != len(hashes):
        raise BAD_NUMBERS(f"{given.dtype} of shape {given.shape} for {len(hashes)} rows")
    count, columns = bins(peer_rows), given.shape[1]
    width = _width(count, columns)
    step = _Steps(progress, peer_rows + CHOICES * len(hashes))
    scalar = ristretto_scalar(random(64))
    key = channel.recv_array("psi/key", np.uint8, (KEY_BYTES,)).tobytes()
    _answer(channel, scalar, peer_rows, chunk, step)
    strings, masks = _drawn(random, count, 1) & _low(count), _drawn(random, count, columns)
    # Row after row, the three of each together.
    places = named(hashes, key, peer_rows).reshape(-1)
    which = np.tile(np.arange(CHOICES, dtype=np.uint32), len(hashes))
    values = _evaluated(_items(np.repeat(hashes, CHOICES, axis=0), which), scalar, chunk, step)
    told = np.repeat(given, CHOICES, axis=0) - masks[places]
    joined = _joined(strings[places], told, width)
    whole = as_words(joined ^ _pads(values, width))
    table = as_bytes(encode(_slots(values, len(values)), whole, random), width)
    for start, end in chunks(len(table), chunk):
        channel.send_array("psi/table", table[start:end])
    return Given(strings[:, 0], masks)


# The function


def _asked(channel: Channel, items: Bytes, chunk: int, random: RandomBytes, step: _Steps) -> Bytes:
    """F of own items, from the peer that holds its secret; shape (n, 32)."""
    scalar = ristretto_scalar(random(64))
    inverse = pow(int.from_bytes(scalar, "little"), -1, _ORDER).to_bytes(32, "little")
    for start, end in chunks(len(items), chunk):
        channel.send_array("psi/points", ristretto_hash_mul(items[start:end], scalar))
        step(end - start, "blinding own rows")
    values = np.empty((len(items), HASH_BYTES), np.uint8)
    for start, end in chunks(len(items), chunk):
        answers = channel.recv_array("psi/answers", np.uint8, (end - start, POINT_BYTES))
        values[start:end] = _value(_times(answers, inverse, start, channel.peer), items[start:end])
        step(end - start, "reading the peer's answers")
    return values


def _answer(channel: Channel, scalar: bytes, rows: int, chunk: int, step: _Steps) -> None:
    for start, end in chunks(rows, chunk):
        points = channel.recv_array("psi/points", np.uint8, (end - start, POINT_BYTES))
        channel.send_array("psi/answers", _times(points, scalar, start, channel.peer))
        step(end - start, "blinding the peer's rows")


def _evaluated(items: Bytes, scalar: bytes, chunk: int, step: _Steps) -> Bytes:
    """F of own items, by the holder of the secret."""
    values = np.empty((len(items), HASH_BYTES), np.uint8)
    for start, end in chunks(len(items), chunk):
        part = items[start:end]
        values[start:end] = _value(ristretto_hash_mul(part, scalar), part)
        step(end - start, "blinding own rows")
    return values


def _times(points: Bytes, scalar: bytes, start: int, peer: str) -> Bytes:
    try:
        return ristretto_mul(points, scalar)
    except ValueError as error:
        raise BAD_POINT(f"from row {start}: {error}", party=peer) from error


def _value(points: Bytes, items: Bytes) -> Bytes:
    return _hashed(np.concatenate([points, items], axis=1), _VALUE)


# Keys, masks and values of the table


def _hashed(rows: Bytes, key: bytes) -> Bytes:
    """BLAKE3 of each row under that key, shape (n, 32)."""
    cuts = np.arange(0, rows.size + 1, rows.shape[1], dtype=np.int64)
    return keyed_hashes((np.ascontiguousarray(rows).reshape(-1), cuts), key)


def _items(hashes: Bytes, which: NDArray[np.uint32]) -> Bytes:
    """Rows with the number of their bin, among the three."""
    return _hashed(np.concatenate([hashes, which.astype(np.uint8)[:, None]], axis=1), _ITEM)


def _slots(values: Bytes, of: int) -> Slots:
    slots = Slots.empty(len(values))
    slots.fill(0, np.concatenate([_hashed(values, key) for key in _SLOTS], axis=1), of=of)
    return slots


def _pads(values: Bytes, width: int) -> Bytes:
    """The mask of each key's values."""
    parts = [_hashed(values, _domain(f"pad/{part}")) for part in range(-(-width // _PAD))]
    return np.concatenate(parts, axis=1)[:, :width]


def _width(count: int, columns: int) -> int:
    """Bytes of a value: the string, then the numbers."""
    return -(-string_bits(count) // 8) + WORD * columns


def _joined(strings: Words, numbers: Words, width: int) -> Bytes:
    lead = width - WORD * numbers.shape[1]
    parts = [np.ascontiguousarray(one, "<u8").view(np.uint8) for one in (strings, numbers)]
    return np.concatenate(
        [parts[0].reshape(len(strings), -1)[:, :lead], parts[1].reshape(len(numbers), -1)], 1
    )


def _split(found: Words, width: int, columns: int) -> tuple[Words, Words]:
    text = as_bytes(found, width)
    lead = width - WORD * columns
    numbers = np.ascontiguousarray(text[:, lead:]).view("<u8").reshape(len(text), columns)
    return as_words(text[:, :lead])[:, 0], numbers


def _drawn(random: RandomBytes, count: int, columns: int) -> Words:
    return np.frombuffer(random(WORD * count * columns), "<u8").reshape(count, columns).astype(np.uint64)


def _low(count: int) -> np.uint64:
    return np.uint64((1 << string_bits(count)) - 1)


class _Steps:
    """How far a party is."""

    def __init__(self, progress: Progress | None, total: int) -> None:
        self._progress, self._total, self._done = progress, total, 0

    def __call__(self, rows: int, what: str) -> None:
        self._done += rows
        if self._progress:
            self._progress(self._done, self._total, what)
