"""What learners see of secure sums: the total over contributors, and nothing of any of them alone."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from coterie.errors import CoterieError
from coterie.fl.errors import BAD_CALL, BAD_RULES
from coterie.fl.fixed import EXACT, Fixed, Ring


class Sums(Protocol):
    """Totals over the contributors of a step. All of them call :meth:`total` for the same things in the same
    order, with as many values and in the same format.
    """

    @property
    def me(self) -> str: ...

    @property
    def contributors(self) -> tuple[str, ...]:
        """Whose values go into totals: names in one order, the same at all."""

    @property
    def counted(self) -> tuple[str, ...]:
        """Whose values are in the last total; nobody before the first."""

    def total(
        self,
        what: str,
        values: NDArray[np.float64],
        form: Fixed = EXACT,
        *,
        among: Sequence[str] | None = None,
    ) -> NDArray[np.float64]:
        """The sum over contributors, of the shape of ``values``; the same to the last bit at all of them.

        :param what: what it is, as the plan says it: "gradient and Hessian".
        :param values: any shape, float64, the same shape at all.
        :param form: how values are rounded: by at most 2^-(frac + 1) at each contributor.
        :param among: whose values are added: at least three contributors in their order, the same at all; all
            where it is not said. Who is not among them calls it too, with values of that shape that do not
            count, and gets the total.

        Two totals of the same values, over contributors that differ by one, show that one's.

        Errors: CT-2401 (NaN, infinity), CT-2402 (beyond ``form.limit``), before anything is sent; CT-2403,
        CT-2404 (``among``).
        """


def members(contributors: tuple[str, ...], among: Sequence[str] | None) -> tuple[str, ...]:
    """Whose values are added. Errors: CT-2403 for others than contributors, or in another order; CT-2404 for
    fewer than three.
    """
    if among is None:
        return contributors
    chosen = tuple(among)
    if chosen != tuple(name for name in contributors if name in chosen):
        raise BAD_CALL(
            f"a sum among {', '.join(chosen)[:200]}, who are not some of the contributors in their order"
        )
    if len(chosen) < 3:
        raise BAD_RULES(f"a sum among {len(chosen)} of them")
    return chosen


class LocalSums:
    """Totals within one process, of contributors on a thread each: in the same formats, with the same results
    to the last bit as secure sums, and nothing is masked. For tests of learners.
    """

    def __init__(self, me: str, group: _Group) -> None:
        self._me = me
        self._group = group
        self._counted: tuple[str, ...] = ()

    @classmethod
    def group(cls, *contributors: str, patience: float = 60.0) -> dict[str, LocalSums]:
        """Sums for each of so many contributors.

        :param patience: seconds that a total waits for the others.
        """
        group = _Group(contributors, patience)
        return {name: cls(name, group) for name in contributors}

    @property
    def me(self) -> str:
        """The contributor's name."""
        return self._me

    @property
    def contributors(self) -> tuple[str, ...]:
        """All names."""
        return self._group.names

    @property
    def counted(self) -> tuple[str, ...]:
        """As :meth:`Sums.counted`."""
        return self._counted

    def total(
        self,
        what: str,
        values: NDArray[np.float64],
        form: Fixed = EXACT,
        *,
        among: Sequence[str] | None = None,
    ) -> NDArray[np.float64]:
        """As :meth:`Sums.total`. Errors: CT-2403 too, where contributors ask for different things."""
        chosen = members(self.contributors, among)
        most = len(chosen)
        own = np.ravel(values) if self._me in chosen else np.zeros(values.size)
        total = self._group.add(self._me, (what, values.shape, form, chosen), form.encode(own, most))
        self._counted = chosen
        return form.decode(total, most).reshape(values.shape)

    def fail(self, error: CoterieError) -> None:
        """End all pending and later totals of the group with this error."""
        self._group.end(error)


class _Group:
    """One total at a time: who is first in waits for the last."""

    def __init__(self, names: tuple[str, ...], patience: float) -> None:
        self.names = names
        self._patience = patience
        self._changed = threading.Condition()
        self._given: dict[str, tuple[object, Ring]] = {}
        self._number = 0
        self._total: Ring | None = None
        self._error: CoterieError | None = None

    def add(self, name: str, what: object, values: Ring) -> Ring:
        with self._changed:
            self._check()
            number = self._number
            self._given[name] = (what, values)
            if any(said != what for said, _ in self._given.values()):
                self._end(BAD_CALL(f"{name} sums {what} where another sums something else"))
                self._check()
            if len(self._given) == len(self.names):
                self._total = added([one for _, one in self._given.values()])
                self._given, self._number = {}, number + 1
                self._changed.notify_all()
            while self._number == number:
                if not self._changed.wait(self._patience):
                    self._end(BAD_CALL(f"{what}: {sorted(set(self.names) - set(self._given))} gave nothing"))
                self._check()
            assert self._total is not None
            return self._total

    def end(self, error: CoterieError) -> None:
        with self._changed:
            self._end(error)

    def _end(self, error: CoterieError) -> None:
        self._error = self._error or error
        self._changed.notify_all()

    def _check(self) -> None:
        if self._error:
            raise self._error


def added(vectors: list[Ring]) -> Ring:
    """The sum in the ring."""
    total = vectors[0].copy()
    for one in vectors[1:]:
        added_to(total, one)
    return total


def added_to(total: Ring, values: Ring) -> Ring:
    """The total, to which values were added in the ring and in place."""
    if total.ndim == 1:
        total += values
    else:
        total[:, 0] += values[:, 0]
        total[:, 1] += values[:, 1] + (total[:, 0] < values[:, 0])
    return total
