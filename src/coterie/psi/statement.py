"""What the protocol costs, assumes and shows: from public facts alone."""

from __future__ import annotations

from dataclasses import dataclass

from coterie.psi.errors import NO_ROWS

POINT_BYTES = 32
"""Of an encoded element of Ristretto255 (RFC 9496)."""

DIGEST_BYTES = 32

STATISTICAL_BITS = 40

ROUNDS = 3
"""Points, tags, digests: each but the first kind waits for the kind before, however many rows there are."""


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


def cost(rows_a: int, rows_b: int) -> Cost:
    """Bytes and rounds of :func:`coterie.psi.align` between parties with these numbers of rows.

    Independent of the data, of how many rows are common, and of the size of chunks.
    Errors: CT-2001 (a party has no rows).
    """
    if rows_a < 1 or rows_b < 1:
        raise NO_ROWS(f"{rows_a} and {rows_b} rows")
    width = tag_bytes(rows_a, rows_b)
    return Cost(
        a_to_b=POINT_BYTES * rows_a + width * rows_b + DIGEST_BYTES,
        b_to_a=POINT_BYTES * rows_b + width * rows_a + DIGEST_BYTES,
        rounds_a=ROUNDS,
        rounds_b=ROUNDS,
        multiplications=rows_a + rows_b,
        # While matching: both lists of tags twice, and their sort keys and orders. That is more than the
        # points that wait to be acknowledged or read. What a chunk takes is the constant.
        memory=(2 * width + 64) * (rows_a + rows_b) + (4 << 20),
    )
