"""What the protocol costs, assumes and shows: from public facts alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from coterie.psi.errors import BAD_CALL, NO_ROWS
from coterie.psi.store import CELL_BYTES, cells

POINT_BYTES = 32
"""Of an encoded element of Ristretto255 (RFC 9496)."""

HASH_BYTES = 32
"""Of a row's id."""

ITEM_BYTES = 16
"""Of what stands for a row where symmetric protocols work on it: the first half of its hash."""

DIGEST_BYTES = 32

HELLO_BYTES = 52
"""Of what parties say first: a commitment to a draw, and which run they could go on with."""

DRAW_BYTES = 64
"""Of what they say then: the draw, and a digest of what they have heard."""

BEGIN_BYTES = 4
"""Of what they tell a dealer: the bucket to begin with."""

SEED_BYTES = 32

MOST_PARTIES = 5

STATISTICAL_BITS = 40

ROUNDS = 3
"""Points, tags, digests: each but the first kind waits for the kind before, however many rows there are."""

ROUNDS_MANY = 4
"""Points, answers with tables, tags, digests."""


@dataclass(frozen=True)
class ProtocolStatement:
    """What a protocol assumes and shows, to be read by people and programs."""

    protocol: str
    adversary: str
    threshold: str
    helper: str | None
    computational_bits: int
    statistical_bits: int
    leaks: str
    """What each party learns, in a sentence that a lawyer can read."""


STATEMENT = ProtocolStatement(
    protocol="Diffie-Hellman set intersection on Ristretto255",
    adversary="semi-honest",
    threshold="one of the two parties",
    helper=None,
    # The best known attack on the group takes about 2^125.8 additions (Pollard's rho; order near 2^252).
    computational_bits=125,
    statistical_bits=STATISTICAL_BITS,
    leaks=(
        "Each of the two parties learns which of its own rows the other has too, and how many rows the other "
        "has; it learns nothing else about the other's rows"
    ),
)
"""No protocol for this task hinders a party that puts guessed ids among its own rows: it learns whether the
other has them.
"""

STATEMENT_OPRF = ProtocolStatement(
    protocol="set intersection by an oblivious function from vector oblivious linear evaluation (RR22)",
    adversary="semi-honest",
    threshold="one of the two parties",
    helper=None,
    # Of the base oblivious transfers, see STATEMENT.
    computational_bits=125,
    statistical_bits=STATISTICAL_BITS,
    leaks=STATEMENT.leaks,
)

STATEMENT_MALICIOUS = replace(
    STATEMENT_OPRF,
    adversary="malicious",
    leaks=(
        STATEMENT.leaks
        + ". A party that does not follow the protocol can keep common rows from the other, and end the run; "
        "the one that finds the common rows may ask for more ids than it has told of"
    ),
)


def malicious(asked: int) -> ProtocolStatement:
    """The statement where the receiver can ask for so many ids: as many as its tables have cells."""
    return replace(STATEMENT_MALICIOUS, leaks=f"{STATEMENT_MALICIOUS.leaks}, up to {asked:,}")


STATEMENT_MANY = ProtocolStatement(
    protocol="oblivious Diffie-Hellman functions on Ristretto255 and shares of zero in oblivious stores",
    adversary="semi-honest",
    threshold="all but one of the parties",
    helper=None,
    computational_bits=125,
    statistical_bits=STATISTICAL_BITS,
    leaks=(
        "Each party learns which of its own rows all the others have too, and how many rows each has; nobody "
        "learns what fewer than all have in common, nor how much that is. Parties who pool what they saw, "
        "with the party of the fewest rows among them, learn which of its rows all the parties outside have"
    ),
)
"""Of three to five parties. The last is what the result tells whoever puts another's rows among its own."""

STATEMENT_SEVERAL = replace(
    STATEMENT_MANY,
    protocol="oblivious functions from vector linear evaluations and shares of zero in oblivious stores",
)


def dealt(statement: ProtocolStatement) -> ProtocolStatement:
    """The same with correlations from a dealer."""
    helper = (
        "a dealer that follows the protocol and is in league with neither party; it learns numbers of rows"
    )
    return replace(statement, helper=helper)


@dataclass(frozen=True)
class Cost:
    """What one run takes, exactly."""

    a_to_b: int
    """Payload bytes."""
    b_to_a: int
    rounds_a: int
    """Length of the longest chain of messages that ends at this party."""
    rounds_b: int
    multiplications: int
    """Of group elements, at each party."""
    memory: int
    """Bytes at the party that needs more, at most, beyond the hashes given and the indices returned."""


