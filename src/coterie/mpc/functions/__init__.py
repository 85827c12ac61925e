"""What programs call: NumPy's functions on secrets, each with its cost, error and range.

NumPy's own functions come here too: ``np.sum(secret)`` is ``sum(secret)``. In the cost lines, *sent* is what
each compute party sends to each other, *dealt* what the dealer sends, both for each element of the result
unless they say otherwise; an array that is opened already is not opened again, so its part is saved.
"""

from coterie.mpc.functions.arithmetic import (
    add,
    as_secret,
    cumsum,
    matmul,
    mean,
    multiply,
    negative,
    power,
    rounded,
    segment_sum,
    square,
    subtract,
    sum,
    times,
)
from coterie.mpc.functions.shape import (
    broadcast_to,
    concatenate,
    expand_dims,
    flip,
    getitem,
    ravel,
    reshape,
    squeeze,
    stack,
    take,
    transpose,
)

__all__ = [
    "add",
    "as_secret",
    "broadcast_to",
    "concatenate",
    "cumsum",
    "expand_dims",
    "flip",
    "getitem",
    "matmul",
    "mean",
    "multiply",
    "negative",
    "power",
    "ravel",
    "reshape",
    "rounded",
    "segment_sum",
    "square",
    "squeeze",
    "stack",
    "subtract",
    "sum",
    "take",
    "times",
    "transpose",
]
