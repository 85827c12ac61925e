"""How large a positive number is, by powers of four, and scaling it by that: three rounds beyond its opening.

Let x be a ring element below 2^top, opened as m = x + λ. Trial k (k = 0 … L − 1, L <= 7) asks whether x is
below its threshold 2^(top − 2k − 2), given that it is below 1.5 times the threshold before, so below 12 of 16
buckets of 2^(top − 2k − 3). The difference of the buckets of m and of λ modulo 16 is the bucket of x, or one
more: at most 12, so that nothing is mistaken for small that is large. Is it 0, 1 or 2, the trial passes: for
sure if x is in the first two buckets, below the threshold, and never from three on, 1.5 times the threshold.
The bucket of m is public and the dealer knows that of λ: it shares the outcomes for all sixteen buckets of m,
and the look-up is local.

T is how many trials pass before one fails, so that 2^(top − 2) <= 4^T x < 1.5 · 2^top, if x is at least
2^(top − 2 − 2L): a ratio of six. To count, outcomes are opened under masks (first round). For each value of
the first four opened bits the dealer has shared how many passed and whether all did, and for each value of
the last three how many passed: look-ups again. If all of the first passed, the last count, too: a product of
a shared truth and a number, both opened under masks for it (second round). Then T + ρ modulo 16 becomes
public (third). T being below 8, T = t − ρ + 8w with the wrap w known from the highest bits, as in exact
truncation, and 4^T = 4^t 4^−ρ 2^16w: x 4^(T+7) is a public combination of dealt 4^(7−ρ) and λ 4^(7−ρ), for
either value of ρ's highest bit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from coterie._kernels import (
    octave_bits,
    octave_count,
    octave_counts,
    octave_scale,
    octave_scales,
    octave_trials,
)
from coterie.mpc.form import Form
from coterie.mpc.protocols.protocol import Forms, Params, Protocol
from coterie.mpc.protocols.window import CHUNK, chunks, corrected, dealt_to
from coterie.mpc.ranges import Interval, between
from coterie.mpc.ring import Floats, Words
from coterie.mpc.shares import Share
from coterie.mpc.statement import ProtocolStatement
from coterie.mpc.tape import WORD, Call, Cost, Instruction, Setting

if TYPE_CHECKING:
    from coterie.mpc.dealer import Dealer
    from coterie.mpc.party import Party
    from coterie.mpc.seeds import SeedBook
    from coterie.mpc.twin import Twin

Bytes = NDArray[np.uint8]

LEVELS = 7
"""Trials, at most."""
SPARE = 2 * LEVELS
"""More fractional bits of the scaled number: 4^7."""
SCALED = Interval(0.25, 1.5)
"""Where the scaled number lies."""
_WORDS = {"trials": 2, "counts": 2, "scales": 6}
"""Dealt for each element."""
_STEPS = tuple(_WORDS)
_NIBBLE = np.uint8(15)


class Octaves(Protocol):
    """Of an opened x: x 4^T / 2^(top - frac), which lies from 1/4 to 3/2, and T."""

    kind = "octaves"
    takes = (Form,)
    statement = ProtocolStatement(
        protocol="scaling by powers of four",
        rounds="3 beyond the opening of its argument",
        sent="3 bytes for each element, from each compute party to each other",
        dealt="80 bytes for each element",
        learns="Nothing: what is opened is uniformly random to those who have but a share of its mask.",
        source="this file; look-ups by public index: Ishai, Kushilevitz, Meldgaard, Orlandi, Paskin (2013)",
    )

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        form, top, levels = forms[0], params["top"], params["levels"]
        if not 1 <= levels <= LEVELS or not 2 * levels + 1 <= top <= 62:
            raise ValueError(f"{levels} trials of numbers below 2^{top}")
        unit, least = 2.0**-form.frac, 2.0 ** (top - 2 - 2 * levels)
        known = form.low >= least * unit * (1 - 2.0**-12) and form.high <= 2.0**top * unit * (1 + 2.0**-12)
        span = (
            SCALED.widened(2.0**-10)
            if known
            else between(form.bound * 2.0 ** (form.frac - top) * 4.0**LEVELS)
        )
        return (Form(form.shape, top + SPARE, span), Form(form.shape, 0, Interval(0.0, float(levels))))

    def ids(self, call: Call, setting: Setting) -> int:
        return 3 + len(_STEPS) * len(list(chunks(call.input_forms[0].size)))

    def cost(self, call: Call, setting: Setting) -> Cost:
        n = call.input_forms[0].size
        rounds = [[*Cost.broadcast(setting, n)] for _ in range(3)]
        rounds[0].extend(dealt_to(setting, n, WORD * sum(_WORDS.values())))
        scratch = 4 * n * WORD + 2 * min(n, CHUNK) * WORD * sum(_WORDS.values())
        return Cost(tuple(map(tuple, rounds)), party_work=4 * n, dealer_work=2 * n, scratch=scratch)

    def deal(self, instruction: Instruction, dealer: Dealer) -> None:
        call, ids = instruction.call, _Ids(instruction)
        top, levels = call.params["top"], call.params["levels"]
        mask = dealer.mask(call.inputs[0]).whole.reshape(-1)
        bits, pairs, rhos = (
            _masks(dealer.book, dealer.setting.parties, call, id, mask.size) for id in ids.masks
        )
        bits = np.bitwise_xor.reduce(bits, axis=0)
        taus = pairs.sum(axis=0, dtype=np.uint8) & _NIBBLE
        sigmas = np.bitwise_xor.reduce(pairs, axis=0) & np.uint8(16)
        rho = rhos.sum(axis=0, dtype=np.uint8) & _NIBBLE
        for step in _STEPS:
            for part in ids.parts(step):
                rows, use = slice(part.start, part.stop), f"{call.tag} dealt{part.tag}"
                words = _WORDS[step] * (part.stop - part.start)
                to = corrected(dealer.setting, part.number)
                seeds = dealer.book.seeds(dealer.setting.others(to), part.id, words, use)
                if step == "trials":
                    correction = octave_trials(mask[rows], top, levels, seeds, part.id)
                elif step == "counts":
                    correction = octave_counts(bits[rows], taus[rows] | sigmas[rows], seeds, part.id)
                else:
                    correction = octave_scales(rho[rows], mask[rows], seeds, part.id)
                dealer.send_raw(call, correction, part.tag, to)

    def run(self, instruction: Instruction, party: Party, values: Sequence[Any]) -> Sequence[Any]:
        call, ids, form = instruction.call, _Ids(instruction), instruction.call.input_forms[0]
        top, levels = call.params["top"], call.params["levels"]
        opened = values[0].opening.opened.reshape(-1)
        bit_mask, pair_mask, rho = (
            _masks(party.book, [party.me], call, id, form.size)[0] for id in ids.masks
        )

        outcomes = np.empty(form.size, np.uint8)
        for part, words, seed in _dealt(ids, call, party, "trials"):
            rows = slice(part.start, part.stop)
            outcomes[rows] = octave_bits(opened[rows], top, levels, words, seed, part.id)[:, 0]
        public = _join(party, call, outcomes ^ bit_mask, "/outcomes", np.bitwise_xor)

        found = np.empty((form.size, 3), np.uint8)
        for part, words, seed in _dealt(ids, call, party, "counts"):
            rows = slice(part.start, part.stop)
            found[rows] = octave_count(public[rows], words, seed, part.id)
        count = self._count(party, call, found, pair_mask)
        public = _join(party, call, (count + rho) & _NIBBLE, "/count", np.add) & _NIBBLE

        scaled = np.empty((form.size, 2), np.uint64)
        for part, words, seed in _dealt(ids, call, party, "scales"):
            rows = slice(part.start, part.stop)
            scaled[rows] = octave_scale(public[rows], opened[rows], party.is_first, words, seed, part.id)
        return [Share(np.ascontiguousarray(scaled[:, k]).reshape(form.shape)) for k in (0, 1)]

    @staticmethod
    def _count(party: Party, call: Call, found: Bytes, mask: Bytes) -> Bytes:
        """Shares modulo 16 of the first count, plus the last where all of the first passed: one round.

        With z the truth and t the last count, c = z ⊕ σ and l = t + τ become public. z t = (c ⊕ σ)(l − τ).
        """
        first, last, products = found.T
        tau, sigma = mask & _NIBBLE, mask & np.uint8(16)
        masked = ((last + tau) & _NIBBLE) | ((last & np.uint8(16)) ^ sigma)
        truth, number = masked & np.uint8(16), masked & _NIBBLE
        for theirs in party.broadcast(call, masked, "/product"):
            truth = truth ^ (theirs & np.uint8(16))
            number = number + (theirs & _NIBBLE)
        of_sigma, of_both = products & _NIBBLE, products >> np.uint8(4)
        product = number * of_sigma - of_both
        other = (number if party.is_first else np.uint8(0)) - tau - product
        return np.asarray((first + np.where(truth, other, product)) & _NIBBLE)

    def clear_fixed(self, call: Call, twin: Twin, values: Sequence[Words]) -> Sequence[Words]:
        top = call.params["top"]
        trials = [
            (values[0] >> np.uint64(top - 3 - 2 * level)) & np.uint64(15) <= 2
            for level in range(call.params["levels"])
        ]
        count = np.logical_and.accumulate(trials, axis=0).sum(axis=0).astype(np.uint64)
        return [values[0] << (np.uint64(2) * count + np.uint64(SPARE)), count]

    def clear_float(self, call: Call, twin: Twin, values: Sequence[Floats]) -> Sequence[Floats]:
        top, frac = call.params["top"], call.input_forms[0].frac
        scaled = values[0] * 2.0 ** (frac - top)
        levels = range(1, call.params["levels"] + 1)
        count = np.sum([scaled < 4.0**-level for level in levels], axis=0).astype(np.float64)
        return [scaled * 4.0**count, count]


@dataclass(frozen=True)
class _Part:
    """Some rows of a step."""

    number: int
    start: int
    stop: int
    id: int
    tag: str


class _Ids:
    """Which id is for what."""

    def __init__(self, instruction: Instruction) -> None:
        self.masks, self._rest = instruction.ids[:3], instruction.ids[3:]
        self._chunks = list(chunks(instruction.call.input_forms[0].size))

    def parts(self, step: str) -> Iterator[_Part]:
        first = _STEPS.index(step) * len(self._chunks)
        for number, (start, stop) in enumerate(self._chunks):
            yield _Part(number, start, stop, self._rest[first + number], f"/{step}/{number}")


def _masks(book: SeedBook, labels: Sequence[str], call: Call, id: int, n: int) -> Bytes:
    """(labels, n): a byte of each stream for each element."""
    words = -(-n // WORD)
    return np.stack([book.words(label, id, words, f"{call.tag} mask").view(np.uint8)[:n] for label in labels])


def _dealt(
    ids: _Ids, call: Call, party: Party, step: str
) -> Iterator[tuple[_Part, Words | None, bytes | None]]:
    """A party's shares of what was dealt for a step, part by part: the words, or the seed that makes them."""
    for part in ids.parts(step):
        count, to = _WORDS[step] * (part.stop - part.start), corrected(party.setting, part.number)
        if party.me == to:
            yield part, party.dealt(call, part.id, count, part.tag, to), None
        else:
            use = f"{call.tag} dealt{part.tag}"
            yield part, None, party.book.seeds([party.me], part.id, count, use)[0]


def _join(party: Party, call: Call, masked: Bytes, tag: str, add: Any) -> Bytes:
    """What all parties' masked shares make together."""
    total = masked
    for theirs in party.broadcast(call, masked, tag):
        total = add(total, theirs)
    return total


PROTOCOLS = (Octaves(),)
