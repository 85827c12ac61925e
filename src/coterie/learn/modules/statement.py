"""What training a user's module shows."""

from dataclasses import replace

from coterie.learn.neural import BY_ROUNDS

__all__ = ["MODULE", "SAME", "WEIGHTS"]

SAME = "whether all parties begin with the same weights: sums of digests, and of their squares"
"""Total over all parties, of engine fl."""
WEIGHTS = "weights of the module's network; mean and deviation of a numeric label"

MODULE = replace(
    BY_ROUNDS,
    protocol=f"each party runs the agreement's module in a sandbox of its own; {BY_ROUNDS.protocol}",
    leaks=f"{BY_ROUNDS.leaks}. The module chooses the weights: one that is written for it can put rows into "
    "them, and the sandbox does not see that. It is for those who sign to read it; `clip_norm` bounds how "
    "much a party's change can tell in a round",
)