def tag_bytes(rows_a: int, rows_b: int) -> int:
    """Bytes of a tag: ⌈log2 nA⌉ + ⌈log2 nB⌉ + 40 bits, rounded up.

    Tags of different ids are independent uniform strings of t bits, so that by the union bound over all
    nA · nB pairs some two of them are equal with probability at most nA · nB · 2^-t <= 2^-40.
    """
    return -(-((rows_a - 1).bit_length() + (rows_b - 1).bit_length() + STATISTICAL_BITS) // 8)


def cost(rows_a: int, rows_b: int, to: Literal["a", "b"] | None = None) -> Cost:
    """Bytes and rounds of :func:`coterie.psi.align` between parties with these numbers of rows.

    Independent of the data, of how many rows are common, and of the size of chunks.

    :param to: which of the two alone learns the result; None for both.

    Errors: CT-2001 (a party has no rows).
    """
    if rows_a < 1 or rows_b < 1:
        raise NO_ROWS(f"{rows_a} and {rows_b} rows")
    width = tag_bytes(rows_a, rows_b)
    digest = 0 if to else DIGEST_BYTES
    return Cost(
        a_to_b=POINT_BYTES * rows_a + (width * rows_b if to != "a" else 0) + digest,
        b_to_a=POINT_BYTES * rows_b + (width * rows_a if to != "b" else 0) + digest,
        rounds_a=ROUNDS if to is None else 2 if to == "a" else 1,
        rounds_b=ROUNDS if to is None else 2 if to == "b" else 1,
        multiplications=rows_a + rows_b,
        # While matching: both lists of tags, the order of own rows, and what the kernel takes, 16 to 25 bytes
        # a row and up to 20 more where it has many cores. That is more than the points that wait to be
        # acknowledged or read. What a chunk takes is the constant.
        memory=(width + 48) * (rows_a + rows_b) + (4 << 20),
    )


@dataclass(frozen=True)
class CostMany:
    """What one run of several parties takes, exactly."""

    sent: Mapping[str, Mapping[str, int]]
    """Payload bytes by sender, then receiver."""
    rounds: int
    """Length of the longest chain of messages that ends at any party."""
    multiplications: int
    """Of group elements, at the busiest party."""
    memory: int
    """Bytes at the party that needs most, at most, beyond the hashes given and the indices returned."""


def asker(rows: Mapping[str, int]) -> str:
    """The party that asks the others: who has the fewest rows, the first of them in the agreed order."""
    return min(rows, key=rows.__getitem__)


def share_bytes(rows: int) -> int:
    """Bytes of a share: ⌈log2 n⌉ + 40 bits, rounded up, for an asker with n rows.

    The sum of a row that is not common is uniform, so that some of n sums is zero with probability at most
    n · 2^-t <= 2^-40.
    """
    return -(-((rows - 1).bit_length() + STATISTICAL_BITS) // 8)


def cost_many(rows: Mapping[str, int]) -> CostMany:
    """Bytes and rounds of :func:`coterie.psi.align_many` between parties with these numbers of rows.

    Independent of the data, of how many rows are common, and of the size of chunks.
    Errors: CT-2001 (a party has no rows), CT-2006 (fewer than two parties, or more than five).
    """
    if not 2 <= len(rows) <= MOST_PARTIES:
        raise BAD_CALL(f"{len(rows)} parties")
    if len(rows) == 2:
        a, b = rows
        pair = cost(rows[a], rows[b])
        sent = {a: {b: pair.a_to_b}, b: {a: pair.b_to_a}}
        return CostMany(sent, pair.rounds_a, pair.multiplications, pair.memory)
    if min(rows.values()) < 1:
        raise NO_ROWS(" and ".join(str(count) for count in rows.values()) + " rows")
    first = asker(rows)
    answerers = [party for party in rows if party != first]
    asked, tag = rows[first], tag_bytes(rows[first], sum(rows[party] for party in answerers))
    sent = {party: {peer: DIGEST_BYTES for peer in rows if peer != party} for party in rows}
    for place, party in enumerate(answerers):
        sent[first][party] += POINT_BYTES * asked + SEED_BYTES + tag * asked
        sent[party][first] += POINT_BYTES * asked + share_bytes(asked) * cells(rows[party])
        for peer in answerers[place + 1 :]:
            sent[party][peer] += SEED_BYTES
    most = max(rows.values())
    return CostMany(
        sent=sent,
        rounds=ROUNDS_MANY,
        multiplications=asked + max((len(rows) - 1) * asked, most),
        memory=_memory_many(asked, most, len(rows)),
    )


def _memory_many(asked: int, most: int, parties: int) -> int:
    """At the asker: own rows in order, sums, values of the function, keys and masks, what looking them up
    takes, a table, and all answers that wait. At an answerer: values of the function, keys, shares, what
    encoding takes, a table whole and cut, which is more than what own tags and the asker's take afterwards.
    What a chunk takes is the constant.
    """
    table = CELL_BYTES * cells(most)
    asking = (176 + POINT_BYTES * (parties - 1)) * asked + table
    return max(asking, 136 * most + 2 * table) + (4 << 20)
