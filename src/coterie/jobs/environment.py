"""What attested environments plans rest on: where the dealer deals, and where a job of engine tee runs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from coterie.agreement import ASSURANCE, Assurance, TeeTerms, Terms
from coterie.learn import StepPlan

from .errors import STREAM_NOT_ATTESTED
from .spec import JobSpec

__all__ = ["DealerEnvironment", "TeeEnvironment", "assurance_of", "environment_of", "tee_environment_of"]


@dataclass(frozen=True)
class DealerEnvironment:
    """An attested dealer, as plans tell of it."""

    types: tuple[str, ...]
    """Platforms that count."""
    simulated: tuple[str, ...]
    """Those of them that only pretend."""

    def to_document(self) -> dict[str, Any]:
        """For the plan that the parties approve."""
        return {"types": list(self.types), "simulated": list(self.simulated)}

    @property
    def helper(self) -> str:
        """What a step's protocol rests on, in place of a dealer that must not collude."""
        hardware = tuple(one for one in self.types if one not in self.simulated)
        told = f"a dealer that runs in an attested environment ({', '.join(self.types)})"
        if hardware:
            told += ": its maker, who vouches for it, and the code that its evidence names"
        if not self.simulated:
            return told
        where = f"where it is SIMULATED ({', '.join(self.simulated)})" if hardware else "it is SIMULATED"
        return f"{told}; {where}: whoever runs it could see every mask, and must not collude"

    def stated(self, plan: StepPlan) -> StepPlan:
        """The plan of a step that is dealt for, with this dealer as its helper."""
        if plan.statement is None or plan.statement.helper is None:
            return plan
        return replace(plan, statement=replace(plan.statement, helper=self.helper))


def environment_of(spec: JobSpec, terms: Terms) -> DealerEnvironment | None:
    """The environment of a job's dealer; None where the dealer is trusted by its name, or there is none.

    :raises CoterieError: CT-4026 for a job that would stream what an attested dealer has no network for.
    """
    if spec.engine != "mpc" or terms.dealer_tee is None:
        return None
    if spec.correlations != "tape":
        raise STREAM_NOT_ATTESTED(f"the dealer '{terms.dealer}' deals in an attested environment")
    types = terms.dealer_tee.platform.types
    return DealerEnvironment(types, tuple(one for one in types if ASSURANCE[one] == "simulated"))


@dataclass(frozen=True)
class TeeEnvironment:
    """Where a job of engine tee runs, as plans tell of it."""

    assurance: Assurance
    platforms: tuple[str, ...]
    """Those that count: simulated ones do not beside hardware."""

    def to_document(self) -> dict[str, Any]:
        """For the plan that the parties approve."""
        return {"assurance": self.assurance, "platforms": list(self.platforms)}

    @property
    def simulated(self) -> tuple[str, ...]:
        """The platforms, where all of them only pretend."""
        return self.platforms if self.assurance == "simulated" else ()

    @property
    def helper(self) -> str:
        """What every step in it rests on."""
        named = ", ".join(self.platforms)
        if self.assurance == "hardware":
            return (
                f"a trusted execution environment ({named}): its maker, who vouches for it, and the code "
                "that its evidence names"
            )
        return (
            f"a trusted execution environment that is SIMULATED ({named}): it proves nothing of the machine, "
            "and whoever runs the host could see everything"
        )

    def stated(self, plan: StepPlan) -> StepPlan:
        """The plan of a step in this environment."""
        if plan.statement is None or plan.statement.helper is None:
            return plan
        return replace(plan, statement=replace(plan.statement, helper=self.helper))


def assurance_of(tee: TeeTerms) -> Assurance:
    """Hardware, where the agreement allows any: what simulated platforms are for is to try things."""
    hardware = any(ASSURANCE[kind] == "hardware" for kind in tee.platform.types)
    return "hardware" if hardware else "simulated"


def tee_environment_of(spec: JobSpec, terms: Terms) -> TeeEnvironment | None:
    """The environment of a job of engine tee; None for other jobs, and where the agreement has none."""
    if spec.engine != "tee" or terms.tee is None:
        return None
    assurance = assurance_of(terms.tee)
    platforms = tuple(kind for kind in terms.tee.platform.types if ASSURANCE[kind] == assurance)
    return TeeEnvironment(assurance, platforms)
