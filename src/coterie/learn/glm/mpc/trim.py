"""Rounding of several arrays at once, each to its own number of bits."""

from __future__ import annotations

from coterie.mpc import Context, Secret

__all__ = ["trimmed"]


def trimmed(ctx: Context, *pairs: tuple[Secret, int]) -> list[Secret]:
    """Each with so many fractional bits at most, in one round, without bias; what has no more stays as it
    is."""
    long = [(x, frac) for x, frac in pairs if x.frac > frac]
    if not long:
        return [x for x, _ in pairs]
    # A truncation makes one format; another reading of the ring's elements makes it each one's own.
    most = max(frac for _, frac in long)
    short = iter(ctx.truncate(*(x.ldexp(frac - most) for x, frac in long), frac=most))
    return [next(short).ldexp(most - frac) if x.frac > frac else x for x, frac in pairs]
