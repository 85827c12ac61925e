"""What a job's plan assumes of the network: as this node measures it when the job is proposed."""

from __future__ import annotations

import contextlib

from coterie.agreement import Agreement
from coterie.errors import Unavailable
from coterie.jobs import JobSpec, NetworkFacts, coordinator_of

from .network import Network

__all__ = ["measured"]


async def measured(spec: JobSpec, agreement: Agreement, me: str, network: Network) -> NetworkFacts | None:
    """The slowest of this node's lines to the others of the job, where its engine sends anything.

    Whoever cannot be reached now is not measured: planning needs no more of it than of any other.
    """
    if spec.engine not in ("mpc", "fl"):
        return None
    terms = agreement.terms
    helper = terms.dealer if spec.correlations == "stream" else None
    if spec.engine == "fl":
        helper = coordinator_of(spec, terms, tuple(sorted(spec.datasets)))
    named = {*spec.datasets, *spec.receivers, *([helper] if helper else [])} - {me}
    found = []
    for peer in sorted(named & {*terms.parties, *terms.services}):
        with contextlib.suppress(Unavailable):  # who is away now is missed when the job is to run
            found.append(await network.measure(peer))
    if not found:
        return None
    return NetworkFacts(
        latency=max(one.latency for one in found), bandwidth=min(one.bandwidth for one in found)
    )
