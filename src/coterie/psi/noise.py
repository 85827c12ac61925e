"""How long the noise of a silent vector evaluation is, and in how many points it differs from zero.

The taker's vector is a = G·e, for a public code G of rate 1/2 and a secret e of N entries that is
*regular*: cut into t parts of equal length, it has in each part one entry at a random place that is random
in GF(2^128), and zeros elsewhere. That a looks random is the assumption of learning parity with (regular)
noise in its dual form.

*The code* is expand-convolute, with 21 places for each entry of a and 24 random taps, of Raghuraman,
Rindal, Tanguy, "Expand-Convolute Codes for Pseudorandom Correlation Generators from LPN" (CRYPTO 2023;
eprint 2023/882), whose authors take δ = 0.2 as its pseudo-minimum distance: that no word with less than δN
entries is found with feasible work. (For weight 7 they take 0.15. Codes called Silver are broken there;
expand-accumulate codes of low weight have light words that are found by collisions, and are not used.) Each
of the 21 places is in a part of its own, so that no word starts late. For N = 8400,
``tests/kernels/test_correlate.py`` finds no row of G below 0.4 N and no sum of two; elimination on random
places leaves words of 0.24 N, as it does for any code of rate 1/2. The code's seed is fresh in each run and
fixed by the taker after the giver has spoken: only the taker would be harmed by a bad one.

*Linear tests.* For v in the code with a share w of entries in a part of e, the value of v·e has bias 1 - w
from that part: where v is zero it is no noise, elsewhere it is uniform in the field. (The bias is 1 - 2w
for bits, where (1 - 2δ)^t is the bound; entries of a large field give less.) In all it is at most (1 -
δ)^t: t = 400 makes that 2^-128.7.

*Selective failure.* A cheating giver can guess, for each part, a set that has the noisy place, and is found
out where one guess is wrong (see ``vole.py``). With a guess I the chance to pass times the bias that is
left is at most the share of zeros of v in I, so at most 1 - w again. So the bound holds for what guess and
test achieve together, and malicious runs need no more points.

*Other attacks.* Solving for e by guessing half of each part to be without noise works with probability
2^-t, in any order and with any choice of the halves (information sets; Prange, adapted to regular noise as
by Esser and Santini 2023). Hybrid algebraic attacks (Briaud, Øygarden, "A New Algebraic Approach to the
Regular Syndrome Decoding Problem", EUROCRYPT 2023, and its successors) gain where the code that hides the
noise has a low rate; at rate 1/2 the estimates of how many points are enough for 128 bits are between 107
and 144, for bits and for large fields. Both leave a wide margin to t = 400. All are estimates: no proof is
known for any code that is fast.

Below 2^12 entries codes are too short for what is known of their distance: shorter vectors are cut off a
longer one, and the shortest are made without noise, product by product."""

from __future__ import annotations

from dataclasses import dataclass

POINTS = 400
"""t: the least for which (1 - 0.2)^t is at most 2^-128, rounded up."""

DIRECT = 512
"""Up to so many entries the products are made one by one, in fewer bytes."""

SHORTEST = 1 << 12
"""The least length of a vector that is made of noise."""

LONGEST = 1 << 28

BLOCK_BITS = 128

MASKS = 2
"""Random blocks that hide the sums by which corrections are checked."""


@dataclass(frozen=True)
class Shape:
    """Sizes of a run, from public facts alone."""

    n: int
    points: int
    """Of the noise, t; 0 where products are made directly."""
    width: int
    """Entries of a part of the noise."""
    depth: int
    """Of a part's tree."""
    values: int
    """Products that are made one by one."""
    masks: int

    @property
    def transfers(self) -> int:
        """Sums of tree levels that are transferred obliviously."""
        return self.points * self.depth

    @property
    def transfer_blocks(self) -> int:
        return -(-self.transfers // BLOCK_BITS)

    @property
    def blocks(self) -> int:
        """Blocks of 128 bits in a column."""
        return self.values + self.transfer_blocks + self.masks

    @property
    def length(self) -> int:
        """N."""
        return self.points * self.width


def shape_of(n: int, malicious: bool) -> Shape:
    """The sizes of a vector of ``n`` entries."""
    masks = MASKS if malicious else 0
    if n <= DIRECT:
        return Shape(n, 0, 0, 0, n, masks)
    width = -(-2 * max(n, SHORTEST) // POINTS)
    values = POINTS + (1 if malicious else 0)
    return Shape(n, POINTS, width, (width - 1).bit_length(), values, masks)
