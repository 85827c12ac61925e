"""Plan and fact side by side: every step's reveals and traffic, in the ledger."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

from coterie.errors import CoterieError
from coterie.learn import Measured, Reveal, StepPlan
from coterie.wire import Mesh

from .errors import EGRESS_DIFFERS
from .journal import Journal

__all__ = ["Accounts"]


class Writer(Protocol):
    """Where entries go."""

    def ledger(self, kind: str, body: Mapping[str, Any]) -> None:
        """Write to the party's ledger. MUST return only once the entry is on disk."""


class Accounts:
    """The accounts of one job at one participant."""

    def __init__(self, job: str, me: str, mesh: Mesh, writer: Writer, journal: Journal) -> None:
        self._job, self._me, self._mesh, self._writer, self._journal = job, me, mesh, writer, journal
        self.step: str | None = None
        """The present one."""
        self.measured: dict[str, Measured] = {}
        """By step that has ended."""
        self._goes_on = False

    def goes_on(self) -> None:
        """The present step goes on where an earlier run broke off: what it sends may be less than planned."""
        self._goes_on = True

    @contextlib.contextmanager
    def accounted(self, step: StepPlan) -> Iterator[None]:
        """Write plan and fact of what is done inside to the ledger, and insist that they are equal; that fact
        is no more than plan, where a step may end early or goes on.

        What a step reveals is written before it begins, and what it sent also where it fails: a step may fail
        when values are out already.

        Errors: CT-4013.
        """
        self.step, self._goes_on = step.step, False
        self._journal.append("begin", step=step.step)
        self.reveals(step.step, step.reveals)
        started, depth = time.monotonic(), 0
        try:
            rounds = step.rounds.get(self._me, 0)
            with self._mesh.step(step.step, step.sent.get(self._me, {}), rounds):
                try:
                    yield
                finally:
                    depth = self._mesh.depth
        except BaseException:
            with contextlib.suppress(CoterieError):  # it is the first error that counts
                self._write_egress(step, depth, started)
            raise
        sent, planned = self._write_egress(step, depth, started)
        less = step.at_most or self._goes_on
        within = less and depth <= rounds  # the mesh has kept the bytes within the plan's
        if not within and (sent != planned or depth != rounds):
            raise EGRESS_DIFFERS(f"planned {planned} and {rounds} rounds, sent {sent} and {depth}")

    def reveals(self, step: str, reveals: Iterable[Reveal]) -> None:
        """Write down what a step lets be known, and to whom: not to those that are lost for certain."""
        gone = self._mesh.lost()
        for reveal in reveals:
            to = [party for party in reveal.to if party not in gone]
            if reveal.to and not to:
                continue
            body = {"step": step, "what": reveal.what, "to": to, "values": reveal.values}
            self._writer.ledger("reveal", {"job": self._job, **body})

    def _write_egress(
        self, step: StepPlan, depth: int, started: float
    ) -> tuple[dict[str, int], dict[str, int]]:
        """What was sent to each peer, and what was planned; both are in the ledger then."""
        planned = {peer: count for peer, count in step.sent.get(self._me, {}).items() if count}
        traffic = self._mesh.egress().get(step.step, {})
        sent = {peer: count.sent for peer, count in traffic.items() if count.sent}
        fact = {
            "step": step.step,
            "sent": sent,
            "received": {peer: count.received for peer, count in traffic.items() if count.received},
            "rounds": {"planned": step.rounds.get(self._me, 0), "used": depth},
            "seconds": round(time.monotonic() - started, 3),
        }
        if self._goes_on:
            fact["resumed"] = True
        self._writer.ledger("egress", {"job": self._job, "planned": planned, **fact})
        self._journal.append("end", **fact)
        self.measured[step.step] = Measured(sent, depth, time.monotonic() - started)
        return sent, planned
