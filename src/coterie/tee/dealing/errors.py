"""Error codes of attested dealing: CT-2310 to CT-2313."""

from __future__ import annotations

from coterie.errors import NotAgreed, PeerMisbehaved, define

DEALING_REFUSED = define(
    "CT-2310",
    NotAgreed,
    "The attested dealer refuses what its host has put together",
    "Have the parties make their requests again; compare the dealer's version with the parties'.",
)
EVIDENCE_ABSENT = define(
    "CT-2311",
    NotAgreed,
    "A tape file comes without evidence of an attested dealer",
    "The agreement asks for one. Get the file that ends in `.evidence` from the dealer and put it beside.",
)
TAPE_EVIDENCE_INVALID = define(
    "CT-2312",
    PeerMisbehaved,
    "Not evidence of an attested dealer",
    "Get the file again from the dealer; if it stays wrong, have the stage dealt again.",
)
OTHER_DEALING = define(
    "CT-2313",
    PeerMisbehaved,
    "The evidence is of another dealing than this tape file",
    "Put the evidence beside that the dealer wrote with this file, for this party's own request.",
)
