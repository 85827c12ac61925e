"""Bilinear products, exact: the result has the fractional bits of both factors.

For secrets, with m = x + λ opened: x∘y = m_x∘m_y − m_x∘λ_y − λ_x∘m_y + λ_x∘λ_y, the last term dealt. Where K
owns x in the clear and the others have m_x: K computes x∘(m_y − λ_{y,K}), each other i −m_x∘λ_{y,i}, and the
dealer shares λ_x∘(λ_y − λ_{y,K}). A sum of such products is dealt as one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from coterie._kernels import matmul, matmul_t
from coterie.mpc.form import Form, PrivateForm, Shape, ShapeError, broadcast
from coterie.mpc.protocols.protocol import Forms, Params, Protocol
from coterie.mpc.ranges import Interval, between
from coterie.mpc.ring import Floats, Narrow, Words, as_words
from coterie.mpc.shares import Held, Share
from coterie.mpc.statement import ProtocolStatement
from coterie.mpc.storage import InMemory, Stored
from coterie.mpc.tape import WORD, Call, Cost, Instruction, Setting

if TYPE_CHECKING:
    from coterie.mpc.dealer import Dealer
    from coterie.mpc.party import Party
    from coterie.mpc.twin import Twin

_STATEMENT = ProtocolStatement(
    protocol="bilinear product",
    rounds="0 beyond the openings of its factors",
    sent="0 beyond the openings of its factors",
    dealt="8 bytes for each element of the result",
    learns="Nothing: beyond masked openings a party receives random shares only.",
    source="Beaver (1991), with the dealer's share of the product of masks",
)


PRIVATE_PRODUCT = "private_product"

TOGETHER = 8
"""Products of one private matrix with masks of vectors that are made at once: it is read once for all."""
TOGETHER_BYTES = 128 * 2**20
"""Of their right sides and results, at most; a single product may be larger."""


def together(size: int) -> int:
    """How many products are made at once, with right sides and results of ``size`` bytes each."""
    return max(1, min(TOGETHER, TOGETHER_BYTES // max(size, 1)))


def bilinear(operation: str, left: Words | Narrow, right: Words) -> Words:
    """``left @ right``, ``left.T @ right`` or ``left * right`` in the ring."""
    if operation == "multiply":
        return np.multiply(as_words(left), right)
    right = np.ascontiguousarray(right)
    return matmul(left, right) if operation == "matmul" else matmul_t(left, right)


def by_blocks(operation: str, left: Stored, right: Words, shape: Shape) -> Words:
    """:func:`bilinear` of shape ``shape``, with as little of ``left`` in memory as its storage allows.

    Sums wrap, so the result is the same to the last bit wherever ``left`` lies.
    """
    if isinstance(left, InMemory) or (operation == "multiply" and left.shape != shape):
        return bilinear(operation, left.whole(), right)
    result = np.zeros(shape, np.uint64)
    right = np.broadcast_to(right, shape) if operation == "multiply" else np.ascontiguousarray(right)
    for start, block in left.blocks():
        rows = slice(start, start + len(block))
        if operation == "matmul_t":
            result += matmul_t(block, right[rows])
        elif operation == "matmul":
            result[rows] = matmul(block, right)
        else:
            result[rows] = as_words(block) * right[rows]
    return result


def _real(operation: str, left: Floats, right: Floats) -> Floats:
    if operation == "multiply":
        return left * right
    return np.asarray(left @ right if operation == "matmul" else left.T @ right)


def _shape(operation: str, left: Shape, right: Shape) -> tuple[Shape, int]:
    """Of the result, and how many products each of its elements sums up."""
    if operation == "multiply":
        return broadcast(left, right), 1
    if operation not in ("matmul", "matmul_t"):
        raise ValueError(f"no product is called {operation!r}")
    if len(left) != 2 or len(right) not in (1, 2):
        raise ShapeError(f"no {operation} of shapes {left} and {right}")
    rows, inner = left if operation == "matmul" else left[::-1]
    if right[0] != inner:
        raise ShapeError(f"no {operation} of shapes {left} and {right}")
    return (rows, *right[1:]), inner


def _size(shape: Shape) -> int:
    return int(np.prod(shape, dtype=np.int64))


class SecretProduct(Protocol):
    """Of two opened secrets."""

    kind = "product"
    takes = (Form,)
    statement = _STATEMENT

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        left, right = forms
        shape, inner = _shape(params["operation"], left.shape, right.shape)
        total = (left.range * right.range).summed(inner)
        return (Form(shape, left.frac + right.frac, _proven(total, params)),)

    def ids(self, call: Call, setting: Setting) -> int:
        return 1

    def cost(self, call: Call, setting: Setting) -> Cost:
        size = call.output_forms[0].size
        work = size * _shape(call.params["operation"], *(form.shape for form in call.input_forms))[1]
        rounds = ((Cost.deal(setting, size * WORD),),)
        return Cost(rounds, party_work=3 * work, dealer_work=work, scratch=2 * size * WORD)

    def deal(self, instruction: Instruction, dealer: Dealer) -> None:
        call = instruction.call
        left, right = (dealer.mask(number).whole for number in call.inputs)
        dealer.send(call, instruction.ids[0], _words(call.params["operation"], left, right))

    def run(self, instruction: Instruction, party: Party, values: Sequence[Any]) -> Sequence[Any]:
        call = instruction.call
        operation, form = call.params["operation"], call.output_forms[0]
        left, right = (share.opening for share in values)
        # [first] m_x∘m_y − m_x∘λ_y = m_x∘([first] m_y − λ_y)
        factor = right.opened - right.mask if party.is_first else np.uint64(0) - right.mask
        result = _words(operation, left.opened, factor)
        result -= _words(operation, left.mask, right.opened)
        result += party.dealt(call, instruction.ids[0], form.size).reshape(form.shape)
        return [Share(result)]

    def clear_fixed(self, call: Call, twin: Twin, values: Sequence[Words]) -> Sequence[Words]:
        return [_words(call.params["operation"], values[0], values[1])]

    def clear_float(self, call: Call, twin: Twin, values: Sequence[Floats]) -> Sequence[Floats]:
        return [_real(call.params["operation"], values[0], values[1])]


def _proven(total: Interval, params: Params) -> Interval:
    """Within what the program's author has proven."""
    return total.cut(Interval(*params["range"])) if "range" in params else total


