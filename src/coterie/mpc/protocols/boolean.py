"""Truth values: exclusive or and not for nothing, and for one round, also of several at once.

With d = x ⊕ a opened for each factor and the products of all masks dealt, a product of k factors is ∏(d ⊕ a)
= ⊕ over all sets S of factors of ∏_{j not in S} d_j · ∏_{j in S} a_j: local once the products of two and more
masks are shared, 2^k − k − 1 bits for each result. More factors mean fewer rounds and more dealt bits.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from coterie.mpc.form import BitsForm, Form, Shape, broadcast
from coterie.mpc.protocols import bits
from coterie.mpc.protocols.bits import ONES, Packed, Truths, pack, packed_bytes, unpack
from coterie.mpc.protocols.protocol import Forms, Params, Protocol
from coterie.mpc.ring import Floats, Words
from coterie.mpc.shares import Share
from coterie.mpc.statement import ProtocolStatement
from coterie.mpc.tape import Call, Cost, Instruction, Setting

if TYPE_CHECKING:
    from coterie.mpc.dealer import Dealer
    from coterie.mpc.party import Party
    from coterie.mpc.twin import Twin

MOST_FACTORS = 8
"""Of one product: 247 bits are dealt for each result then."""


def check_bits(*forms: Form) -> None:
    """Raises ValueError where one is not of truth values."""
    if not all(isinstance(form, BitsForm) for form in forms):
        raise ValueError("takes secret truth values: compare numbers first")


class _Local(Protocol):
    """Base: one function of shares."""

    takes = (BitsForm,)

    def run(self, instruction: Instruction, party: Party, values: Sequence[Any]) -> Sequence[Any]:
        return [Share(self.share(instruction.call, [share.words for share in values], party.is_first))]

    def clear_fixed(self, call: Call, twin: Twin, values: Sequence[Any]) -> Sequence[Any]:
        return [self.share(call, values, True)]

    def clear_float(self, call: Call, twin: Twin, values: Sequence[Any]) -> Sequence[Any]:
        return [self.share(call, values, True)]

    @abstractmethod
    def share(self, call: Call, values: Sequence[Truths], first: bool) -> Truths:
        """Exactly one party is ``first``: it adds what is public."""


class Xor(_Local):
    """Of two; shapes broadcast."""

    kind = "xor"

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        left, right = forms
        check_bits(left, right)
        return (BitsForm(broadcast(left.shape, right.shape)),)

    def share(self, call: Call, values: Sequence[Truths], first: bool) -> Truths:
        return np.bitwise_xor(values[0], values[1])


class XorPublic(_Local):
    """Of secret truth values and public ones, the call's constant; shapes broadcast."""

    kind = "xor_public"

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        check_bits(*forms)
        return (BitsForm(broadcast(forms[0].shape, tuple(params["shape"]))),)

    def share(self, call: Call, values: Sequence[Truths], first: bool) -> Truths:
        if first:
            return np.bitwise_xor(values[0], _constant(call))
        return np.broadcast_to(values[0], call.output_forms[0].shape)


class AndPublic(XorPublic):
    """The same, but both."""

    kind = "and_public"

    def share(self, call: Call, values: Sequence[Truths], first: bool) -> Truths:
        return np.bitwise_and(values[0], _constant(call))


class PublicTruth(_Local):
    """Public truth values, the call's constant, as the first party's share."""

    kind = "public_truth"

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        return (BitsForm(tuple(params["shape"])),)

    def share(self, call: Call, values: Sequence[Truths], first: bool) -> Truths:
        constant = _constant(call)
        return constant if first else np.zeros_like(constant)


def _constant(call: Call) -> Truths:
    assert call.constant is not None
    return call.constant.astype(np.uint8)


class RandomBits(Protocol):
    """Random truth values that nobody knows but the dealer. Nothing is sent."""

    kind = "random_bits"

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        return (BitsForm(tuple(params["shape"])),)

    def ids(self, call: Call, setting: Setting) -> int:
        return 1

    def deal(self, instruction: Instruction, dealer: Dealer) -> None:
        """Nothing to correct: any streams are right."""

    def run(self, instruction: Instruction, party: Party, values: Sequence[Any]) -> Sequence[Any]:
        call, form = instruction.call, instruction.call.output_forms[0]
        return [Share(unpack(bits.mask_share(party, call, instruction.ids[0], form.size), form.shape))]

    def clear_fixed(self, call: Call, twin: Twin, values: Sequence[Words]) -> Sequence[Any]:
        return [np.random.default_rng().integers(0, 2, call.output_forms[0].shape, np.uint8)]

    def clear_float(self, call: Call, twin: Twin, values: Sequence[Floats]) -> Sequence[Any]:
        return self.clear_fixed(call, twin, [])


