"""What learners see of secure sums: the total over contributors, and nothing of any of them alone."""

from __future__ import annotations

import threading
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from coterie.errors import CoterieError
from coterie.fl.errors import BAD_CALL
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

    def total(self, what: str, values: NDArray[np.float64], form: Fixed = EXACT) -> NDArray[np.float64]:
        """The sum over all contributors, of the shape of ``values``; the same to the last bit at all of them.

        :param what: what it is, as the plan says it: "gradient and Hessian".
        :param values: any shape, float64, the same shape at all.
        :param form: how values are rounded: by at most 2^-(frac + 1) at each contributor.

        Errors: CT-2401 (NaN, infinity), CT-2402 (beyond ``form.limit``), before anything is sent.
        """


class LocalSums:
    """Totals within one process, of contributors on a thread each: in the same formats, with the same results
    to the last bit as secure sums, and nothing is masked. For tests of learners.
    """

    def __init__(self, me: str, group: _Group) -> None:
        self._me = me
        self._group = group

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

    def total(self, what: str, values: NDArray[np.float64], form: Fixed = EXACT) -> NDArray[np.float64]:
        """As :meth:`Sums.total`. Errors: CT-2403 too, where contributors ask for different things."""
        encoded = form.encode(np.ravel(values), len(self.contributors))
        total = self._group.add(self._me, (what, values.shape, form), encoded)
        return form.decode(total, len(self.contributors)).reshape(values.shape)

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
        add_to(total, one)
    return total


def add_to(total: Ring, values: Ring) -> None:
    """Add values to a total, in the ring and in place."""
    if total.ndim == 1:
        total += values
        return
    total[:, 0] += values[:, 0]
    total[:, 1] += values[:, 1] + (total[:, 0] < values[:, 0])
