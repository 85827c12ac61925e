"""Error codes of jobs: 40xx."""

from coterie.errors import BadInput, Bug, NotAgreed, PeerIncompatible, PeerMisbehaved, Unavailable, define

SPEC_INVALID = define(
    "CT-4001", BadInput, "The job file cannot be used", "Correct the named field and submit again."
)
UNKNOWN_COMPONENT = define(
    "CT-4002", BadInput, "No such component", "Choose one that `coterie component list` shows."
)
ENGINE_UNSUPPORTED = define(
    "CT-4003", BadInput, "The component does not run in this engine", "Choose another engine or component."
)
DATASETS_INVALID = define(
    "CT-4004",
    BadInput,
    "The job's datasets do not fit together",
    "Name one dataset of the agreement for each party.",
)
COLUMN_UNKNOWN = define(
    "CT-4005",
    BadInput,
    "A column is not in the dataset",
    "Name in the job columns that the dataset has, or let its owner register those that are agreed.",
)
LABEL_INVALID = define(
    "CT-4006", BadInput, "The job needs exactly one label", "Agree on one dataset that has the label column."
)
ID_RULES_DIFFER = define(
    "CT-4007",
    PeerIncompatible,
    "The parties normalise ids by different rules, so that none would match",
    "Agree on one `id_rule` and register the datasets with it.",
)
NO_COLUMNS = define(
    "CT-4008",
    BadInput,
    "A party brings no column into the job",
    "Name at least one of its features, or leave it out.",
)
PLAN_DIFFERS = define(
    "CT-4010",
    PeerIncompatible,
    "The parties' plans differ",
    "Compare the named item with the peer's operator: versions, datasets or parameters are not the same.",
)
PLAN_EXCEEDED = define(
    "CT-4011",
    NotAgreed,
    "A stage would do more than the approved plan allows",
    "Submit the job again so that the parties can approve the larger plan.",
)
FACTS_DIFFER = define(
    "CT-4012",
    PeerMisbehaved,
    "The parties report different sizes after a step",
    "Ask the named party's operator; the job cannot go on.",
)
EGRESS_DIFFERS = define(
    "CT-4013",
    Bug,
    "A step sent other than it had planned",
    "Report it; nothing beyond the plan's budget has left.",
)
APPROVAL_INVALID = define(
    "CT-4014", PeerMisbehaved, "An approval does not hold", "Ask the named party to approve this plan again."
)
TOO_FEW_COMMON = define(
    "CT-4015",
    NotAgreed,
    "Fewer rows are common to the datasets than the agreement asks for",
    "Use larger datasets, or agree on a lower minimum.",
)
CANCELLED = define(
    "CT-4020",
    Unavailable,
    "The job was cancelled",
    "When it is wanted, submit it again: coterie job again JOB.",
)
RESULT_REFUSED = define(
    "CT-4021",
    NotAgreed,
    "A result is not for this party",
    "Agree on the receiver of this kind of result first.",
)
ARTEFACT_DAMAGED = define(
    "CT-4022", Unavailable, "A stored artefact does not have the content of its name", "Run the job again."
)
TOO_MANY_COMPUTE = define(
    "CT-4024",
    BadInput,
    "More parties would compute than the engine is made for",
    "Use the datasets of fewer parties; one that only receives results is named under `receivers` instead.",
)
NOTHING_TO_RECEIVE = define(
    "CT-4025",
    BadInput,
    "A receiver would take part and receive nothing",
    "Leave it out of `receivers`, or agree that it receives a kind of result that the job's steps make and "
    "that a party without data can have: coefficients, statistics, loss, metrics or report; in engine tee "
    "the model and its importance too.",
)
NOT_DEALT_AHEAD = define(
    "CT-4023",
    BadInput,
    "Nothing of this stage is dealt before the run",
    "Ask for a stage that needs tape files: `coterie job plan` names them, where the job says `correlations: "
    "tape`.",
)
STREAM_NOT_ATTESTED = define(
    "CT-4026",
    BadInput,
    "The agreement asks for an attested dealer, and such a dealer cannot stream",
    "Say `correlations: tape` in the job: what it needs is dealt before each stage, into files.",
)
REQUESTS_DIFFER = define(
    "CT-4027",
    BadInput,
    "The parties' requests for tape files do not belong together",
    "Give one request of each compute party, all for the same stage of the same job.",
)
PIPELINE_UNUSED = define(
    "CT-4028",
    PeerMisbehaved,
    "The proposal has a saved pipeline that no step of the job uses",
    "Submit the job at a node: it adds what the steps need.",
)
SEALED_MISSING = define(
    "CT-4030",
    BadInput,
    "A job of engine tee lacks the record of a sealed data set",
    "Submit the job at a node: it asks the named party's node for the record.",
)
SEALED_DIFFERS = define(
    "CT-4031",
    PeerMisbehaved,
    "A sealed data set is not the one that the job is about",
    "Ask the named party to seal its data again, and submit the job again.",
)
TASK_DIFFERS = define(
    "CT-4032",
    PeerMisbehaved,
    "The runner was given another job than the owners have granted",
    "Ask the host's operator: proposal and terms do not give the manifest. Nothing was computed.",
)
HOST_DIFFERS = define(
    "CT-4033",
    NotAgreed,
    "The code at the host is not the code that was agreed",
    "Compare `coterie tee measure` there with the agreement's `tee.measurements` (of a dealer "
    "`dealer_tee.measurements`): install the agreed release, or agree on this one.",
)
RUN_RECORD_INVALID = define(
    "CT-4034",
    PeerMisbehaved,
    "The record of an attested run does not hold",
    "Do not use its results; keep the record, and show it to the other parties.",
)
ID_KEY_DIFFERS = define(
    "CT-4035",
    PeerMisbehaved,
    "An owner released another key of the id hashes than was agreed",
    "Ask the named party's operator; the agreement has the key's commitment.",
)
RESULT_DIFFERS = define(
    "CT-4036",
    PeerMisbehaved,
    "A sealed result is not the one that the receipt names",
    "Ask the host's operator to send the job's results again; what was sent is not used.",
)
HOLDING_UNREADABLE = define(
    "CT-4037",
    Unavailable,
    "What a host has written down of sealed data cannot be read",
    "Nothing need be done: the next job with this data writes it down again.",
)
KEPT_TAKES_PART = define(
    "CT-4040",
    BadInput,
    "A party whose key is kept would take part in the job",
    "Take it out of `kept`, or let another party submit the job: the host, and who submits, are online.",
)
KEPT_RECEIVES = define(
    "CT-4041",
    NotAgreed,
    "A party that takes no part in the job would receive something of it",
    "Take it out of `kept`, so that it takes part, or agree on terms that do not grant it this result.",
)
KEPT_NO_DEPOSIT = define(
    "CT-4042",
    NotAgreed,
    "No key of this data is with the host's key keeper",
    "Ask the named owner for a deposit: `coterie tee keeper deposit`; or let it take part, without `kept`.",
)
KEPT_NO_DATA = define(
    "CT-4043",
    Unavailable,
    "The sealed data of a key that is kept is not at the host",
    "Take it in at the host: `coterie sealed add`.",
)
HORIZONTAL_IN_TEE = define(
    "CT-4044",
    BadInput,
    "Rows of several parties with the same columns cannot be learnt from in engine tee yet",
    "Run the job with `engine: fl`.",
)
TOO_FEW_CONTRIBUTE = define(
    "CT-4045",
    NotAgreed,
    "Too few parties for sums that hide each party's part",
    "Run the job with the datasets of three parties or more: of two, each would learn the other's sums.",
)
MINIMUM_UNFIT = define(
    "CT-4050",
    BadInput,
    "The job's minimum of parties does not fit",
    "More than half of the parties must stay, three at least, and one more where the coordinator has data.",
)
SCHEMAS_DIFFER = define(
    "CT-4046",
    PeerIncompatible,
    "The parties' datasets do not have the same columns",
    "Register and grant the same names and types at every party, or name the common columns in the job: "
    "`columns: {each: [...]}`.",
)
MODULE_UNREADABLE = define(
    "CT-4060",
    BadInput,
    "The file cannot be a module",
    "A module is one file of Python, UTF-8, of at most 128 KiB.",
)
MODULE_NOT_SENT = define(
    "CT-4061",
    PeerMisbehaved,
    "The job comes without the file of a module that it uses",
    "Ask the named party to submit the job again.",
)
MODULE_UNUSED = define(
    "CT-4062",
    PeerMisbehaved,
    "The job comes with the file of a module that it does not use",
    "Ask the party that submitted it; nothing of the file was looked at.",
)
MODULE_UNKNOWN = define(
    "CT-4063",
    BadInput,
    "This node does not keep the file of that module",
    "Bring it: `coterie module add FILE`. `coterie module list` shows what is here.",
)
DATA_CHANGED = define(
    "CT-4070",
    BadInput,
    "A dataset has changed while its job was interrupted",
    "Leave the source as it is until the job is done; `coterie job again` runs it anew on the rows of now.",
)
