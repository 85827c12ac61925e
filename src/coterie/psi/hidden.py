"""Set intersection to none: two parties share for each bin of a table whether what is in it is common.

R puts each of its rows x into a bin of its own (``cuckoo.py``): into the i-th of the three that x may lie in.
S has each of its rows y in all three. F is an oblivious pseudo-random function (``oprf.py``) of a row with
such a number i.

1. *Function.* R sends the key of the bins, and gets F(x, i), for the one i of each of its rows. S can compute
   F of anything.
2. *Table.* S draws for each bin j a *string* r_j, and for each of its columns a number p_j: random words of
   64 bits. It sends an oblivious key-value store: for each row y and each i, with j the i-th bin of y, the
   values r_j and y's numbers less p_j modulo 2^64, masked by F(y, i). Of strings some bits are compared. Its
   cells are hashes under a session that S draws as the last: else R could choose one in which rows that it
   guesses have no store, and see by the run's end whether S has them.
3. R looks up each of its rows: strings r'_j, and numbers. For empty bins it draws them.

So in the bin of a common row r'_j = r_j, and R's number and p_j are shares of S's column there. In any other
bin r'_j is random, and equal to r_j by chance with 2^-40 for all bins together. Whether they are equal is for
secure computation to find, as a shared bit: this protocol tells it to nobody.

Who sees what, if both follow the protocol:

- *S* sees a key that is drawn until the rows of R can be placed, which is within 2^-40 of a uniform one
  (``cuckoo.py``), and what the function shows it, which is as good as random. It learns R's number of rows.
- *R* computes F for one i of each of its own rows. What the table holds under all other keys is masked by
  strings that are as good as random to it, so the table is uniformly random but for the own rows that are
  common: these show r_j and numbers less p_j, of one row in each bin, and no other row shows that r_j or that
  p_j. They are uniform and independent. So R's view is the same whichever of its rows are common. It learns
  S's number of rows.

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

from coterie._kernels import keyed_hashes, okvs_cells, okvs_decode, okvs_encode
from coterie.psi import oprf, vole
from coterie.psi.costs import Clock, count_oprf
from coterie.psi.cuckoo import CHOICES, KEY_BYTES, bins, named, placed
from coterie.psi.errors import BAD_NUMBERS, NO_ROWS, NO_TABLE, TOO_MANY_ROWS
from coterie.psi.method import Method
from coterie.psi.rows import Progress, RandomBytes, check, check_distinct
from coterie.psi.statement import ITEM_BYTES, STATISTICAL_BITS, ProtocolStatement

if TYPE_CHECKING:
    from coterie.wire import Channel

WORD = 8
CELL_BYTES = 16
"""Of the table: two words of a row's values, the string first."""
CHUNK_CELLS = 1 << 16
"""Cells of a message: 1 MiB."""
MOST_BINS = 1 << 24
"""Of more, strings of 40 bits beyond their number would not fit a word."""
MOST_SENT = (1 << 32) // CHOICES
"""Rows of the sender: a store has no more keys than 2^32."""
ROWS = 1 << 14
"""Rows whose values of the function are in memory at once."""
_PER_KEY = 28
"""Bytes that a store takes while it is encoded."""
SESSION_BYTES = 16
_OPERATIONS = 800
"""Ring multiplications that take as long as what is done for one cell, for the estimate of time."""

Bytes = NDArray[np.uint8]
Words = NDArray[np.uint64]
Rows = NDArray[np.int64]

