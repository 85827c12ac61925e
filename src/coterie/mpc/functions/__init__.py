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
    square,
    subtract,
    sum,
    times,
)
from coterie.mpc.functions.elementary import exp, exp2
from coterie.mpc.functions.logic import (
    all,
    any,
    logical_and,
    logical_not,
    logical_or,
    logical_xor,
    numbers,
    truth,
    where,
)
from coterie.mpc.functions.permutation import inverse_permutation, permute, shuffle
from coterie.mpc.functions.sampling import (
    discrete_gaussian,
    discrete_laplace,
    gaussian_sigma,
    noisy_reveal,
    random_integers,
    random_uniform,
)
from coterie.mpc.functions.segments import segment_count, segment_mean, segment_sum
from coterie.mpc.functions.selection import choose, lookup, one_hot, select, table, take_along_axis
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
    "all",
    "any",
    "as_secret",
    "broadcast_to",
    "choose",
    "concatenate",
    "cumsum",
    "discrete_gaussian",
    "discrete_laplace",
    "exp",
    "exp2",
    "expand_dims",
    "flip",
    "gaussian_sigma",
    "getitem",
    "inverse_permutation",
    "logical_and",
    "logical_not",
    "logical_or",
    "logical_xor",
    "lookup",
    "matmul",
    "mean",
    "multiply",
    "negative",
    "noisy_reveal",
    "numbers",
    "one_hot",
    "permute",
    "power",
    "random_integers",
    "random_uniform",
    "ravel",
    "reshape",
    "rounded",
    "segment_count",
    "segment_mean",
    "segment_sum",
    "select",
    "shuffle",
    "square",
    "squeeze",
    "stack",
    "subtract",
    "sum",
    "table",
    "take",
    "take_along_axis",
    "times",
    "transpose",
    "truth",
    "where",
]
