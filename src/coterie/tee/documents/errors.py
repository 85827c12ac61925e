"""Error codes of the documents of attested runs: CT-2270 to CT-2277."""

from __future__ import annotations

from coterie.errors import BadInput, PeerMisbehaved, define

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
