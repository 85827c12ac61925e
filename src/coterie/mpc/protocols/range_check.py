"""The guard of ranges: no value leaves its range unseen, at the price of no round and 16 dealt bytes.

What is evaluated periodically takes z and z + 2T for the same, and what is bounded by hope alone may
overflow. So z is opened in a window: 24 bits of the period 2T and 16 bits above. Where z has more fractional
bits, untruncated products for instance, each party first drops the low bits of its share by itself: among
values with a period that costs n − 1 units in the last kept place.

For each element the dealer shares a table of eight 16-bit entries, of which the public bits of m = z + λ
choose one. Cut the period into eight buckets of T/4, shift z by limit = 5T/8, and let δ be the bucket of m
minus the bucket of λ, counted on beyond the period. δ is the bucket of z, or one more where the lower bits
carry: z is in range if δ is 0 … 5. For each value i of the lowest three bits of m's bucket, entry i is what
the 16 bits above the period must then be: those of λ, plus one where i is below λ's three bits; or, where the
difference of i and λ's bits is 6 or 7, what they cannot be: the same plus c = 2^15 + 2^10. So

- entry minus public bits is 0 for every z in [−limit, limit), and
- it is not 0 for any |z| >= 1.4 limit, up to 31743 periods, which the trace makes sure of;

in between it depends on λ. The parties add up their shares of eight random public combinations of all
differences, over all calls, and at the end reveal whether the sums are zero: multiplied by a random secret
matrix, so that a failure does not tell which row it was. Why this and not a comparison of each value: that is
two to four rounds more, and several times the bytes, in every pass.

The difference of a value that is k periods off is −k, or c − k in the last two buckets of a period: 2^v odd.
Eight combinations and the matrix miss it with probability (17 − v) 2^(−8(16−v)). Each |k| < 2^10 has v <= 10,
as c is 2^10 plus a multiple of 2^11: less than 2^−45. (An odd c would differ by 2^15 from some odd k, which
2^−8 of all runs would miss.) A failure shows the smallest v of all rows beside the one bit, and nothing else:
the product is uniform among the vectors that 2^v divides.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from coterie._kernels import guard_deal, guard_eval
from coterie.mpc.errors import OUT_OF_RANGE
from coterie.mpc.form import Form
from coterie.mpc.protocols.protocol import Forms, Params, Protocol
from coterie.mpc.protocols.reveal import zero_share
from coterie.mpc.protocols.window import ABOVE, PERIOD_BITS, Window, chunks, corrected, dealt_to
from coterie.mpc.ranges import Interval, between
from coterie.mpc.ring import BITS, Floats, Words, decode
from coterie.mpc.seeds import COMMON
from coterie.mpc.shares import Share
from coterie.mpc.statement import ProtocolStatement
from coterie.mpc.tape import WORD, Call, Cost, Instruction, Setting

if TYPE_CHECKING:
    from coterie.mpc.dealer import Dealer
    from coterie.mpc.party import Party
    from coterie.mpc.twin import Twin

Lanes = NDArray[np.uint16]

WORDS_PER_ROW = 2
"""Eight entries of 16 bits."""
COMBINATIONS = 8
LIMIT, ALARM = 0.625, 0.875
"""In units of T: values up to the first pass, from the second on they fail."""
FORM = Form((COMBINATIONS,), 0, Interval(0.0, 0.0))
"""Of the sums: zero, in a run without accident. They live in the top 16 bits of the ring."""

_BUCKETS = 8
_ACCEPTED = 6
_NEVER = 2**15 + 2**10
_TOP = np.uint64(BITS - ABOVE)
_OFFSET = np.uint64(5 << (PERIOD_BITS - 4))  # limit = 5/16 of the period


def alarm(half_period: float, z: Floats) -> NDArray[np.bool_]:
    """(8,): whether any value is so far out that the check fails for sure."""
    return np.full(COMBINATIONS, bool(np.any(np.abs(z) >= ALARM * half_period)))


def _entries() -> Lanes:
    """(8, 8): for the lowest bits of λ's bucket and of m's, what is added to λ's bits above the period."""
    mask, public = np.arange(_BUCKETS)[:, None], np.arange(_BUCKETS)[None, :]
    below = (public < mask).astype(np.uint16)
    inside = (public - mask) % _BUCKETS < _ACCEPTED
    return np.where(inside, below, below + np.uint16(_NEVER)).astype(np.uint16)


