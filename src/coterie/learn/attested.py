"""What is the same of every step in engine tee, whatever the component."""

from __future__ import annotations

from dataclasses import replace

from coterie.learn.component import Statement, StepPlan
from coterie.learn.errors import SENDS_FROM_TEE

__all__ = ["ATTESTED", "attested"]

ATTESTED = Statement(
    protocol="attested execution: one attested process opens the data of all owners in memory and computes "
    "in the clear; each result leaves it sealed to its receivers",
    adversary="malicious: the host, and parties that do not keep to the agreement",
    threshold="any number of parties, with the host",
    helper="a trusted execution environment: its maker, who vouches for it, and the code that its evidence "
    "names; where it is simulated, whoever runs the host could see everything",
    statistical_bits=0,
    leaks="nothing beyond its results, but for lengths of what goes in and comes out, run time, whether it "
    "failed, and in what pattern memory is touched",
)


def attested(plan: StepPlan) -> StepPlan:
    """The plan of a step in engine tee, made of what the component says of it: nobody sends, and it rests on
    the same whatever is computed.

    Errors: CT-3003 where the component would send.
    """
    if plan.tapes or any(count for to in plan.sent.values() for count in to.values()):
        raise SENDS_FROM_TEE(f"'{plan.component}'", step=plan.step)
    return replace(plan, sent={}, rounds={}, statement=ATTESTED)
