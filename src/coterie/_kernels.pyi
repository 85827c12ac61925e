"""The Rust kernels: stateless functions over NumPy arrays, GIL released, all cores used.

Words are elements of Z_2^64 and wrap. A ``seed`` is 16 bytes; ``PRG(seed, id)`` is the AES-128-CTR key
stream whose counter block is ``id`` (u64, little-endian) followed by the block number (u64, little-endian),
read as little-endian words. Arrays given must be C-contiguous unless said otherwise. Arguments of a wrong
element type, shape, length or range raise ``ValueError``; what is no array, number or bytes at all raises
``TypeError``.

The thread pool starts with the first large call, on all cores or as many as ``RAYON_NUM_THREADS`` says. A
process must not fork after that and use these functions in the child. No result depends on the number of
threads or on the processor.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

Words = NDArray[np.uint64]
Bytes = NDArray[np.uint8]

def cpu_features() -> list[str]:
    """Names of the instruction sets that kernels may use on this machine, best first."""

# What a core can do at most: what benchmarks measure the others against

def limit_multiply_adds(rounds: int) -> int:
    """Multiply and add words in registers, on the calling thread; how many multiplications it were."""

def limit_aes_blocks(rounds: int) -> int:
    """Encrypt blocks in registers, on the calling thread; how many. 0 where the processor cannot."""

def limit_read(words: Words) -> int:
    """Read ``words`` once, in order, on the calling thread; their sum."""

# Random streams

def prg_u64(seed: bytes, id: int, n: int, offset: int = 0) -> Words:
    """Words ``offset .. offset+n`` of PRG(seed, id), shape (n,)."""

def prg_sum_u64(seeds: Sequence[bytes], id: int, n: int) -> Words:
    """The sum over all seeds of the first ``n`` words of PRG(seed, id): a mask that only a dealer knows."""

def prg_sub_u64(target: Words, seeds: Sequence[bytes], id: int) -> Words:
    """``target`` minus the sum of PRG(seed, id) over all seeds: the correction of a dealt value.

    Target has any shape, which the result keeps.
    """

# Masks of sums
#
# Elements of 32 bits (uint32), 64 bits (uint64) or 128 bits (pairs of uint64, the lower first) wrap.

def mask_values(
    values: Words | NDArray[np.uint32], bits: int, plus: Sequence[bytes], minus: Sequence[bytes], id: int
) -> Words | NDArray[np.uint32]:
    """``values`` plus PRG(seed, id) of each seed of ``plus``, minus those of ``minus``, modulo 2^bits.

    ``bits`` is 32, 64 or 128. Any shape, which the result keeps.
    """

# Noise

def discrete_gaussian(seed: bytes, variance: int, n: int) -> NDArray[np.int64]:
    """(n,) independent draws of the discrete Gaussian: k with probability proportional to
    ``exp(-k^2 / (2 variance))``, exactly (Canonne, Kamath, Steinke 2020).

    ``variance`` is from 1 to 2^44. Numbers follow from the 16 bytes of ``seed``, which nobody may know who
    must not know the noise. How long it takes depends on what is drawn.
    """

# Products

def matmul(a: Words | NDArray[np.int32], b: Words) -> Words:
    """``a @ b`` for ``a`` (n, d) and ``b`` (d,) or (d, m); shape (n,) or (n, m).

    int32 elements are sign-extended. ``a`` may be a slice of rows or columns as long as the elements of a row
    lie side by side (a slice of columns costs a copy within the cache); other layouts are refused.
    """

def matmul_t(a: Words | NDArray[np.int32], b: Words) -> Words:
    """``a.T @ b`` for ``a`` (n, d) as in :func:`matmul` and ``b`` (n,) or (n, m); shape (d,) or (d, m)."""

def prg_matmul(seed: bytes, id: int, n: int, d: int, b: Words) -> Words:
    """``matmul(prg_u64(seed, id, n * d).reshape(n, d), b)`` without the matrix ever being in memory."""

def prg_matmul_t(seed: bytes, id: int, n: int, d: int, b: Words) -> Words:
    """``matmul_t(prg_u64(seed, id, n * d).reshape(n, d), b)`` without the matrix ever being in memory."""

# Exact truncation

def deal_truncation(mask: Words, shift: int) -> tuple[Words, Words]:
    """``(mask >> shift, mask >> 63)``: what the dealer shares. ``shift`` is 0 to 62; any shape, kept."""

def truncate(opened: Words, high_share: Words, msb_share: Words, shift: int, first: bool) -> Words:
    """A party's share of ``x >> shift`` for x in [-2^62, 2^62), exact up to one unit in the last place.

    ``opened`` is ``x + 2^62 + mask``, the same at all parties; ``high_share`` and ``msb_share`` are this
    party's shares of :func:`deal_truncation`. Exactly one party is ``first``. All arrays have one shape,
    which the result keeps. The shares' sum is ``x >> shift`` (rounded down) or one more.
    """

def low_bits_pack(values: Words, bits: int) -> Bytes:
    """The low ``bits`` (1 to 64) of every value, little-endian, shape (n * ceil(bits / 8),)."""

def low_bits_unpack(data: Bytes | bytes, bits: int) -> Words:
    """Inverse of :func:`low_bits_pack`, shape (n,). Bits above ``bits`` are cleared, whatever a peer sent."""

# Trigonometric sums

def trig_deal(
    mask: Words,
    period_bits: int,
    terms: int,
    first: int,
    step: int,
    frac: int,
    half: bool,
    seeds: Sequence[bytes],
    id: int,
) -> Words:
    """The dealer's correction for shares of sin(jθλ) and cos(jθλ), θ = 2π / 2^period_bits, λ = mask.

    j is ``first``, ``first + step``, ... , ``terms`` of them (each argument at most 1024), ``period_bits`` 1
    to 64. Fixed point with ``frac`` (0 to 50) fractional bits, minus PRG(seed, id) of the parties that expand
    their shares. Shares are elements of Z_2^64, shape (mask.size * 2 * terms,); or, with ``half``, of Z_2^32,
    two to a word, the lower half first, shape (mask.size * terms,). Their order is a matter between this and
    :func:`trig_eval`: per block of 64 elements (the last may be shorter), the first sine of all its elements,
    the first cosine of all, the second sine of all, ...
    """

def trig_eval(
    opened: Words,
    sines: NDArray[np.float64],
    cosines: NDArray[np.float64] | None,
    period_bits: int,
    first: int,
    step: int,
    frac: int,
    out_frac: int,
    half: bool,
    shares: Words | None,
    seed: bytes | None,
    id: int,
) -> Words:
    """A party's share of the sum over j of ``sines[.] * sin(jθ(m - λ)) + cosines[.] * cos(jθ(m - λ))``, in
    m's shape.

    ``opened`` is m = z + λ, of which the low ``period_bits`` count. The shares of :func:`trig_deal` come from
    the array, or, where ``shares`` is None, from PRG(seed, id); exactly one of the two is given. The result
    has ``out_frac`` (0 to 62) fractional bits; with ``half`` it is an element of Z_2^32, in the upper half of
    each word. Its error is at most the sum of all abs(coefficients) * 2^-frac + 2 terms * 2^(frac -
    out_frac): the rounding of dealt values and of public factors. The factors are the same to the last bit on
    every processor: parties with different ones would not hold shares of one value. Requires
    ``abs(coefficient) * 2^(out_frac - frac) < 2^49``.
    """

# Exponential function

def exp_deal(
    mask: Words,
    period_bits: int,
    unit_bits: int,
    step: float,
    powers: Words,
    factors: NDArray[np.float64],
    seeds: Sequence[bytes],
    id: int,
) -> Words:
    """The dealer's correction for shares of an exponential of λ = mask, two words for each element.

    λ mod 2^period_bits (1 to 48) is h * 2^unit_bits + rest. The value is ``powers[h]`` times
    ``factors[h] * e^(step * rest)`` rounded; both tables have 2^(period_bits - unit_bits) elements, at most
    1024. It is shared as the first word where bit ``period_bits`` of λ is 0, as the second where it is 1, and
    the other word is 0; minus PRG(seed, id) of the parties that expand their shares. Shape (mask.size * 2,).
    Requires ``abs(step) * 2^unit_bits <= 4`` and factors below 2^44.
    """

def exp_eval(
    opened: Words,
    period_bits: int,
    unit_bits: int,
    step: float,
    powers: Words,
    factors: NDArray[np.float64],
    shares: Words | None,
    seed: bytes | None,
    id: int,
) -> Words:
    """A party's share of the product of an exponential of m = ``opened`` and that of its mask, in m's shape.

    As in :func:`exp_deal`, with tables for two periods: m is taken for a period more where its bit
    ``period_bits`` and the mask's differ. Shares as in :func:`trig_eval`. e^x has a relative error below
    4e-9, and is the same to the last bit on every processor.
    """

# The range guard

def guard_deal(mask: Words, entries: NDArray[np.uint16], top: int, seeds: Sequence[bytes], id: int) -> Words:
    """The dealer's correction for shares of a table of eight 16-bit entries for each element λ of the mask.

    Entry k is ``entries[l, k] + h`` mod 2^16, for l the three bits of λ below bit ``top`` (3 to 48) and h the
    sixteen from there on; minus the lanes of PRG(seed, id). Two words an element, shape (2 * mask.size,).
    """

def guard_eval(
    opened: Words,
    offset: int,
    top: int,
    shares: Words | None,
    seed: bytes | None,
    id: int,
    coins: bytes,
    coins_id: int,
    coins_offset: int,
    first: bool,
) -> Words:
    """Eight combinations mod 2^16 of a party's shares of entry minus public bits, shape (8,).

    The three bits of ``opened + offset`` below ``top`` choose the entry of a table of :func:`guard_deal`, the
    sixteen from there on are taken off by the ``first`` party. The factors are the lanes of PRG(coins,
    coins_id) from word ``coins_offset`` on, two words an element. The table's shares come from the array, or,
    where ``shares`` is None, from PRG(seed, id); exactly one of the two is given.
    """

# Secret comparison
#
# A *planes array* holds bits of ``n`` values, 64 values to a word: tile after tile of 512 values, and in each
# tile plane after plane. ``p`` planes have p * ceil(n / 64) words. ``offset`` is a multiple of 512: the
# values are number ``offset`` and following of a longer row, and their masks and shares are parts of random
# streams accordingly.

def chunks_deal(
    n: int,
    offset: int,
    mask_seeds: Sequence[bytes],
    mask_id: int,
    widths: Sequence[int],
    top: bool,
    seeds: Sequence[bytes],
    id: int,
) -> Words:
    """The dealer's correction for shares, modulo 2, of one-hot vectors: a planes array.

    Masks are sums of PRG(seed, mask_id) over ``mask_seeds``. Their low bits are cut into chunks of ``widths``
    (1 to 8 each) from the lowest; each chunk has 2^width - 1 planes, of which number j says whether it is j.
    With ``top`` the bit above all chunks is the last plane. Minus PRG(seed, id) of the parties that expand.
    """

def chunks_look_up(
    opened: Words,
    minus: int,
    widths: Sequence[int],
    order: bool,
    table: Words | None,
    seed: bytes,
    id: int,
    offset: int,
    first: bool,
) -> Words:
    """A party's shares of how the chunks of ``opened - minus`` compare with those of the masks.

    Planes of the result: with ``order`` whether each chunk is less than the mask's, then for each but the
    lowest whether both are equal; without, whether each is equal. To the highest "less" the bits above all
    chunks are added, of both. The table is from :func:`chunks_deal` (``top`` as ``order``), or expanded from
    the seed where it is None. Exactly one party is ``first``.
    """

def nodes_open(
    nodes: Words, n: int, groups: Sequence[int], order: bool, seed: bytes, id: int, offset: int
) -> Words:
    """A party's masked shares of all factors of one level of the tree over such nodes: planes to send.

    ``groups`` says how many nodes (2 to 10) become one, from the lowest. The masks are PRG(seed, id).
    """

def nodes_deal(
    n: int,
    offset: int,
    groups: Sequence[int],
    order: bool,
    mask_seeds: Sequence[bytes],
    mask_id: int,
    seeds: Sequence[bytes],
    id: int,
) -> Words:
    """The dealer's correction for shares of the products of masks that one level needs: a planes array."""

