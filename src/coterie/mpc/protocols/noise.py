"""Random numbers that no compute party knows: uniform ones, and noise for a reveal with differential privacy.

By the dealer: it draws the numbers from a seed that it shares with nobody, and deals shares of them. It knows
them, so it must collude with no receiver of what they are added to; a reveal to the dealer itself is refused.

By the parties: every compute party draws noise of its own, of the whole width, and takes it for its share. To
whoever colludes with all but one of them, dealer or receiver, the noise of that one is left. The variance is
that of all together. Noise of both laws is that of :mod:`coterie.mpc.protocols.discrete`.

*Privacy* (Canonne, Kamath, Steinke 2020). On the grid 2^-f on which the ring's values lie, and for a change
of any one person's data that changes the value by at most Δ (in the Euclidean norm of an array's elements):
the discrete Gaussian with sigma gives (Δ²/2σ²)-concentrated differential privacy, their Theorem 14; the
discrete Laplace with a scale gives ε = Δ₁/scale for Δ₁ in the sum of magnitudes. Neither is an approximation
of a continuous law: the sum of a number of the grid and the noise is a number of the grid.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from coterie._kernels import prg_u64
from coterie.mpc.errors import BAD_ROLES
from coterie.mpc.form import Form
from coterie.mpc.protocols.discrete import Draw, Law, Uniform, law
from coterie.mpc.protocols.protocol import Forms, Params, Protocol
from coterie.mpc.ranges import Interval
from coterie.mpc.ring import Floats, Words, decode
from coterie.mpc.seeds import OWN, SeedBook
from coterie.mpc.shares import Share
from coterie.mpc.statement import DEALER, ProtocolStatement
from coterie.mpc.tape import WORD, Call, Cost, Instruction, Setting

if TYPE_CHECKING:
    from coterie.mpc.dealer import Dealer
    from coterie.mpc.party import Party
    from coterie.mpc.twin import Twin

_ENDLESS = 1 << 40
"""Words that samplers may take of one stream."""
_TWIN = b"coterie/mpc/twin"
"""The twin's randomness is the same at each run: it shows what noise does and hides nothing."""


class _Random(Protocol):
    """Base: samples of a law that the parameters name, on the grid of their fixed-point format."""

    @abstractmethod
    def law(self, params: Params) -> Law:
        """Raises ValueError where there is none."""

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        law, unit = self.law(params), 2.0 ** -params["frac"]
        span = Interval(law.low * unit, law.high * unit)
        if params["by"] == "parties":
            span = span.summed(len(parties))
        return (Form(tuple(params["shape"]), params["frac"], span),)

    def ids(self, call: Call, setting: Setting) -> int:
        return 2

    def cost(self, call: Call, setting: Setting) -> Cost:
        size = WORD * call.output_forms[0].size
        if call.params["by"] == "parties":
            return Cost(scratch=6 * size)
        return Cost(rounds=((Cost.deal(setting, size),),), scratch=6 * size)

    def deal(self, instruction: Instruction, dealer: Dealer) -> None:
        call, (own, shared) = instruction.call, instruction.ids
        if call.params["by"] == "dealer":
            dealer.send(call, shared, self._sample(call, dealer.book, own))

    def run(self, instruction: Instruction, party: Party, values: Sequence[Any]) -> Sequence[Any]:
        call, (own, shared) = instruction.call, instruction.ids
        form = call.output_forms[0]
        if call.params["by"] == "parties":
            words = self._sample(call, party.book, own)
        else:
            words = party.dealt(call, shared, form.size)
        return [Share(words.reshape(form.shape))]

    def _sample(self, call: Call, book: SeedBook, id: int) -> Words:
        """From the seed that its holder shares with nobody."""
        draw = _Stream(book, id, f"{call.tag} own draws")
        return self.law(dict(call.params)).sample(draw, call.output_forms[0].size).view(np.uint64)

    def clear_fixed(self, call: Call, twin: Twin, values: Sequence[Words]) -> Sequence[Words]:
        form, count = call.output_forms[0], 1 if call.params["by"] == "dealer" else len(twin.parties)
        draw = _twin_stream(call)
        samples = self.law(dict(call.params)).sample(draw, count * form.size)
        return [samples.reshape(count, *form.shape).sum(axis=0).view(np.uint64)]

    def clear_float(self, call: Call, twin: Twin, values: Sequence[Floats]) -> Sequence[Floats]:
        return [decode(self.clear_fixed(call, twin, ())[0], call.output_forms[0].frac)]


class _Stream:
    """A secret stream that is used word after word, as far as sampling needs it."""

    def __init__(self, book: SeedBook, id: int, use: str) -> None:
        self._book, self._id, self._use = book, id, use
        self._at = 0

    def __call__(self, n: int) -> Words:
        start, self._at = self._at, self._at + n
        return self._book.part(OWN, self._id, _ENDLESS, start, n, self._use)


def _twin_stream(call: Call) -> Draw:
    at = 0

    def draw(n: int) -> Words:
        nonlocal at
        start, at = at, at + n
        return prg_u64(_TWIN, call.index, n, start)

    return draw


class RandomIntegers(_Random):
    """Uniform on the grid from ``low`` to ``high``, both included and in units of the grid."""

    kind = "random_integers"
    statement = ProtocolStatement(
        protocol="uniform random numbers",
        rounds="none: only what is dealt",
        sent="0",
        dealt="8 bytes for each element",
        learns="No compute party learns anything. The dealer knows the numbers.",
        source="dealt; without bias, by rejection",
    )

    def law(self, params: Params) -> Law:
        return Uniform(int(params["low"]), int(params["high"]))


class Noise(_Random):
    """Discrete Gaussian or Laplace noise. ``to`` names who will see what it is added to, if that is known."""

    kind = "noise"
    statement = ProtocolStatement(
        protocol="discrete noise for differential privacy",
        rounds="none: only what is dealt",
        sent="0",
        dealt="8 bytes for each element; 0 where the parties draw it",
        learns="No compute party learns the noise, or anybody's data from it. Noise by the dealer: the "
        "dealer knows the noise, and together with a receiver would learn the value without it. Noise by the "
        "parties: each knows its own part, and any one that keeps its part to itself suffices.",
        source="Canonne, Kamath, Steinke (2020), sampled exactly: see discrete.py",
        helper=f"{DEALER}, and with no receiver of a noisy value; none where the parties draw the noise",
        statistical_bits=80,
    )

    def law(self, params: Params) -> Law:
        if params["by"] not in ("dealer", "parties"):
            raise ValueError(f'noise is drawn by "dealer" or "parties", not {params["by"]!r}')
        return law(params["law"], params["parameter"], params["frac"])

    def cost(self, call: Call, setting: Setting) -> Cost:
        """Raises CT-2109 where the dealer would see what its own noise is added to."""
        if call.params["by"] == "dealer" and setting.dealer in call.params["to"]:
            raise BAD_ROLES(
                f"{call.describe()}: {setting.dealer} would get a value with noise that it knows; "
                'let the noise be drawn by="parties"',
                party=setting.dealer,
            )
        return super().cost(call, setting)


PROTOCOLS = (RandomIntegers(), Noise())