_ENTRIES = _entries()


def deal_tables(dealer: Dealer, call: Call, id: int, mask: Words, part: str, to: str) -> None:
    """Share the tables of a chunk of rows, of which one party's shares are corrected."""
    labels, use = dealer.setting.others(to), f"{call.tag} dealt{part}"
    seeds = dealer.book.seeds(labels, id, mask.size * WORDS_PER_ROW, use)
    dealer.send_raw(call, guard_deal(mask, _ENTRIES, PERIOD_BITS, seeds, id), part, to)


def watch(
    party: Party, call: Call, ids: tuple[int, int], rows: tuple[int, int], opened: Words, part: str, to: str
) -> Words:
    """Shares of eight random public combinations of entry minus public bits, for a chunk of rows.

    :param ids: of the tables of these rows, and of the public coins of all.
    :param rows: number of the first, and how many there are in all chunks.
    """
    (table_id, coin_id), (start, total), n = ids, rows, opened.size * WORDS_PER_ROW
    shares = seed = None
    if party.me == to:
        shares = party.dealt(call, table_id, n, part, to)
    else:
        seed = party.book.seeds([party.me], table_id, n, f"{call.tag} dealt{part}")[0]
    coins = party.book.seeds([COMMON], coin_id, total * WORDS_PER_ROW, f"{call.tag} public coins")[0]
    at = start * WORDS_PER_ROW
    sums = guard_eval(
        opened, int(_OFFSET), PERIOD_BITS, shares, seed, table_id, coins, coin_id, at, party.is_first
    )
    return sums << _TOP


class Range(Protocol):
    """The same secret, known to be in range once the program's check has passed; and sums of differences."""

    kind = "range"
    statement = ProtocolStatement(
        protocol="range guard",
        rounds="1, or none beside a sigmoid",
        sent="5 bytes for each element, from each compute party to each other",
        dealt="16 bytes for each element",
        learns="Nothing: what is opened is uniformly random to those who have but a share of its mask.",
        source="this file",
        statistical_bits=40,
    )

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        form, half_period = forms[0], params["half_period"]
        Window(form, half_period).check()
        return (Form(form.shape, form.frac, form.range.cut(between(ALARM * half_period))), FORM)

    def ids(self, call: Call, setting: Setting) -> int:
        return 2 + len(list(chunks(call.input_forms[0].size)))

    def cost(self, call: Call, setting: Setting) -> Cost:
        n = call.input_forms[0].size
        messages = (
            *Cost.broadcast(setting, n * _window(call).bytes),
            *dealt_to(setting, n, WORDS_PER_ROW * WORD),
        )
        return Cost((messages,), scratch=8 * n * WORD)

    def deal(self, instruction: Instruction, dealer: Dealer) -> None:
        call, (mask_id, _, *chunk_ids) = instruction.call, instruction.ids
        mask = _window(call).mask(dealer, call, mask_id)
        for part, ((start, stop), id) in enumerate(zip(chunks(mask.size), chunk_ids, strict=True)):
            deal_tables(dealer, call, id, mask[start:stop], f"/{part}", corrected(dealer.setting, part))

    def run(self, instruction: Instruction, party: Party, values: Sequence[Any]) -> Sequence[Any]:
        call, (mask_id, coin_id, *chunk_ids) = instruction.call, instruction.ids
        opened = _window(call).open(party, call, values[0].words, mask_id)
        guard = np.zeros(COMBINATIONS, np.uint64)
        for part, ((start, stop), id) in enumerate(zip(chunks(opened.size), chunk_ids, strict=True)):
            rows, to = (start, opened.size), corrected(party.setting, part)
            guard += watch(party, call, (id, coin_id), rows, opened[start:stop], f"/{part}", to)
        return [Share(values[0].words), Share(guard)]

    def clear_fixed(self, call: Call, twin: Twin, values: Sequence[Words]) -> Sequence[Words]:
        numbers = decode(values[0], call.input_forms[0].frac)
        return [values[0], alarm(call.params["half_period"], numbers).astype(np.uint64)]

    def clear_float(self, call: Call, twin: Twin, values: Sequence[Floats]) -> Sequence[Floats]:
        return [values[0], alarm(call.params["half_period"], values[0]).astype(np.float64)]


