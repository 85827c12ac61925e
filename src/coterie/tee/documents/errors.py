"""Error codes of the documents of attested runs: CT-2270 to CT-2277."""

from __future__ import annotations

from coterie.errors import BadInput, NotAgreed, PeerMisbehaved, define

MANIFEST_INVALID = define(
    "CT-2270",
    BadInput,
    "Not a usable job manifest",
    "Get the manifest again from the node that made it; unknown fields are refused.",
)
GRANT_INVALID = define(
    "CT-2271",
    BadInput,
    "Not a usable grant",
    "Get the grant again from the data set's owner; unknown fields are refused.",
)
RECEIPT_INVALID = define(
    "CT-2272",
    PeerMisbehaved,
    "A receipt does not hold",
    "Use no result of this run; ask the host's operator which software made the receipt.",
)
MESSAGE_INVALID = define(
    "CT-2273",
    PeerMisbehaved,
    "Not a message of a release",
    "Compare the versions of runner and releaser; nothing was released.",
)
GRANTS_TOO_LARGE = define(
    "CT-2274",
    BadInput,
    "Platform policies cannot be joined into one",
    "Shorten the lists of denied advisories and of platform bits; one policy has at most 256 and 64.",
)
NOT_GRANTED = define(
    "CT-2275",
    NotAgreed,
    "The job is not granted by every owner of its data",
    "Ask the named owner for a grant of this very job; one owner's refusal is enough.",
)
BEYOND_TERMS = define(
    "CT-2276",
    NotAgreed,
    "The job goes beyond the agreement, so no grant can be made for it",
    "Change the job, or sign terms that allow it.",
)