def nodes_join(
    nodes: Words,
    openings: Sequence[Words],
    n: int,
    groups: Sequence[int],
    order: bool,
    seed: bytes,
    mask_id: int,
    products: Words | None,
    id: int,
    offset: int,
    first: bool,
) -> Words:
    """A party's shares of the next level's nodes, from all parties' :func:`nodes_open`, its own included.

    The products are from :func:`nodes_deal`, or expanded from the seed where they are None.
    """

def dcf_deal(
    n: int,
    offset: int,
    mask_seeds: Sequence[bytes],
    mask_id: int,
    bits: int,
    seeds: Sequence[bytes],
    id: int,
    key: bytes,
) -> Words:
    """The dealer's corrections, for both parties, of a distributed comparison function.

    It is of the low ``bits`` (1 to 63) of the masks, sums of PRG(seed, mask_id). The parties' roots are two
    words of PRG(seed, id) for each value, in the order of the two ``seeds``. The permutation's public ``key``
    has 16 bytes. With d = max(bits - 7, 0) the result has 2 * (d + 1) * n + ceil(n / 64) words.
    """

def dcf_eval(
    opened: Words,
    minus: int,
    bits: int,
    corrections: Words,
    seed: bytes,
    id: int,
    offset: int,
    key: bytes,
    second: bool,
) -> Words:
    """A party's shares, modulo 2, of one plane: for m = ``opened - minus`` and mask λ, whether the low
    ``bits`` of m are less than those of λ, plus bit number ``bits`` of both. ``second`` is the party of the
    second seed.
    """

