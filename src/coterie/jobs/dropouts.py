"""Runs that go on when parties drop out: their sums, and what parties tell each other between stages."""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from coterie.crypto import canonical, parse_json
from coterie.errors import CoterieError
from coterie.fl import LastingCoordinator, LastingSums, introduce
from coterie.learn import FrameShape
from coterie.wire import Mesh

from .accounts import Accounts, Writer
from .assignment import Assignment
from .errors import FACTS_DIFFER
from .plan import FACTS_BYTES, Plan

__all__ = ["Dropouts", "read_facts"]

SIZES = "sizes"
"""What parties tell between stages."""


class Dropouts:
    """A run that goes on when parties drop out, at one participant."""

    def __init__(
        self, assignment: Assignment, plan: Plan, mesh: Mesh, accounts: Accounts, host: Writer
    ) -> None:
        self._job, self._plan, self._mesh = assignment, plan, mesh
        self._accounts, self._host = accounts, host
        self.adds: LastingCoordinator | None = None
        """At the coordinator."""
        self.sums: LastingSums | None = None
        """At a party with data."""
        self.changes: list[tuple[str, tuple[str, ...]]] = []
        """Where totals became those of other parties: the step, and who was not in them from there on."""

    def begin(self) -> None:
        """Tell all others the keys of the run. From then on they may be lost. Errors: those of the mesh."""
        plan, me = self._plan, self._job.me
        assert plan.coordinator is not None
        assert plan.minimum is not None
        about = {"job": plan.job, "plan": plan.digest, "parties": list(plan.parties)}
        run, key = canonical(about), None
        if me in plan.parties and plan.coordinator not in plan.parties:
            key = hmac.digest(bytes.fromhex(self._job.id_key), b"coterie/sums/v1\x00" + run, "sha256")
        circle, own = introduce(self._mesh, plan.parties, plan.coordinator, run, plan.minimum, key)
        if me == plan.coordinator:
            changed = self._note if own is None else None
            self.adds = LastingCoordinator(self._mesh, circle, plan.patience, changed)
        if own is not None:
            self.sums = LastingSums(self._mesh, circle, own, self.adds, self._note)

    @property
    def adder(self) -> LastingSums | LastingCoordinator:
        """What sums here, or serves the sums of others."""
        found = self.sums or self.adds
        assert found is not None, "the run has begun"
        return found

    def bind(self, digest: str) -> None:
        """The plan of a stage: who has another goes no further with the others."""
        self.adder.bind(digest.encode())

    def exchange(self, mine: dict[str, int], planned: Mapping[str, FrameShape]) -> dict[str, dict[str, int]]:
        """Tell the sizes after a stage, and hear those of who is there; by party.

        Who is not there may be back: it counts with the most rows that it can have, as when the job was
        planned, and with what the others have made of the same sums.

        Errors: CT-2414; FACTS_DIFFER of whoever tells what cannot be read.
        """
        if self.sums is not None:
            told = self.sums.tell(SIZES, canonical(mine).ljust(FACTS_BYTES))
        else:
            assert self.adds is not None
            told = self.adds.serve(SIZES, FACTS_BYTES)
        heard = {party: read_facts(record, party) for party, record in told.items()}
        names, told_by = {fact for facts in heard.values() for fact in facts}, tuple(heard.values())
        for party in self._plan.parties:
            if party not in heard:
                heard[party] = {fact: _most(fact, party, planned, told_by) for fact in sorted(names)}
        return heard

    def _note(self, what: str, counted: tuple[str, ...]) -> None:
        """Write down that a total is of other parties than the one before."""
        without = tuple(party for party in self._plan.parties if party not in counted)
        self.changes.append((self._accounts.step or "", without))
        lost = {party: error.code for party, error in self._mesh.lost().items()}
        body = {
            "job": self._plan.job,
            "step": self._accounts.step,
            "what": what,
            "without": list(without),
            "lost": lost,
        }
        self._host.ledger("counted", body)


def _most(fact: str, party: str, planned: Mapping[str, FrameShape], told: Sequence[Mapping[str, int]]) -> int:
    shape = planned.get(fact.removeprefix("rows."))
    if shape is None:  # not of its own rows: all who have it tell it alike
        return max(one.get(fact, 0) for one in told)
    return (shape.horizontal or {}).get(party, 0)


class _Facts(BaseModel):
    model_config = ConfigDict(strict=True)
    values: dict[str, int] = Field(max_length=1024)


def read_facts(record: bytes, peer: str) -> dict[str, int]:
    """Sizes that a peer tells. Errors: CT-4012."""
    try:
        return _Facts(values=parse_json(record.rstrip(b" "), limit=FACTS_BYTES)).values
    except (ValidationError, CoterieError) as error:
        raise FACTS_DIFFER("a report of sizes that cannot be read", party=peer) from error
