"""The numbers of a secure sum: how many must stay, how many may collude, what is shared among how many."""

from __future__ import annotations

from dataclasses import dataclass

from coterie.fl import bounds
from coterie.fl.errors import BAD_RULES

MOST = 500
"""Contributors of a sum."""
COMPLETE = 1 << 32
"""The density of a graph in which all are neighbours."""


@dataclass(frozen=True)
class Rules:
    """What all participants of a sum go by. Make it with :meth:`of`."""

    contributors: int
    minimum: int
    """Contributors that a total has at least; each of them insists on it."""
    colluding: int
    """Contributors that may work together with the coordinator at most, for all that is said to hold."""
    threshold: int
    """Shares that give a secret."""
    density: int
    """The probability that two are neighbours, in units of 2^-32."""

    @property
    def agreeing(self) -> int:
        """Contributors that must have signed the same list of survivors.

        Two lists would both need so many signers: more than n + colluding together, while each honest one
        signs one list. Where not all are neighbours, nor keys of all others checked, the minimum must have
        signed: so as many are there indeed.
        """
        if not self.complete:
            return self.minimum
        return (self.contributors + self.colluding) // 2 + 1

    @property
    def least_sum(self) -> int:
        """Contributors whose sum is shown at least, to a coordinator and colluders that lie as they like.

        Where not all are neighbours, fewer than the threshold may be cut off from all others who survive:
        their own masks stay, and the others' sum may come out without them (``bounds.py``).
        """
        return self.minimum - self.colluding - (0 if self.complete else self.threshold - 1)

    @property
    def unanimous(self) -> bool:
        """Whether all must be in a total, so that nobody may drop out (``pairs.py``)."""
        return self.minimum == self.contributors

    @property
    def complete(self) -> bool:
        """Whether all are neighbours."""
        return self.density == COMPLETE

    @classmethod
    def of(
        cls,
        contributors: int,
        minimum: int | None = None,
        colluding: int | None = None,
        *,
        complete: bool = False,
    ) -> Rules:
        """The rules for so many contributors.

        :param minimum: two thirds of them where it is not given, at least three.
        :param colluding: up to 40 contributors as many as the minimum allows, ``2 minimum - 1 -
            contributors``; of more so many, too, where all must be in a total and are neighbours (masks of
            pairs alone: all but two), else a tenth.
        :param complete: all are neighbours, however many they are.

        Errors: CT-2404 for fewer than three contributors or more than 500, a minimum below three, beyond all,
        or too low for those who may collude.
        """
        if not 3 <= contributors <= MOST:
            raise BAD_RULES(f"{contributors} contributors")
        least = max(3, -(-2 * contributors // 3)) if minimum is None else minimum
        if not max(3, contributors // 2 + 1) <= least <= contributors:
            raise BAD_RULES(f"a minimum of {least} of {contributors}")
        most = min(2 * least - 1 - contributors, contributors - 2)
        if colluding is None:
            pairs_alone = complete and least == contributors
            colluding = most if contributors <= 40 or pairs_alone else min(most, contributors // 10)
        if not 0 <= colluding <= most:
            raise BAD_RULES(f"{colluding} colluding where the minimum is {least} of {contributors}")
        found = None if complete else bounds.sparse(contributors, least, colluding)
        if found is None:
            return cls(contributors, least, colluding, (contributors + colluding) // 2 + 1, COMPLETE)
        neighbours, threshold = found
        return cls(contributors, least, colluding, threshold, neighbours * COMPLETE // (contributors - 1))
