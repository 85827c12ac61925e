"""The count on shares: how many bins hold a common row."""

from __future__ import annotations

from coterie.learn.membership import common
from coterie.mpc import Context, Program, functions

__all__ = ["COUNT", "counting"]

COUNT = "number of common rows"


def counting(bins: int, to: tuple[str, ...], epsilon: float | None) -> Program:
    """Tells ``to`` how many bins have equal strings, with noise where there is an epsilon."""

    def program(ctx: Context) -> None:
        with ctx.section("comparing"):
            found = common(ctx, bins)
        with ctx.section("counting"):
            count = functions.numbers(found).sum()
            if epsilon is None:
                ctx.reveal(count, to, COUNT)
            else:
                # Each party draws noise of the whole width: who takes its own off has the other's left.
                functions.noisy_reveal(count, to, COUNT, sensitivity=1, epsilon=epsilon, by="parties")

    return program
