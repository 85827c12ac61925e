"""What is summed."""

from __future__ import annotations

from dataclasses import dataclass, field

from coterie.fl import Fixed, Rules

OURS, HIDDEN = "coterie", "coterie, total hidden"
FLOWER = "flwr 1.41.0 SecAgg+"


@dataclass(frozen=True)
class Sum:
    """A secure sum of vectors of numbers in (-1, 1), in a ring of 32 bits."""

    name: str
    clients: int
    values: int
    dropped: int
    """Clients that are gone after they have shared their secrets, before their masked vectors arrive."""
    frac: int
    """Fractional bits of values."""
    sides: tuple[str, ...]
    """Ours first."""
    once: tuple[str, ...] = field(default=())
    """Sides that take minutes: measured in the first turn alone."""

    @property
    def left(self) -> int:
        """Clients that stay to the end."""
        return self.clients - self.dropped

    @property
    def form(self) -> Fixed:
        """How our values are written."""
        return Fixed(32, self.frac)

    @property
    def plain(self) -> int:
        """Bytes of one client's vector in that form, as it is."""
        return self.form.bits // 8 * self.values

    @property
    def rules(self) -> Rules:
        """As many neighbours and shares as ours takes where nothing is said."""
        return Rules.of(self.clients)

    @property
    def neighbours(self) -> int:
        """Of each client, on average."""
        return round(self.rules.density * 2.0**-32 * (self.clients - 1))


WORKS = (
    Sum("secure_sum_100x1e6", 100, 1_000_000, 10, 18, (OURS, HIDDEN, FLOWER), once=(FLOWER,)),
    Sum("clients_500", 500, 100_000, 50, 13, (HIDDEN,)),
)
