"""Error codes of the runner: CT-2290 to CT-2299."""

from __future__ import annotations

from coterie.errors import Bug, NotAgreed, PeerMisbehaved, Unavailable, define

RUNNER_DIED = define(
    "CT-2290",
    Unavailable,
    "The runner ended before its work was done",
    "Look at the host's log for its end; nothing of the data has left it. Start the run again.",
)
RUNNER_TIME = define(
    "CT-2291",
    Unavailable,
    "The runner has used up its time",
    "Give the run more time, or less data.",
)
RUNNER_MEMORY = define(
    "CT-2292",
    Unavailable,
    "The runner has used up its memory",
    "Give the run more memory, or less data.",
)
BAD_RECORD = define(
    "CT-2293",
    PeerMisbehaved,
    "A record between host and runner is not one",
    "See that host and runner are of one version; the run was ended.",
)
RUN_REFUSED = define(
    "CT-2294",
    NotAgreed,
    "The runner refuses what the host has put together",
    "Compare manifest, grants and records with what the owners have signed.",
)
OUTPUT_REFUSED = define(
    "CT-2295",
    NotAgreed,
    "An output is not one that was agreed",
    "Compare the job's outputs with the grants; nothing of it has left the runner.",
)
WORK_FAILED = define(
    "CT-2296",
    Bug,
    "The work inside of the runner failed",
    "Run the job in the clear on test data: what the error says of the data stays inside of the runner.",
)
RUNNER_CANCELLED = define(
    "CT-2297", Unavailable, "The run was ended by its host", "Start it again, or ask the host's operator why."
)