STATEMENT_HIDDEN = ProtocolStatement(
    protocol="oblivious pseudo-random function by vector oblivious linear evaluation, an oblivious key-value "
    "store and a cuckoo table",
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
_ITEM, _SESSION = _domain("item"), _domain("session")

_METHOD = Method("oprf")


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
    operations: int
    """About as many ring multiplications as take the same time."""
    memory: int
    """Bytes at the party that needs more, at most, beyond what is given and returned."""


def string_bits(count: int) -> int:
    """⌈log2 bins⌉ + 40: some string of a bin whose row is not common is equal with at most 2^-40."""
    return (count - 1).bit_length() + STATISTICAL_BITS


def cost_hidden(receiver: int, sender: int, columns: int = 0) -> CostHidden:
    """Of :func:`circuit_receive` and :func:`circuit_send` between parties with these numbers of rows.

    Independent of the data, and of how many rows are common. Errors: CT-2001 (a party has no rows), CT-2041
    (more than ``MOST_BINS`` bins, which some 12.9 million rows of the receiver need, or ``MOST_SENT`` rows).
    """
    if min(receiver, sender) < 1:
        raise NO_ROWS(f"{receiver} and {sender} rows")
    _check_sizes(receiver, sender)
    clock, cells = Clock(), _parts(columns) * okvs_cells(CHOICES * sender)
    clock.messages(("receiver", "sender", KEY_BYTES))
    count_oprf(clock, _METHOD, "receiver", "sender", receiver)
    clock.messages(("sender", "receiver", SESSION_BYTES + CELL_BYTES * cells))
    return CostHidden(
        bins=bins(receiver),
        receiver_to_sender=clock.sent["receiver"]["sender"],
        sender_to_receiver=clock.sent["sender"]["receiver"],
        rounds_receiver=clock.depths["receiver"],
        rounds_sender=clock.depths["sender"],
        operations=_OPERATIONS * (okvs_cells(receiver) + cells + CHOICES * sender) + 10**8,
        memory=_memory(receiver, sender, columns),
    )


def _memory(receiver: int, sender: int, columns: int) -> int:
    """As measured, and an eighth more."""
    own, told, row = okvs_cells(receiver), CHOICES * sender, CELL_BYTES * _parts(columns)
    drawn, table = row * bins(receiver), CELL_BYTES * okvs_cells(told)
    expanding = vole.vole_cost(own).memory
    # Of the sender the function, what is drawn, keys and values of the table, and what encoding takes.
    sending = max(expanding, CELL_BYTES * own + drawn + (CELL_BYTES + row + _PER_KEY) * told + table)
    # Of the receiver its items and the bins that they may lie in; then the function's values, a table and
    # what is found in it; then bins, as they are drawn and as they are returned.
    values = (2 * CELL_BYTES + row) * receiver
    receiving = 48 * receiver + max(
        expanding, values + table + CELL_BYTES * receiver, values + (CELL_BYTES + _PER_KEY) * own, 3 * drawn
    )
    return max(sending, receiving) * 9 // 8 + (16 << 20)


def _check_sizes(receiver: int, sender: int) -> None:
    if bins(receiver) > MOST_BINS or sender > MOST_SENT:
        raise TOO_MANY_ROWS(f"{receiver:,} and {sender:,} rows")


def circuit_receive(
    channel: Channel,
    hashes: Bytes,
    peer_rows: int,
    columns: int = 0,
    *,
    progress: Progress | None = None,
    random: RandomBytes = secrets.token_bytes,
) -> Taken:
    """The part of the party whose rows the bins are. The peer calls :func:`circuit_send` at the same time.

    Reveals nothing but numbers of rows; see ``STATEMENT_HIDDEN``. Sends exactly the bytes of
    :func:`cost_hidden`.

    :param hashes: shape (n, 32), uint8: the keyed hash of each row's id. Equal ids have equal hashes at both.
    :param peer_rows: the peer's number of rows, as the plan says.
    :param columns: how many numbers of each row the peer gives.
    :param progress: called as ``progress(done, total, what)``, in steps of the protocol; may raise to cancel.
    :param random: the source of secret randomness: anything but the operating system's makes a run insecure.

    Errors: CT-2001 (a party has no rows), CT-2002 (two own rows have one id; nothing was sent), CT-2006
    (wrong arguments), CT-2007 (a chance below 2^-40), CT-2010 (the peer sent no group elements), CT-1202 (the
    peer has another number of rows), CT-2041 (too many rows), and those of the channel. The caller tells the
    peer, by ``mesh.fail``.
    """
    check(hashes, [peer_rows], 1)
    _check_sizes(len(hashes), peer_rows)
    check_distinct(hashes)
    step = _Steps(progress)
    step("placing own rows")
    key, places, which = placed(hashes, random)
    channel.send_array("psi/key", np.frombuffer(key, np.uint8))
    step("agreeing on a function")
    items = _items(hashes, which)
    taken = vole.take(channel, okvs_cells(len(items)), random=random)
    values = oprf.receive(channel, items, taken, _session(key, "function"), random, malicious=False)
    step("receiving the table")
    draw = channel.recv_array("psi/draw", np.uint8, (SESSION_BYTES,)).tobytes()
    found = _looked_up(channel, items, values, CHOICES * peer_rows, columns, key + draw)
    count = bins(len(hashes))
    # Also what stays in empty bins: nothing tells them apart.
    strings, numbers = _drawn(random, count, 1)[:, 0], _drawn(random, count, columns)
    rows = np.full(count, -1, np.int64)
    own = places[np.arange(len(hashes)), which]
    strings[own], numbers[own] = found[:, 0], found[:, 1 : 1 + columns]
    rows[own] = np.arange(len(hashes))
    return Taken(strings & _low(count), numbers, rows)


def circuit_send(
    channel: Channel,
    hashes: Bytes,
    peer_rows: int,
    numbers: Words | None = None,
    *,
    progress: Progress | None = None,
    random: RandomBytes = secrets.token_bytes,
) -> Given:
    """The part of the other party.

    :param numbers: shape (n, columns): of each row, to be shared where it is common; none where not given.

    Else as :func:`circuit_receive`, and CT-2040 where the numbers are not those of the rows.
    """
    check(hashes, [peer_rows], 1)
    _check_sizes(peer_rows, len(hashes))
    check_distinct(hashes)
    given = np.empty((len(hashes), 0), np.uint64) if numbers is None else numbers
    if given.dtype != np.uint64 or given.ndim != 2 or len(given) != len(hashes):
        raise BAD_NUMBERS(f"{given.dtype} of shape {given.shape} for {len(hashes)} rows")
    count, columns, step = bins(peer_rows), given.shape[1], _Steps(progress)
    step("waiting for the bins")
    key = channel.recv_array("psi/key", np.uint8, (KEY_BYTES,)).tobytes()
    step("agreeing on a function")
    giving = vole.give(channel, okvs_cells(peer_rows), random=random)
    function = oprf.serve(channel, peer_rows, giving, _session(key, "function"), random, malicious=False)
    step("making the table")
    # The string, what numbers are masked by, and what is left over of a cell: every bit of them is random. By
    # one that is always the same the receiver would know which of its rows are common.
    drawn = _drawn(random, count, 2 * _parts(columns))
    items, words = _told(function, hashes, given, drawn, key)
    draw = random(SESSION_BYTES)
    channel.send_array("psi/draw", np.frombuffer(draw, np.uint8))
    _send_table(channel, items, words, random, key + draw)
    return Given(drawn[:, 0] & _low(count), drawn[:, 1 : 1 + columns].copy())


# The table: one store for each two words of a row's values


def _told(
    function: oprf.Evaluator, hashes: Bytes, given: Words, drawn: Words, key: bytes
) -> tuple[Bytes, list[Words]]:
    """The table's keys and its masked words, row after row: the three of each together. Two words of each
    store."""
    columns, count = given.shape[1], CHOICES * len(hashes)
    words = [np.empty((count, 2), "<u8") for _ in range(drawn.shape[1] // 2)]
    items = np.empty((count, ITEM_BYTES), np.uint8)
    which = np.tile(np.arange(CHOICES, dtype=np.uint32), ROWS)
    for start in range(0, len(hashes), ROWS):
        rows = hashes[start : start + ROWS]
        part = slice(CHOICES * start, CHOICES * (start + len(rows)))
        items[part] = _items(np.repeat(rows, CHOICES, axis=0), which[: CHOICES * len(rows)])
        values = drawn[named(rows, key, function.items).reshape(-1)]
        own = np.repeat(given[start : start + ROWS], CHOICES, axis=0)
        values[:, 1 : 1 + columns] = own - values[:, 1 : 1 + columns]
        values ^= _pads(function(items[part]), columns)
        for store, told in enumerate(words):
            told[part] = values[:, 2 * store : 2 * store + 2]
    return items, words


def _send_table(channel: Channel, items: Bytes, words: list[Words], random: RandomBytes, key: bytes) -> None:
    """Takes the words out of their list, so that those of one store need no memory while the next is made."""
    for part in range(len(words)):
        told = words.pop(0).view(np.uint8)
        try:
            table = okvs_encode(items, told, _session(key, f"table/{part}"), random(32))
        except ArithmeticError as error:
            raise NO_TABLE(str(error)) from error
        for start in range(0, len(table), CHUNK_CELLS):
            channel.send_array("psi/table", table[start : start + CHUNK_CELLS])
        del told, table


def _looked_up(channel: Channel, items: Bytes, values: Bytes, of: int, columns: int, key: bytes) -> Words:
    """The words of own rows, shape (n, words)."""
    cells, parts = okvs_cells(of), _parts(columns)
    found = np.empty((len(items), 2 * parts), np.uint64)
    for part in range(parts):
        table = np.empty((cells, CELL_BYTES), np.uint8)
        for start in range(0, cells, CHUNK_CELLS):
            rows = table[start : start + CHUNK_CELLS]
            rows[:] = channel.recv_array("psi/table", np.uint8, rows.shape)
        words = okvs_decode(table, items, _session(key, f"table/{part}"), of)
        found[:, 2 * part : 2 * part + 2] = words.view("<u8")
    for start in range(0, len(found), ROWS):
        found[start : start + ROWS] ^= _pads(values[start : start + ROWS], columns)
    return found


def _parts(columns: int) -> int:
    return -(-(1 + columns) // 2)


def _pads(values: Bytes, columns: int) -> Words:
    """The masks of the words of each row, two from each hash."""
    parts = [_hashed(values, _domain(f"pad/{part}"))[:, :CELL_BYTES] for part in range(_parts(columns))]
    return np.concatenate(parts, axis=1).view("<u8")


# Hashes and random words


def _hashed(rows: Bytes, key: bytes) -> Bytes:
    """BLAKE3 of each row under that key, shape (n, 32)."""
    cuts = np.arange(0, rows.size + 1, rows.shape[1], dtype=np.int64)
    return keyed_hashes((np.ascontiguousarray(rows).reshape(-1), cuts), key)


def _items(hashes: Bytes, which: NDArray[np.uint32]) -> Bytes:
    """Rows with the number of their bin, among the three."""
    both = np.concatenate([hashes, which.astype(np.uint8)[:, None]], axis=1)
    return np.ascontiguousarray(_hashed(both, _ITEM)[:, :ITEM_BYTES])


def _session(key: bytes, use: str) -> bytes:
    """The session of one use of a store, of what was drawn for this run: by the receiver for its own store,
    by both for the sender's.
    """
    text = np.frombuffer(key + use.encode(), np.uint8)
    return _hashed(text[None], _SESSION).tobytes()[:SESSION_BYTES]


def _drawn(random: RandomBytes, count: int, columns: int) -> Words:
    return np.frombuffer(random(WORD * count * columns), "<u8").reshape(count, columns).astype(np.uint64)


def _low(count: int) -> np.uint64:
    return np.uint64((1 << string_bits(count)) - 1)


class _Steps:
    """How far a party is."""

    TOTAL = 3

    def __init__(self, progress: Progress | None) -> None:
        self._progress, self._done = progress, 0

    def __call__(self, what: str) -> None:
        if self._progress:
            self._progress(self._done, self.TOTAL, what)
        self._done += 1