# Scaling by powers of four

def octave_trials(mask: Words, top: int, levels: int, seeds: Sequence[bytes], id: int) -> Words:
    """The dealer's correction for the tables of ``levels`` (1 to 7) trials, shared by exclusive or, two words
    for each element, shape (mask.size * 2,).

    The table of trial k has 16 bits, four to a word from the lowest. Its bit i is whether i − p is 0, 1 or 2
    modulo 16, p being four bits of λ = mask from bit top − 3 − 2k on. ``top`` is 2 levels + 1 to 62.
    """

def octave_bits(
    opened: Words, top: int, levels: int, shares: Words | None, seed: bytes | None, id: int
) -> Bytes:
    """A party's shares of the trials' outcomes, bit k for trial k, shape (n, 1): what the four bits of m =
    ``opened`` choose of its tables, given, or made as PRG(seed, id)."""

def octave_counts(bits: Bytes, sigma_tau: Bytes, seeds: Sequence[bytes], id: int) -> Words:
    """The dealer's correction for the tables of counts, two words for each element, shape (n * 2,).

    ``bits`` are the masks of seven outcomes, ``sigma_tau`` holds τ in the low four bits and σ above. First
    word: for the sixteen values of the first four masked outcomes, how many in a row passed, four bits each.
    Second: the same for the last three, eight values; from bit 32 on, whether all first four passed, sixteen
    values; four bits of σ, and of σ τ. Groups of four bits are shared by sums modulo 16, truths by exclusive
    or.
    """

