"""Error codes of the key keeper: CT-2325 to CT-2334."""

from __future__ import annotations

from coterie.errors import BadInput, NotAgreed, PeerMisbehaved, Unavailable, define

KEEPER_GONE = define(
    "CT-2325",
    Unavailable,
    "The key keeper is gone",
    "Start another, and let every provider deposit anew: a keeper remembers nothing across its end.",
)
KEEPER_MESSAGE_INVALID = define(
    "CT-2326",
    PeerMisbehaved,
    "Not a usable message between provider and key keeper",
    "Compare the versions of both; nothing was deposited or released.",
)
DEPOSIT_REFUSED = define(
    "CT-2327",
    BadInput,
    "A deposit does not hold together",
    "Make the deposit anew, with grant, record and agreement as they were signed.",
)
NO_DEPOSIT = define(
    "CT-2328",
    NotAgreed,
    "The key keeper has no such deposit",
    "Ask the provider for a deposit with this keeper.",
)
DEPOSIT_ENDED = define(
    "CT-2329",
    NotAgreed,
    "The deposit has ended, and its key is wiped",
    "Ask the provider for a new deposit, if it still wants jobs to run.",
)
OTHER_AGREEMENT = define(
    "CT-2330",
    NotAgreed,
    "The deposit is for another agreement or data set",
    "Bring the job to a deposit that was made under its agreement, of the data that it names.",
)
NOT_STORED = define(
    "CT-2331",
    Unavailable,
    "The host did not store what the key keeper logs, so nothing is released",
    "See to the host's disk, then admit the job again.",
)
OFFER_REFUSED = define(
    "CT-2332",
    PeerMisbehaved,
    "What came back is no key keeper's answer to this challenge",
    "Ask the keeper's host for evidence over a new nonce; nothing was deposited.",
)
KEEPER_FULL = define(
    "CT-2333",
    Unavailable,
    "The key keeper takes no more deposits",
    "Use another keeper, or wait until deposits have ended.",
)
STATEMENT_REFUSED = define(
    "CT-2334",
    PeerMisbehaved,
    "The key keeper's log was kept back or changed",
    "Keep what is there, count all deposited runs as used, and ask the keeper's host.",
)
