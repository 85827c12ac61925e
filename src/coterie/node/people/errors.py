"""Failures of people's sign-in and calls: CT-512x."""

from __future__ import annotations

from coterie.errors import BadInput, NotAgreed, Unavailable, define

SIGN_IN_REFUSED = define(
    "CT-5120",
    NotAgreed,
    "The name or the password is not right",
    "Try again; the node's owner sets a new password by `coterie user password NAME`.",
)
SIGN_IN_SLOWED = define(
    "CT-5121",
    Unavailable,
    "Too many sign-ins from this address have failed",
    "Wait for as long as the detail says, then try again.",
)
CALLS_SLOWED = define(
    "CT-5122",
    Unavailable,
    "The token is used for more calls than the node answers",
    "Call less often; the node's owner raises `people` in node.yaml if the work needs it.",
)
USER_UNKNOWN = define(
    "CT-5123", BadInput, "There is no such user here", "See `coterie user list`, and check the name."
)
USER_EXISTS = define(
    "CT-5124",
    BadInput,
    "There is a user of this name already",
    "Choose another name: names are never given twice, so that the ledger stays clear.",
)
PASSWORD_WEAK = define(
    "CT-5125", BadInput, "The password will not do", "Take 12 characters or more, at most 256, not the name."
)
SESSION_OVER = define("CT-5126", NotAgreed, "The session is over", "Sign in again by `coterie login NAME`.")

PERSON_UNKNOWN = define(
    "CT-5127",
    NotAgreed,
    "More than one person must say yes, and the node does not know who this is",
    "Sign in by `coterie login NAME` as a user of role steward: tokens are nobody's in particular.",
)
CONSENT_REPEATED = define(
    "CT-5128",
    NotAgreed,
    "This person has said yes already",
    "Another user of role steward must say yes, too.",
)
OWN_JOB = define(
    "CT-5129",
    NotAgreed,
    "Who submitted a job cannot be one of those who approve it",
    "Ask two other users of role steward.",
)
PROVIDER_REFUSED = define(
    "CT-5130",
    NotAgreed,
    "The sign-in at the identity provider does not hold",
    "Sign in again; where it happens again, ask the provider's administrators, and see the node's log.",
)
PROVIDER_AWAY = define(
    "CT-5131",
    Unavailable,
    "The identity provider cannot be asked",
    "Try again; the node's owner checks `people.oidc` in node.yaml, and the way to the provider.",
)
PROVIDER_UNSET = define(
    "CT-5132",
    BadInput,
    "No identity provider is known to this node",
    "Sign in by `coterie login NAME`; the node's owner names a provider as `people.oidc` in node.yaml.",
)
SUBJECT_UNKNOWN = define(
    "CT-5133",
    NotAgreed,
    "The identity provider knows this person, the node does not",
    "Ask the node's owner for `coterie user add NAME --role … --oidc SUBJECT`, with the subject named here.",
)