def octave_count(opened: Bytes, shares: Words | None, seed: bytes | None, id: int) -> Bytes:
    """A party's shares of what masked outcomes ``opened`` choose, shape (n, 3): the first count; the last
    count and, in bit 4, whether all of the first passed; σ and, from bit 4 on, σ τ."""

def octave_scales(rho: Bytes, mask: Words, seeds: Sequence[bytes], id: int) -> Words:
    """The dealer's correction for what :func:`octave_scale` needs, six words for each element, of the mask ρ
    of a count (four bits) and that of the number, shape (n * 6,)."""

def octave_scale(
    count: Bytes, opened: Words, first: bool, shares: Words | None, seed: bytes | None, id: int
) -> Words:
    """A party's shares of 4^(T + 7) x and of T, shape (n, 2), where T is 0 to 7, ``count`` is T + ρ modulo
    16, and ``opened`` is x + λ."""

# Cuckoo tables

def cuckoo_places(cells: NDArray[np.int64], bins: int) -> NDArray[np.uint32]:
    """Which of its three cells (n, 3) each item has, 0 to 2, shape (n,), so that no two items have one cell.

    Cells are 0 to ``bins`` - 1. Raises ``ArithmeticError`` where no placement exists, and never else. Runs on
    one core, in time linear in n where items are few against cells.
    """

# Items, tags and the oblivious key-value store of set intersection
#
# Items, keys and values are rows of 16 bytes, shape (n, 16). A ``session`` is 16 bytes that nobody knew when
# the items were chosen.

