"""The manifest of a job of engine tee, as every participant derives it: it says what the plan says, to
machines that see no plan."""

from __future__ import annotations

from coterie.agreement import ASSURANCE, Terms
from coterie.jobs.attested.sealed import OUTPUTS
from coterie.jobs.environment import assurance_of
from coterie.jobs.errors import SEALED_MISSING
from coterie.jobs.plan import Plan
from coterie.jobs.proposal import Proposal
from coterie.jobs.registry import parameters
from coterie.tee import JobManifest, require_tee


def manifest_of(proposal: Proposal, plan: Plan, terms: Terms) -> JobManifest:
    """The manifest of a job.

    :param plan: of this proposal under these terms.

    Errors: CT-1637, CT-2276 where the agreement has no attested execution, CT-2270; CT-4030 where the
    proposal has no sealed data.
    """
    tee = require_tee(terms)
    for party in plan.parties:
        if party not in plan.sealed:
            raise SEALED_MISSING(f"'{party}'", party=party)
    assurance = assurance_of(tee)
    keys = {**terms.parties, **terms.services}
    outputs = [
        {
            "step": step.step,
            "kind": kind,
            "receivers": to,
            "count": OUTPUTS,
            "max_bytes": tee.max_output_bytes,
        }
        for step in plan.steps
        for kind, to in step.results.items()
        if to
    ]
    named = {*plan.parties, tee.host, *(name for one in outputs for name in one["receivers"])}  # type: ignore[attr-defined]
    return JobManifest.of(
        {
            "job": proposal.job,
            "agreement": terms.id,
            "plan": plan.digest,
            "steps": [
                {
                    "name": step.name,
                    "component": step.component,
                    "params": parameters(step).model_dump(mode="json"),
                }
                for step in proposal.spec.steps
            ],
            "datasets": [
                {
                    "owner": party,
                    "dataset": f"{party}/{used.dataset}",
                    "record": plan.sealed[party],
                    "id": used.id,
                    "columns": used.columns,
                    "label": used.label,
                    "rows": used.rows,
                }
                for party, used in plan.data.items()
            ],
            "outputs": outputs,
            "min_rows": terms.min_rows,
            "keys": {name: keys[name] for name in sorted(named)},
            "host": tee.host,
            "assurance": assurance,
            "measurements": {
                kind: tee.measurements[kind] for kind in tee.platform.types if ASSURANCE[kind] == assurance
            },
            "created": proposal.created,
        }
    )
