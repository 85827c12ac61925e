"""Error codes of releases: CT-2277 to CT-2284."""

from __future__ import annotations

from coterie.errors import BadInput, NotAgreed, PeerMisbehaved, Unavailable, define

JOB_NOT_ADMITTED = define(
    "CT-2277",
    NotAgreed,
    "No such attested job is admitted here",
    "Submit the job, and let the owner of the data approve it first.",
)
OTHER_RUN = define(
    "CT-2278",
    PeerMisbehaved,
    "The evidence is for another run",
    "Make evidence over the owner's own nonce, for the admitted job with all its grants.",
)
CHECKPOINT_REFUSED = define(
    "CT-2279",
    PeerMisbehaved,
    "The logs do not have the grants that the run rests on",
    "Let every owner log its grant, and make the checkpoint of the heads after that.",
)
RUNS_SPENT = define(
    "CT-2280",
    NotAgreed,
    "All runs of the grant are spent",
    "Ask the owner for a new grant; a run that broke off after its release counts.",
)
TOO_SOON = define(
    "CT-2281",
    NotAgreed,
    "The grant asks for more time between two runs",
    "Wait until the time that is named.",
)
COUNTER_DAMAGED = define(
    "CT-2282",
    BadInput,
    "A run counter is damaged",
    "Restore the folder from a copy, or give a new grant; nothing is released meanwhile.",
)
CLOCK_WENT_BACK = define(
    "CT-2283",
    Unavailable,
    "The clock is before an earlier release",
    "Set the clock of this node right; nothing is released meanwhile.",
)
TOO_MANY_REFUSALS = define(
    "CT-2284",
    NotAgreed,
    "Too many requests for this job were refused",
    "Find out who sends them, then admit the job again.",
)