def _words(operation: str, left: Words, right: Words) -> Words:
    return bilinear(operation, np.ascontiguousarray(left), right)


class PrivateProduct(Protocol):
    """The sum over pairs of a masked private array and an opened secret."""

    kind = PRIVATE_PRODUCT
    statement = _STATEMENT

    def infer(self, parties: Sequence[str], forms: Forms, params: Params) -> Forms:
        if not forms or len(forms) % 2:
            raise ValueError("takes pairs")
        shapes, total = set(), Interval(0.0, 0.0)
        for left, right in _pairs(forms):
            if not isinstance(left, PrivateForm) or isinstance(right, PrivateForm):
                raise ValueError("takes pairs of a private array and a secret")
            shape, inner = _shape(params["operation"], left.shape, right.shape)
            shapes.add((shape, left.frac + right.frac))
            total = total + _line_product(params["operation"], left, right, inner)
        if len(shapes) > 1:
            raise ValueError("all pairs give one shape and fixed-point format")
        shape, frac = shapes.pop()
        return (Form(shape, frac, _proven(total, params)),)

    def ids(self, call: Call, setting: Setting) -> int:
        return 1

    def cost(self, call: Call, setting: Setting) -> Cost:
        form = call.output_forms[0]
        pairs = _pairs(call.input_forms)
        work = sum(form.size * _shape(call.params["operation"], a.shape, b.shape)[1] for a, b in pairs)
        rounds = ((Cost.deal(setting, form.size * WORD),),)
        scratch = WORD * (2 * form.size + max(right.size for _, right in pairs))
        if len(form.shape) == 1:
            sizes = [WORD * (form.size + right.size) for _, right in pairs]
            scratch += sum(together(size) * size for size in sizes)
        return Cost(rounds, party_work=work, dealer_work=work, scratch=scratch)

    def deal(self, instruction: Instruction, dealer: Dealer) -> None:
        call = instruction.call
        total: Words | None = None
        numbers = list(zip(call.inputs[::2], call.inputs[1::2], strict=True))
        for (left, right), (form, _) in zip(numbers, _pairs(call.input_forms), strict=True):
            assert isinstance(form, PrivateForm)
            term = dealer.product(call, left, right, form.owner)
            total = term if total is None else total + term
        assert total is not None
        dealer.send(call, instruction.ids[0], total)

    def run(self, instruction: Instruction, party: Party, values: Sequence[Any]) -> Sequence[Any]:
        call = instruction.call
        operation, form = call.params["operation"], call.output_forms[0]
        result = np.zeros(form.shape, np.uint64)
        numbers = zip(call.inputs[::2], call.inputs[1::2], strict=True)
        for held, share, (left, right) in zip(values[::2], values[1::2], numbers, strict=True):
            assert isinstance(held, Held)
            opening, stored = share.opening, held.stored
            assert stored is not None
            if held.mine:
                result += by_blocks(operation, stored, opening.opened - opening.mask, form.shape)
            else:
                result -= party.masked_product(call, left, right, stored)
        result += party.dealt(call, instruction.ids[0], form.size).reshape(form.shape)
        return [Share(result)]

    def clear_fixed(self, call: Call, twin: Twin, values: Sequence[Words]) -> Sequence[Words]:
        terms = [
            _words(call.params["operation"], a, b) for a, b in zip(values[::2], values[1::2], strict=True)
        ]
        return [np.sum(terms, axis=0, dtype=np.uint64)]

    def clear_float(self, call: Call, twin: Twin, values: Sequence[Floats]) -> Sequence[Floats]:
        terms = [
            _real(call.params["operation"], a, b) for a, b in zip(values[::2], values[1::2], strict=True)
        ]
        return [np.asarray(sum(terms))]


def _pairs(forms: Sequence[Form]) -> list[tuple[Form, Form]]:
    return list(zip(forms[::2], forms[1::2], strict=True))


def _line_product(operation: str, left: PrivateForm, right: Form, inner: int) -> Interval:
    """The range of ``inner`` products added up, tighter where the owner promised sums of magnitudes."""
    declared = {"matmul": left.row_sum, "matmul_t": left.column_sum, "multiply": None}[operation]
    if declared is not None:
        declared += inner * 2.0 ** -(left.frac + 1)  # of plaintext: each element is rounded
    full = (left.range * right.range).summed(inner)
    return full if declared is None else full.cut(between(declared * right.bound))


PROTOCOLS = (SecretProduct(), PrivateProduct())
