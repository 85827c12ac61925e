"""Error codes of evidence: CT-2230 to CT-2269."""

from __future__ import annotations

from coterie.errors import BadInput, NotAgreed, PeerMisbehaved, Unavailable, define

BAD_EVIDENCE = define(
    "CT-2230",
    PeerMisbehaved,
    "Not evidence of the type that it claims to be",
    "Ask the operator of the environment which software made it; nothing of it was believed.",
)
EVIDENCE_FORGED = define(
    "CT-2231",
    PeerMisbehaved,
    "The signature of evidence does not fit",
    "Ask the operator of the environment for fresh evidence; if it stays wrong, trust nothing from there.",
)
EVIDENCE_UNSUPPORTED = define(
    "CT-2232",
    BadInput,
    "This kind of evidence is not supported",
    "Use one of the types that docs/evidence.md lists, with an attester of this version.",
)
SIMULATED_REFUSED = define(
    "CT-2233",
    NotAgreed,
    "Simulated evidence is not accepted here",
    "Run on hardware; or, to try things out, use another profile than production and pin the simulated root.",
)
BAD_ENDORSEMENTS = define(
    "CT-2234",
    BadInput,
    "Endorsements cannot be used for this evidence",
    "Fetch the certificates, revocation lists or collateral of this very machine again.",
)
UNTRUSTED_ROOT = define(
    "CT-2235",
    PeerMisbehaved,
    "A chain of certificates does not lead to a pinned root",
    "Fetch the chain from the vendor again; a root is pinned only by the operator of this node.",
)
ENDORSEMENTS_NOT_VALID = define(
    "CT-2236",
    BadInput,
    "Endorsements are not valid at this time",
    "Check the clock, then fetch endorsements that are valid now.",
)
ENDORSEMENTS_DIFFER = define(
    "CT-2237",
    PeerMisbehaved,
    "Endorsements are of another chip or firmware than the evidence",
    "Fetch the certificate for the chip and the firmware versions that the evidence names.",
)
PLATFORM_REFUSED = define(
    "CT-2238",
    PeerMisbehaved,
    "The vendor does not vouch for this platform",
    "Bring firmware and microcode of the machine up to date, or use another machine.",
)
REVOKED = define(
    "CT-2239",
    PeerMisbehaved,
    "The vendor has revoked a certificate of this platform",
    "Use another machine.",
)
APPRAISAL_REFUSED = define(
    "CT-2240",
    NotAgreed,
    "The platform does not meet the policy",
    "Compare the reasons with the reference values; only the data's owner can widen them.",
)
REFERENCE_INVALID = define(
    "CT-2241",
    BadInput,
    "Reference values cannot be used",
    "Mend the lines that are named; docs/evidence.md has a complete example.",
)
ROLLED_BACK = define(
    "CT-2242",
    PeerMisbehaved,
    "Endorsements are older than others that were seen",
    "Fetch the newest from the vendor: somebody may be holding newer ones back.",
)
ENDORSEMENTS_MISSING = define(
    "CT-2243",
    Unavailable,
    "No endorsements are stored for this platform",
    "Fetch them from the vendor and give them once; the store keeps them.",
)
STORE_DAMAGED = define(
    "CT-2244",
    BadInput,
    "The store of endorsements is damaged",
    "Restore its folder from a copy; an empty one has forgotten what must not be rolled back.",
)
NONCE_REFUSED = define(
    "CT-2245",
    PeerMisbehaved,
    "The nonce is unknown, used or expired",
    "Ask for a new nonce and make new evidence over it.",
)
TOO_MANY_NONCES = define(
    "CT-2246",
    Unavailable,
    "Too many nonces are out",
    "Wait five minutes: those that nobody used expire.",
)
ATTESTER_MISSING = define(
    "CT-2247",
    Unavailable,
    "No attester of this type is here",
    "Start the process inside the trusted environment, or choose the attester that this machine has.",
)
ATTESTER_FAILED = define(
    "CT-2248",
    Unavailable,
    "The platform did not give evidence",
    "Look at the kernel's log on the machine and try again.",
)