def _window(call: Call) -> Window:
    return Window(call.input_forms[0], call.params["half_period"])


class Check(Protocol):
    """Reveal to all compute parties whether all sums of differences are zero."""

    kind = "check"
    takes = (Form,)
    discloses = "whether every value was in range"
    statement = ProtocolStatement(
        protocol="range check",
        rounds="2",
        sent="128 bytes from each compute party to each other, for the whole program",
        dealt="64 bytes for the whole program",
        learns="Every compute party learns whether all values were in range; if not, also the largest power "
        "of two (one of 16) that divides how far off each stray value was, and the job ends.",
        source="this file; multiplied opening: Cramer, Damgård, Nielsen (2015), section 5",
        statistical_bits=40,
    )

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        if forms[0] != FORM:
            raise ValueError("checks sums of differences only")
        return ()

    def ids(self, call: Call, setting: Setting) -> int:
        return 4

    def cost(self, call: Call, setting: Setting) -> Cost:
        size = COMBINATIONS * WORD
        opening = (*Cost.broadcast(setting, size), Cost.deal(setting, size))
        return Cost((opening, tuple(Cost.broadcast(setting, size))), party_work=COMBINATIONS**2)

    def deal(self, instruction: Instruction, dealer: Dealer) -> None:
        call, (mask_id, factor_id, dealt_id, _) = instruction.call, instruction.ids
        mask = dealer.new_mask(call, mask_id, COMBINATIONS)
        factor = dealer.book.sum(dealer.setting.parties, factor_id, COMBINATIONS**2, f"{call.tag} factor")
        dealer.send(call, dealt_id, _times(factor, mask))

    def run(self, instruction: Instruction, party: Party, values: Sequence[Any]) -> Sequence[Any]:
        call, (mask_id, factor_id, dealt_id, zero_id) = instruction.call, instruction.ids
        opened = party.join(call, values[0].words + party.mask_share(call, mask_id, COMBINATIONS))
        factor = party.book.words(party.me, factor_id, COMBINATIONS**2, f"{call.tag} factor")
        share = _times(factor, opened) - party.dealt(call, dealt_id, COMBINATIONS)
        share += zero_share(party, call, zero_id, COMBINATIONS)
        if party.join(call, share).any():
            raise OUT_OF_RANGE("in at least one row", party=party.me)
        return ()

    def clear_fixed(self, call: Call, twin: Twin, values: Sequence[Words]) -> Sequence[Words]:
        return self._clear(values[0])

    def clear_float(self, call: Call, twin: Twin, values: Sequence[Floats]) -> Sequence[Floats]:
        self._clear(values[0])
        return ()

    @staticmethod
    def _clear(sums: NDArray[Any]) -> tuple[()]:
        if sums.any():
            raise OUT_OF_RANGE("in at least one row")
        return ()


def _times(factor: Words, sums: Words) -> Words:
    """The 8 x 8 matrix in ``factor`` times the sums."""
    products: Words = (factor.reshape(COMBINATIONS, COMBINATIONS) * sums).sum(axis=1, dtype=np.uint64)
    return products


PROTOCOLS = (Range(), Check())
