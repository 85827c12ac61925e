"""Permutations of rows, along the first axis, by places that all know, one party knows, or nobody.

A permutation is an array of places: x in its order is x[places], as ``argsort`` gives it. Several arrays of
one length are cheapest permuted together. Exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from coterie.mpc.arrays import Private, Secret, implements
from coterie.mpc.errors import RANGE_NEEDED
from coterie.mpc.form import ShapeError
from coterie.mpc.functions import shape as views
from coterie.mpc.functions.arithmetic import rounded
from coterie.mpc.functions.operands import Operand, context_of, is_public, secret_of
from coterie.mpc.location import program_line
from coterie.mpc.plaintext import is_permutation

__all__ = ["inverse_permutation", "permute", "shuffle"]


@implements()
def permute(x: Any, places: Operand, inverse: bool = False) -> Any:
    """x[places], or with ``inverse`` the y for which y[places] is x. Of several arrays a tuple.

    :param x: one array, or a tuple of arrays of one length. Their rows move as wholes.
    :param places: a permutation: public; private, by ``private_permutation``; or secret, whole numbers that
        are known to lie between 0 and the length less 1.

    Cost by public places: none. By private ones: 1 round; each other party sends the owner 8 bytes for each
    element; the owner sends each log2 n bits for each row; 8 bytes dealt for each element, to the owner. By
    secret ones, with p compute parties: p + 1 rounds with ``inverse``, 2 p + 1 without; sent 8 bytes for each
    element and row and log2 n bits for each row; dealt 8 bytes for each element and row, to each party.
    Nothing is learned: opened places are uniformly random.

    Errors: CT-2115 for secret places that are no permutation, at all compute parties.
    """
    arrays = x if isinstance(x, tuple | list) else (x,)
    context = context_of(*arrays, places)
    secrets = [secret_of(array, context) for array in arrays]
    permuted = _permuted(secrets, places, inverse)
    return tuple(permuted) if isinstance(x, tuple | list) else permuted[0]


def _permuted(secrets: Sequence[Secret], places: Any, inverse: bool) -> Sequence[Secret]:
    lengths = {secret.shape[:1] for secret in secrets}
    if len(lengths) != 1 or lengths == {()}:
        raise ShapeError("arrays that are permuted together have one length along the first axis")
    ((length,),) = lengths
    if is_public(places):
        return [views.take(secret, _order(places, length, inverse), 0) for secret in secrets]
    if places.shape != (length,):
        raise ShapeError(f"places of shape {places.shape} for {length} rows")
    if length < 2:
        return secrets
    context = secrets[0].context
    if isinstance(places, Private) and places.form.permutation:
        return context.apply("owner_permute", [places, *secrets], inverse=inverse, rows=length)
    return context.apply("secret_permute", [_places(places, length), *secrets], inverse=inverse)


def _order(places: Any, length: int, inverse: bool) -> Any:
    """Public places, as rows are taken by."""
    order = np.asarray(places)
    whole = order.dtype.kind in "iu" and order.shape == (length,)
    if not whole or not is_permutation(order.astype(np.int64)):
        raise ShapeError(f"these places are no permutation of {length} rows")
    return np.argsort(order) if inverse else order


def _places(places: Operand, length: int) -> Secret:
    """Secret places as they are permuted by: known to be below the length, and without fractional bits."""
    secret = secret_of(places, context_of(places))
    low, high = secret.range.low, secret.range.high
    if not (low >= 0 and high <= length - 1):
        raise RANGE_NEEDED(f"permute{program_line()}: places from {low:g} to {high:g} of {length} rows")
    if not secret.frac:
        return secret
    # Whole numbers are rounded exactly.
    return secret.context.within(rounded(secret, frac=0)[0], (0, length - 1))


@implements()
def inverse_permutation(places: Operand) -> Secret:
    """Of secret places p the q for which x[p][q] is x. Cost: as :func:`permute` of one vector, with
    ``inverse``."""
    context = context_of(places)
    secret = secret_of(places, context)
    numbers = context.public(np.arange(max(1, secret.size), dtype=np.float64)[: secret.size], 0)
    result: Secret = permute(numbers, places, inverse=True)
    return context.within(result, (0, max(0, secret.size - 1)))


@implements()
def shuffle(*arrays: Operand) -> Any:
    """Arrays in one uniformly random order of their rows, which nobody knows. Of several arrays a tuple.

    Cost, with p compute parties: p rounds, 8 bytes sent for each element, 8 dealt to each party.
    """
    context = context_of(*arrays)
    secrets = [secret_of(array, context) for array in arrays]
    if any(not secret.shape for secret in secrets):
        raise ShapeError("a scalar has no rows")
    shuffled = context.apply("shuffle", secrets) if secrets[0].shape[0] > 1 else tuple(secrets)
    return shuffled if len(shuffled) > 1 else shuffled[0]
