"""Correlations and variance inflation factors on shares.

Products of columns of length 1 are correlations: nothing is divided, and nothing depends on how many rows
there are. With r rows, columns of f fractional bits are off by at most 2^−f √r in a product, far less where
rounding errors are independent.

``vif``. Each owner turns its columns apart (see :class:`coterie.learn.correlate.own.Apart`), so that M, the
matrix of their products, has identities on its diagonal. With p owners no eigenvalue of M is above p. Its
inverse is a product (1 + E)(1 + E²)… with E = 1 − αM, α a power of two up to 1/p, polished by steps of Newton
and Schulz. Only what an owner's columns have in common with those of others makes that hard, not what they
have in common among themselves.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import numpy as np

from coterie.learn.correlate.own import BEYOND, Apart, own_block
from coterie.learn.glm import inverse
from coterie.learn.linear import Floats
from coterie.mpc import Context, Private, Program, Secret, functions

__all__ = ["CORRELATIONS", "FACTORS", "correlations", "inflation", "matrix_of", "own_inputs", "vif_inputs"]

CORRELATIONS = "correlations"
FACTORS = "variance inflation factors"

COLUMN_FRAC = 29
"""Of columns: they are stored in 32 bits."""
TOLD_FRAC = 16
"""Of correlations that are revealed: more digits would tell joint counts of columns of few values."""
SLACK = 1.001
"""Of rounding."""
MATRIX_FRAC = 26
POLISH = 4
INVERSE_BOUND = 2.0**17
"""2^13 terms, and twice as many with each of four steps."""
WAY_FRAC, IMAGE_FRAC = 24, 20
FACTOR_FRAC = 16


def _columns(ctx: Context, rows: int, widths: Mapping[str, int]) -> dict[str, Private]:
    return {
        owner: ctx.private(f"columns of {owner}", owner, (rows, width), SLACK, COLUMN_FRAC)
        for owner, width in widths.items()
    }


def _products(ctx: Context, columns: Mapping[str, Private]) -> dict[tuple[str, str], Secret]:
    """Of each pair of owners: (width, width), with twice the columns' fractional bits.

    The first owner's columns are masked, the last one's opened in masked form, those between both: by the
    parties' order, not by widths, so that fewer columns never cost more.
    """
    owners = list(columns)
    others = {owner: columns[owner].secret() for owner in owners[1:]}
    ctx.mask(*(columns[owner] for owner in owners[:-1]))
    ctx.open(*others.values())
    found: dict[tuple[str, str], Secret] = {}
    for place, owner in enumerate(owners[:-1]):
        right = [others[other] for other in owners[place + 1 :]]
        whole = functions.concatenate(right, axis=1) if len(right) > 1 else right[0]
        product = ctx.private_product("matmul_t", [(columns[owner], whole)], bound=SLACK)
        first = 0
        for other, own in zip(owners[place + 1 :], right, strict=True):
            found[owner, other] = product[:, first : first + own.shape[1]]
            first += own.shape[1]
    return found


# Correlations


def correlations(rows: int, widths: Mapping[str, int], to: Sequence[str]) -> Program:
    """Reveals each pair's correlation once: each owner's own pairs, then those of each two owners.

    :param widths: columns of each owner who has some.
    """

    def program(ctx: Context) -> None:
        found = _products(ctx, _columns(ctx, rows, widths))
        parts = []
        for owner, width in widths.items():
            if width > 1:
                pairs = width * (width - 1) // 2
                own = ctx.private(f"own pairs of {owner}", owner, (pairs,), SLACK, TOLD_FRAC)
                parts.append(own.secret())
        if found:
            blocks = [block.reshape(block.size) for block in found.values()]
            short = ctx.truncate(*blocks, frac=TOLD_FRAC)
            parts += [ctx.within(one, SLACK) for one in short]
        ctx.reveal(functions.concatenate(parts), to, CORRELATIONS)

    return program


def own_inputs(me: str, columns: Floats | None) -> dict[str, Floats]:
    """Of a party with unit columns; of one without any there are none."""
    if columns is None:
        return {}
    width = columns.shape[1]
    upper = own_block(columns)[np.triu_indices(width, 1)]
    return {f"columns of {me}": columns} | ({f"own pairs of {me}": upper} if width > 1 else {})


def matrix_of(revealed: Floats, widths: Mapping[str, int]) -> Floats:
    """(width, width) of all columns, from what the program reveals."""
    whole, done = np.eye(sum(widths.values())), 0
    ends = dict(zip(widths, itertools.accumulate(widths.values()), strict=True))
    places = {owner: slice(ends[owner] - width, ends[owner]) for owner, width in widths.items()}
    for owner, width in widths.items():
        pairs = width * (width - 1) // 2
        block = whole[places[owner], places[owner]]
        block[np.triu_indices(width, 1)] = revealed[done : done + pairs]
        done += pairs
    for left, right in itertools.combinations(widths, 2):
        size = widths[left] * widths[right]
        block = revealed[done : done + size].reshape(widths[left], widths[right])
        whole[places[left], places[right]] = block
        done += size
    upper = np.triu(np.clip(whole, -1, 1), 1)
    return np.asarray(upper + upper.T + np.eye(len(whole)))


# Variance inflation factors


def inflation(rows: int, widths: Mapping[str, int], to: Sequence[str]) -> Program:
    """Reveals (width,) factors of all columns, in model order, and nothing else."""
    halvings = (len(widths) - 1).bit_length()

    def program(ctx: Context) -> None:
        found = _products(ctx, _columns(ctx, rows, widths))
        with ctx.section("inverse"):
            if found:
                whole, _ = inverse(ctx, _scaled(ctx, found, widths, halvings), POLISH)
            else:
                whole = ctx.public(np.eye(sum(widths.values())), IMAGE_FRAC)
        with ctx.section("factors"):
            ctx.open(whole)
            parts, first = [], 0
            for owner, width in widths.items():
                end = first + width
                parts.append(_factors(ctx, owner, whole[first:end, first:end], halvings))
                first = end
            (short,) = ctx.truncate(functions.concatenate(parts), frac=FACTOR_FRAC)
            ctx.reveal(short, to, FACTORS)

    return program


def _scaled(
    ctx: Context, found: Mapping[tuple[str, str], Secret], widths: Mapping[str, int], halvings: int
) -> Secret:
    """αM: blocks of two owners, and the known ones on its diagonal."""
    short = ctx.truncate(*found.values(), frac=MATRIX_FRAC - halvings)
    blocks = {pair: one.ldexp(-halvings) for pair, one in zip(found, short, strict=True)}
    lines, owners = [], list(widths)
    for place, owner in enumerate(owners):
        middle = ctx.public(np.eye(widths[owner]) * 2.0**-halvings, MATRIX_FRAC)
        line = [blocks[other, owner].T for other in owners[:place]]
        line += [middle, *(blocks[owner, other] for other in owners[place + 1 :])]
        lines.append(functions.concatenate(line, axis=1))
    return ctx.within(functions.concatenate(lines), 1.0)


def _factors(ctx: Context, owner: str, block: Secret, halvings: int) -> Secret:
    """(width,): s' W s times the factor among the owner's own columns."""
    width = block.shape[0]
    ways = ctx.private(f"ways of {owner}", owner, (width, width), SLACK, WAY_FRAC)
    factors = ctx.private(f"own factors of {owner}", owner, (width,), (0.0, BEYOND), FACTOR_FRAC)
    ctx.mask(ways, factors)
    image = ctx.private_product("matmul", [(ways, block)], bound=INVERSE_BOUND)
    (image,) = ctx.truncate(image, frac=IMAGE_FRAC)
    terms = ctx.private_product("multiply", [(ways, image)], bound=INVERSE_BOUND)
    (terms,) = ctx.truncate(terms, frac=FACTOR_FRAC)
    short = ctx.within(terms.sum(axis=1), INVERSE_BOUND)
    return ctx.private_product("multiply", [(factors, short)]).ldexp(-halvings)


def vif_inputs(me: str, columns: Floats | None, found: Apart | None) -> dict[str, Floats]:
    """Of a party whose columns are turned apart."""
    if columns is None or found is None:
        return {}
    return {
        f"columns of {me}": columns,
        f"ways of {me}": found.ways,
        f"own factors of {me}": found.factors,
    }