def item_hash(items: Bytes, session: bytes) -> Bytes:
    """H of each item, shape (n, 16): as good as random for distinct items, to whoever does not ask for it."""

def oprf_tags(v: Bytes, items: Bytes, session: bytes) -> Bytes:
    """Ho: BLAKE3, under a key derived of the session, of each row of ``v`` followed by the item; shape (n,
    32).
    """

def bucket_of(items: Bytes, session: bytes, buckets: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """How many items fall into each of ``buckets`` (1 to 65536), shape (buckets,); and the rows in order of
    their buckets, ascending within a bucket, shape (n,)."""

def sort_tags(tags: Bytes) -> NDArray[np.int64]:
    """The rows of tags, shape (n, w) with w 1 to 16, ascending as byte strings; shape (n,). Equal ones keep
    their order."""

def match_tags(own: Bytes, theirs: Bytes) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Own and their rows of the common tags, ascending as byte strings.

    Shapes (n, w) and (m, w), w 1 to 16. ``ValueError`` where a common tag occurs twice in a list.
    """

def okvs_cells(keys: int) -> int:
    """Cells of the table of so many keys (at most 2^40)."""

def okvs_encode(keys: Bytes, values: Bytes, session: bytes, random: bytes) -> Bytes:
    """A table in which these keys have these values, shape (okvs_cells(n), 16).

    Values of keys are sums of some cells. Of all such tables a random one, by ``random`` (32 bytes, for this
    call alone): so where the values are uniform the table is, whatever the keys. ``ArithmeticError`` where
    there is none: keys repeat, or, with a probability below 2^-40, are unlucky.
    """

def okvs_decode(table: Bytes, keys: Bytes, session: bytes, of: int) -> Bytes:
    """The values of any keys, shape (m, 16), in a table of ``of`` keys; of others sums of cells, too."""

# Keyed hashes and Ristretto255

def keyed_hashes(ids: Iterable[bytes] | tuple[Bytes, NDArray[np.int64]], key: bytes) -> Bytes:
    """BLAKE3 keyed hashes, shape (n, 32), of byte strings or of a column: (buffer, n + 1 offsets).

    The key has 32 bytes. The offsets are those of an Arrow string column; those of a slice need not start
    at 0. No offsets at all are an empty column, too.
    """

def ristretto_hash_mul(hashes: Bytes, scalar: bytes) -> Bytes:
    """Each row of (n, 32) hashed to Ristretto255, times scalar, encoded; shape (n, 32).

    RFC 9380, hash_to_ristretto255: expand_message_xmd with SHA-512 and a tag of this project's, then
    RFC 9496, section 4.3.4. The scalar is canonical, not zero, and used in constant time.
    """

def ristretto_mul(points: Bytes, scalar: bytes) -> Bytes:
    """Each encoded element of (n, 32) times scalar, encoded; shape (n, 32).

    Raises ``ValueError`` that names the first row that is not the canonical encoding of an element (RFC 9496,
    section 4.3.1) or encodes the identity.
    """

def ristretto_scalar(random64: bytes) -> bytes:
    """A uniform scalar other than zero, 32 bytes, from 64 uniformly random bytes."""

# The verifiable oblivious pseudorandom function of RFC 9497, ristretto255-SHA512

def voprf_key(seed: bytes, info: bytes) -> tuple[bytes, bytes]:
    """DeriveKeyPair: the secret scalar and the public element, 32 bytes each, of a seed of 32 bytes."""

def voprf_scalars(random: Bytes) -> Bytes:
    """Uniform scalars other than zero, shape (n, 32), of (n, 64) uniformly random bytes."""

def voprf_blind(inputs: Bytes, blinds: Bytes) -> Bytes:
    """Blind: each input of (n, w) hashed to the group, times its scalar of (n, 32); shape (n, 32).

    1 to 65535 bytes in a row. Raises ``ValueError`` that names the first blind that is no scalar or zero.
    """

def voprf_finalize(inputs: Bytes, blinds: Bytes, answers: Bytes, width: int) -> Bytes:
    """Finalize, without the proof: the first ``width`` of 64 bytes of each input's value; shape (n, width).

    Raises ``ValueError`` that names the first row of the answers, (n, 32), that is not the canonical encoding
    of an element or encodes the identity.
    """

def voprf_evaluate(inputs: Bytes, secret: bytes, width: int) -> Bytes:
    """Evaluate: what :func:`voprf_finalize` gives, by the holder of the secret."""

def voprf_sum(public: bytes, blinded: Bytes, answers: Bytes) -> Bytes:
    """1 to 65536 pairs as one, shape (2, 32): their sums, with weights of 128 bits that are hashes of all of
    them.

    An answer that is not its blinded element times the secret makes the sum of answers another than that of
    the blinded elements times the secret, but for 2^-128. Raises ``ValueError`` that names the first row that
    is no element or the identity.
    """

def voprf_prove(secret: bytes, blinded: Bytes, answers: Bytes, random: bytes) -> bytes:
    """GenerateProof: 64 bytes, which prove that each answer is its blinded element times the secret.

    1 to 65536 rows of (n, 32). ``random`` is a fresh uniform scalar: whoever sees two proofs of one has the
    secret. Raises ``ValueError`` that names the first row that is no element or the identity.
    """

def voprf_verify(public: bytes, blinded: Bytes, answers: Bytes, proof: bytes) -> bool:
    """VerifyProof: whether the proof of 64 bytes holds, and all of it are elements and scalars."""

# Boosted trees
#
# ``codes`` hold the bins of columns in tiles of eight, shape (tiles, rows, 8), uint8 or uint16; after the
# last column they are 0. ``rows`` (n,) uint32 are those of some nodes, one node after the other; ``starts``
# (nodes + 1,) int64 says where each begins. ``slots`` (width + 1,) int64 says where each
# column's bins begin among those of all.

def forest_codes(
    values: NDArray[np.float32], cuts: NDArray[np.float32], starts: NDArray[np.int64], wide: bool
) -> Bytes | NDArray[np.uint16]:
    """The bins of ``values`` (rows, width): the number of the column's cuts that are not above a value.

    A missing value (NaN) has the bin after all others. ``cuts`` of all columns ascend within each; ``starts``
    (width + 1,) says where each column's begin. Up to 256 bins a column, and ``wide`` up to 8192, with
    that of missing values where there are any.
    """

def forest_histograms(
    codes: Bytes | NDArray[np.uint16],
    derivatives: NDArray[np.int32],
    rows: NDArray[np.uint32],
    starts: NDArray[np.int64],
    slots: NDArray[np.int64],
    bits: int,
) -> NDArray[np.float64]:
    """Sums of ``derivatives`` (rows, 2) by node and bin, times 2^-bits: shape (nodes, slots, 2).

    Exact below 2^53. A bin beyond its column's slots is left out.
    """

def forest_partition(
    codes: Bytes | NDArray[np.uint16],
    rows: NDArray[np.uint32],
    starts: NDArray[np.int64],
    splits: NDArray[np.int64],
) -> tuple[NDArray[np.uint32], NDArray[np.int64]]:
    """Each node's rows with those that go left before the others, both in their order; how many go left.

    ``splits`` (nodes, 4): the column, how many of its bins go left, the bin of missing values, and whether
    that goes left, too.
    """

def forest_splits(
    sums: NDArray[np.float64],
    totals: NDArray[np.float64],
    limits: NDArray[np.float32],
    slots: NDArray[np.int64],
    gaps: Bytes,
    signs: NDArray[np.int8],
    rule: tuple[float, float, float, float],
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.float64]]:
    """The best split of each node by its ``sums`` (nodes, slots, 2) of first and second derivatives.

    ``totals`` (nodes, 2) are sums of all rows, ``limits`` (nodes, 2) the least and greatest weights; ``gaps``
    (width,) says whether a column's last slot is of missing values, ``signs`` (width,) whether weights may
    only rise (1) or fall (-1) with it. ``rule``: least second derivatives of a child, penalties of squares
    and of magnitudes, greatest magnitude of a weight (0 for any).

    Gives the gains (nodes,), 0 where no split is better than none; (nodes, 3) the column, its last bin that
    goes left (-1 for none), and whether missing values do; (nodes, 2) the sums to the left.
    """

# Signatures

def ed25519_verify(keys: Bytes, messages: Bytes, signatures: Bytes) -> bool:
    """Whether all of some Ed25519 signatures hold: keys (n, 32), messages of one length (n, m), (n, 64).

    RFC 8032, with the factor 8 in the equation, all equations at once.
    """

# The field GF(2^128), modulo x^128 + x^7 + x^2 + x + 1
#
# An element is 16 bytes; bit i of the little-endian number belongs to x^i.

def gf128_scale(x: Bytes, by: bytes) -> Bytes:
    """Each element of x, shape (n, 16), times ``by``."""

def gf128_scale_add(x: Bytes, by: bytes, y: Bytes) -> Bytes:
    """``x * by + y``, for x and y of shape (n, 16)."""

def gf128_mul(x: Bytes, y: Bytes) -> Bytes:
    """``x * y``, element by element, for x and y of shape (n, 16)."""

def gf128_polynomial(x: Bytes, at: bytes) -> bytes:
    """The sum of ``x[i] * at**i``, for x of shape (n, 16)."""

def gf128_powers(base: bytes, exponents: Words) -> Bytes:
    """``base ** exponents``, shape (n, 16), for exponents of shape (n,)."""

def shamir_share(coefficients: Bytes, points: Words) -> Bytes:
    """Polynomials with coefficients (t, m, 16), from the constant on, at points (n,); shape (n, m, 16).

    Points stand for the elements with these bits. They are different and not zero.
    """

def shamir_join(shares: Bytes, points: Words) -> Bytes:
    """The values at zero, shape (m, 16), of the polynomials of degree below t with values (t, m, 16) at
    points (t,), which are different and not zero.
    """

# Correlations between two parties from few keys

def endemic_choose(choices: Bytes, random: Bytes) -> tuple[Bytes, Bytes]:
    """The first message of key transfers (Masny, Rindal 2019): two elements each, shape (n, 2, 32), and
    secrets, shape (n, 32), of choices (n,), 0 or 1, and of random bytes (n, 128). Choices are used in
    constant time.
    """

def endemic_give(elements: Bytes, scalar: bytes) -> Bytes:
    """The elements of both keys of each transfer, shape (n, 2, 32).

    Raises ``ValueError`` that names the first transfer with what is no element or the identity.
    """

def endemic_take(secrets: Bytes, point: bytes) -> Bytes:
    """The element of the chosen key of each transfer, shape (n, 32). Raises ``ValueError`` where the giver's
    ``point`` is no element or the identity.
    """

def ggm_trees(roots: Bytes, width: int, session: bytes) -> tuple[Bytes, Bytes]:
    """Trees of seeds: the leaves, shape (n, width, 16), of roots (n, 16), and the sums of each level's left
    and right children, shape (n, depth, 2, 16), where 2^depth is the first power of two from ``width`` on.
    ``width`` is at least 2.
    """

def ggm_punctured(points: Words, sums: Bytes, totals: Bytes, width: int, session: bytes) -> Bytes:
    """Those leaves without the ones at ``points``, shape (n,), of the sums (n, depth, 16) of the sides on
    which those leaves are not. In the place of a lacking leaf stands the tree's row of ``totals`` (n, 16)
    plus the sum of all other leaves.
    """

def correlate_columns(seeds: Bytes, offsets: Bytes, blocks: int) -> tuple[Bytes, Bytes]:
    """Of the streams r_x of a group's 16 seeds, (n, 16, 16), with the group's number as id: their sum u,
    shape (n, blocks, 16), and, for each bit b of four, the sum of those for which bit b of ``x ^ offset`` is
    set, shape (4 n, blocks, 16).
    """

def columns_to_rows(columns: Bytes) -> Bytes:
    """The bits of 128 columns, (128, n, 16), as 128 n rows, shape (128 n, 16)."""

def columns_combine(columns: Bytes) -> Bytes:
    """The sum of ``x**i * columns[i]`` for columns (128, n, 16) of elements of GF(2^128); shape (n, 16)."""

def code_compress(vector: Bytes, n: int, seed: bytes) -> Bytes:
    """The map of an expand-convolute code: of (N, 16) the shorter (n, 16). It is linear over GF(2^128)."""

def code_compress_both(
    places: Words, values: Bytes, vector: Bytes, n: int, seed: bytes
) -> tuple[Bytes, Bytes]:
    """The same of two vectors at once: of the one that is ``values`` (t, 16) at ``places`` (t,) and zero
    elsewhere, and of (N, 16).
    """
