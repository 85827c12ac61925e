"""Error codes of agreements: 16xx. Those from 1620 on are also the codes of refusals."""

from coterie.errors import BadInput, NotAgreed, PeerMisbehaved, define

DRAFT_INVALID = define(
    "CT-1601",
    BadInput,
    "The draft of an agreement cannot be used",
    "Correct the named field and draft again.",
)
DOCUMENT_INVALID = define(
    "CT-1602", PeerMisbehaved, "The document is not an agreement", "Ask for the agreement again, unchanged."
)
NOT_A_PARTY = define(
    "CT-1603", BadInput, "Only a party of the agreement can sign", "Sign as one of its parties."
)
SIGNATURE_INVALID = define(
    "CT-1604", PeerMisbehaved, "A signature does not hold", "Ask the named party to sign these terms again."
)
KEY_DIFFERS = define(
    "CT-1605",
    PeerMisbehaved,
    "The agreement names another key than the one introduced",
    "Compare fingerprints with the named party before anything is signed.",
)
REVOCATION_INVALID = define(
    "CT-1606", PeerMisbehaved, "The revocation does not hold", "Ask the named party to revoke again."
)

NOT_SIGNED = define(
    "CT-1620", NotAgreed, "The agreement is not signed by all parties", "Ask the named party to sign."
)
ALTERED = define(
    "CT-1621",
    NotAgreed,
    "The agreement was altered after it was signed",
    "Use the document that the parties signed.",
)
REVOKED = define(
    "CT-1622", NotAgreed, "The agreement was revoked", "Make a new agreement if the parties still want it."
)
NOT_YET_VALID = define("CT-1623", NotAgreed, "The agreement is not valid yet", "Wait for its first day.")
EXPIRED = define("CT-1624", NotAgreed, "The agreement has expired", "Sign a new one.")
RUNS_USED_UP = define(
    "CT-1625", NotAgreed, "All runs of the agreement are used", "Sign a new one with more runs."
)
PARTY_NOT_LISTED = define(
    "CT-1626", NotAgreed, "A party of the job is not in the agreement", "Leave it out, or agree with it."
)
DATASET_NOT_GRANTED = define(
    "CT-1627", NotAgreed, "A dataset is not granted", "Use a dataset that the agreement lists."
)
COLUMN_NOT_GRANTED = define(
    "CT-1628", NotAgreed, "A column is not granted", "Use the columns that the agreement lists."
)
ENGINE_NOT_ALLOWED = define(
    "CT-1629", NotAgreed, "The engine is not allowed", "Use an engine that the agreement lists."
)
COMPONENT_NOT_ALLOWED = define(
    "CT-1630", NotAgreed, "A component is not allowed", "Use the components that the agreement lists."
)
PARAMETER_OUT_OF_BOUNDS = define(
    "CT-1631",
    NotAgreed,
    "A parameter is outside its bounds",
    "Choose a value within the agreement's bounds, or agree on a bound for the parameter.",
)
RECEIVER_NOT_GRANTED = define(
    "CT-1632",
    NotAgreed,
    "A result may not go to this receiver",
    "Send results only where the agreement says.",
)
TOO_FEW_ROWS = define(
    "CT-1633",
    NotAgreed,
    "There are fewer rows than the agreed minimum",
    "Use larger datasets, or agree on a lower minimum.",
)
DEALER_NOT_NAMED = define(
    "CT-1634",
    NotAgreed,
    "The dealer may not deal in this job",
    "Let the dealer that the agreement names deal, in jobs without data of its own.",
)
KEY_NOT_KNOWN = define(
    "CT-1635",
    NotAgreed,
    "A key in the agreement is not the key known here",
    "Compare fingerprints with the named party.",
)
OTHER_AGREEMENT = define(
    "CT-1636",
    NotAgreed,
    "The request belongs to another agreement",
    "Submit the job under the agreement that it names.",
)
TEE_NOT_AGREED = define(
    "CT-1637",
    NotAgreed,
    "The agreement does not say where attested jobs may run",
    "Sign terms with a section `tee`: host, platform, measurements.",
)
LOOKUP_NOT_GRANTED = define(
    "CT-1638",
    NotAgreed,
    "The agreement does not let this party look ids up there",
    "Sign terms with a section `lookups` that names the dataset and who may ask.",
)
LOOKUPS_USED_UP = define(
    "CT-1639",
    NotAgreed,
    "The agreement's number of lookups is used up",
    "Make a new agreement: an agreement never gives more lookups than it says.",
)
LOOKUPS_TOO_FAST = define(
    "CT-1640",
    NotAgreed,
    "More lookups in a minute than the agreement allows",
    "Wait for the next minute, and ask for no more ids at once than the agreement allows in one.",
)
COORDINATOR_NOT_NAMED = define(
    "CT-1641",
    NotAgreed,
    "Who would add up the parties' sums is not whom the agreement names",
    "Name the agreement's `coordinator` or dealer, or a party with a dataset in the job.",
)
DROPOUTS_NOT_AGREED = define(
    "CT-1670",
    NotAgreed,
    "The agreement does not let jobs go on without parties that drop out",
    "Ask for all parties, or sign terms with a `minimum` of so many.",
)
MODULE_NOT_AGREED = define(
    "CT-1650",
    NotAgreed,
    "The agreement does not let jobs run this module",
    "Sign terms that list it under `modules`; `coterie module add FILE` prints what to write there.",
)
MODULE_OTHER = define(
    "CT-1651",
    NotAgreed,
    "A module is not the one that the agreement lists",
    "Use the file that the parties signed for, to the byte, or sign terms that list this one.",
)
SHOWN_WITHOUT_NOISE = define(
    "CT-1655",
    NotAgreed,
    "A step would show something of rows without noise, if only by failing, under a privacy budget",
    "Give the step its `privacy`, or leave it out; docs/privacy.md lists the steps that have noise.",
)
PRIVACY_USED_UP = define(
    "CT-1656",
    NotAgreed,
    "The job would cost more than is left of a privacy budget",
    "Use more noise or fewer passes; `coterie privacy` says what was spent of what.",
)