class And(Protocol):
    """Products of two to eight factors, several at once.

    ``groups`` names the factors of each result by their places among the inputs: an input that is a factor of
    several is opened once, in its own shape. The factors of one group broadcast.
    """

    kind = "and"
    takes = (BitsForm,)
    statement = ProtocolStatement(
        protocol="and of truth values",
        rounds="1",
        sent="1 bit for each element of each factor, from each compute party to each other",
        dealt="1 bit for each element of a result of two factors; 2^k - k - 1 bits for one of k",
        learns="Nothing: what is opened is uniformly random to those who have but a share of its mask.",
        source="Beaver (1991); products of many factors: Ohata, Nuida (2020)",
    )

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        check_bits(*forms)
        groups = params["groups"]
        if not groups or not all(2 <= len(group) <= MOST_FACTORS for group in groups):
            raise ValueError(f"multiplies two to {MOST_FACTORS} truth values")
        return tuple(BitsForm(broadcast(*(forms[i].shape for i in group))) for group in groups)

    def ids(self, call: Call, setting: Setting) -> int:
        return len(call.inputs) + 1

    def cost(self, call: Call, setting: Setting) -> Cost:
        opened = sum(packed_bytes(form.size) for form in call.input_forms)
        dealt = sum(group.dealt_bytes for group in _groups(call))
        messages = (*Cost.broadcast(setting, opened), Cost.deal(setting, dealt))
        scratch = 4 * sum(form.size for form in call.input_forms) + 2 * dealt
        return Cost((messages,), scratch=scratch)

    def deal(self, instruction: Instruction, dealer: Dealer) -> None:
        call, (*mask_ids, dealt_id) = instruction.call, instruction.ids
        masks = [
            bits.mask(dealer, call, id, form.size)
            for id, form in zip(mask_ids, call.input_forms, strict=True)
        ]
        parts: list[Packed] = []
        for group in _groups(call):
            products: list[Any] = [ONES]
            for factor in group.factors(masks):
                products += [product & factor for product in products]
            parts += [group.packed(products[chosen]) for chosen in group.sets]
        chosen = np.concatenate(parts)
        bits.deal(dealer, call, dealt_id, chosen, 8 * chosen.size)

    def run(self, instruction: Instruction, party: Party, values: Sequence[Any]) -> Sequence[Any]:
        call, (*mask_ids, dealt_id) = instruction.call, instruction.ids
        masks = [
            bits.mask_share(party, call, id, form.size)
            for id, form in zip(mask_ids, call.input_forms, strict=True)
        ]
        masked = [pack(share.words) ^ mask for share, mask in zip(values, masks, strict=True)]
        ends = np.cumsum([one.size for one in masked])[:-1]
        opened = np.split(bits.join(party, call, np.concatenate(masked)), ends)
        groups = _groups(call)
        dealt = bits.dealt(party, call, dealt_id, 8 * sum(group.dealt_bytes for group in groups))
        results = []
        for group in groups:
            own, dealt = dealt[: group.dealt_bytes], dealt[group.dealt_bytes :]
            results.append(
                Share(group.product(group.factors(opened), group.factors(masks), own, party.is_first))
            )
        return results

    def clear_fixed(self, call: Call, twin: Twin, values: Sequence[Any]) -> Sequence[Any]:
        results = []
        for group in call.params["groups"]:
            product = values[group[0]]
            for place in group[1:]:
                product = np.bitwise_and(product, values[place])
            results.append(product)
        return results

    def clear_float(self, call: Call, twin: Twin, values: Sequence[Any]) -> Sequence[Any]:
        return self.clear_fixed(call, twin, values)


@dataclass(frozen=True)
class _Group:
    """The factors of one result."""

    places: tuple[int, ...]
    forms: tuple[Form, ...]
    shape: Shape

    @property
    def even(self) -> bool:
        """Whether nothing broadcasts: then all is done on packed bits."""
        return all(form.shape == self.shape for form in self.forms)

    @property
    def sets(self) -> list[int]:
        """Sets of two or more factors, as numbers whose bits name them."""
        return [chosen for chosen in range(2 ** len(self.places)) if chosen.bit_count() > 1]

    @property
    def packed_bytes(self) -> int:
        return packed_bytes(math.prod(self.shape))

    @property
    def dealt_bytes(self) -> int:
        return self.packed_bytes * len(self.sets)

    def factors(self, inputs: Sequence[Packed]) -> list[Truths]:
        """What stands for each factor, in the result's shape or packed."""
        chosen = [inputs[place] for place in self.places]
        if self.even:
            return chosen
        own = [unpack(one, form.shape) for one, form in zip(chosen, self.forms, strict=True)]
        return [np.broadcast_to(one, self.shape) for one in own]

    def packed(self, truths: Truths) -> Packed:
        return truths if self.even else pack(truths)

    def product(
        self, opened: Sequence[Truths], masks: Sequence[Truths], dealt: Packed, first: bool
    ) -> Truths:
        """This party's share: the sum over all sets of its share of the product of their masks, times the
        opened others."""
        table: list[Any] = [ONES if first else np.uint8(0)] * 2 ** len(masks)
        for place, mask in enumerate(masks):
            table[1 << place] = mask
        for chosen, part in zip(self.sets, dealt.reshape(-1, self.packed_bytes), strict=True):
            table[chosen] = part if self.even else unpack(part, self.shape)
        for factor in reversed(opened):
            half = len(table) // 2
            table = [table[half + i] ^ (factor & table[i]) for i in range(half)]
        return unpack(table[0], self.shape) if self.even else table[0]


def _groups(call: Call) -> list[_Group]:
    return [
        _Group(tuple(group), tuple(call.input_forms[place] for place in group), form.shape)
        for group, form in zip(call.params["groups"], call.output_forms, strict=True)
    ]


class Encode(_Local):
    """Of the one that is true along the last axis, its place: as bits, the lowest first."""

    kind = "encode"

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        *lead, n = forms[0].shape
        return (BitsForm((*lead, (n - 1).bit_length())),)

    def share(self, call: Call, values: Sequence[Truths], first: bool) -> Truths:
        result = np.empty(call.output_forms[0].shape, np.uint8)
        places = np.arange(values[0].shape[-1])
        for bit in range(result.shape[-1]):
            result[..., bit] = np.bitwise_xor.reduce(values[0][..., places >> bit & 1 == 1], axis=-1)
        return result


PROTOCOLS = (Xor(), XorPublic(), AndPublic(), PublicTruth(), RandomBits(), And(), Encode())
