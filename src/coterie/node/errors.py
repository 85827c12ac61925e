"""Failures of the node: CT-50xx."""

from __future__ import annotations

from coterie.errors import BadInput, Bug, NotAgreed, PeerMisbehaved, Unavailable, define

# The home
HOME_EXISTS = define(
    "CT-5001",
    BadInput,
    "This folder is a node's home already",
    "Choose another folder, or start the node that is there.",
)
HOME_MISSING = define(
    "CT-5002",
    BadInput,
    "This folder is no node's home",
    "Name the home by --home or COTERIE_HOME, or make one there by `coterie node init`.",
)
SETTINGS_INVALID = define(
    "CT-5003", BadInput, "node.yaml cannot be used", "Correct the named field and start again."
)
HOME_IN_USE = define(
    "CT-5004", Unavailable, "A node runs in this home already", "Use the one that runs, or stop it first."
)
STORE_UNUSABLE = define(
    "CT-5005",
    Unavailable,
    "The node's store cannot be read or written",
    "Check the disk and the rights of the home; restore store.sqlite from a copy if it is damaged.",
)

STORE_IN_USE = define(
    "CT-5006",
    Unavailable,
    "Another process has the node's store",
    "Stop it first: a store serves one process. After a crash a database notices that within a minute.",
)
STORE_VERSION = define(
    "CT-5007",
    BadInput,
    "The node's store is of another version of Coterie",
    "Start the node with the version that wrote it or a later one; it brings an earlier store forward.",
)
STORE_OF_ANOTHER = define(
    "CT-5008",
    BadInput,
    "The store belongs to another party",
    "Correct `store` in node.yaml: each node has a database, or a schema in one, of its own.",
)
STORE_PASSWORD = define(
    "CT-5009",
    BadInput,
    "The password of the store's database cannot be used",
    "Put it as one line into the file that node.yaml names as `store_password`, its owner's alone.",
)
BACKUP_UNUSABLE = define(
    "CT-5019",
    BadInput,
    "The file cannot be used as a backup of a node",
    "Take one that `coterie node backup` has written to its end.",
)
NOT_EMPTY = define(
    "CT-5027",
    BadInput,
    "Backups overwrite nothing, neither made nor put back",
    "Name a file or folder that is not there yet, and a database, or a schema in one, without a store.",
)
RESTORED = define(
    "CT-5028",
    Unavailable,
    "The node was put back from a backup that was made before the job was over",
    "Submit the job again.",
)
STORE_DRIVER_MISSING = define(
    "CT-5018",
    Unavailable,
    "The driver of the store's database is not installed",
    "Install it: pip install 'coterie[postgresql]'.",
)

# The REST API
NOT_AUTHENTICATED = define(
    "CT-5010",
    NotAgreed,
    "The request has no token that this node knows",
    "Use the token in the node's home, or make one.",
)
NOT_PERMITTED = define(
    "CT-5011",
    NotAgreed,
    "The token does not permit this",
    "Ask the node's administrator for a token with that role.",
)
REQUEST_INVALID = define(
    "CT-5012", BadInput, "The request cannot be used", "Correct the named field and send it again."
)
REQUEST_TOO_LARGE = define(
    "CT-5013", BadInput, "The request is too large", "Send less; the limit is in the detail."
)
NO_SUCH_ROUTE = define(
    "CT-5014", BadInput, "There is nothing at this address", "See the list of calls in docs/api.md."
)
NOT_FOUND = define(
    "CT-5015", BadInput, "There is no such thing here", "List what there is, and check the name."
)
AMBIGUOUS = define("CT-5016", BadInput, "The name fits more than one", "Use the id instead.")
OVERLOADED = define(
    "CT-5017", Unavailable, "The node has too many requests at once", "Wait a moment and send it again."
)

# Peers
PEER_UNKNOWN = define(
    "CT-5020",
    BadInput,
    "No peer of this name is known here",
    "Introduce the two parties by an invitation first.",
)
PEER_KEY_DIFFERS = define(
    "CT-5021",
    PeerMisbehaved,
    "A peer of this name is known with another key",
    "Compare fingerprints with its operator; remove the old one only if the peer has a new identity.",
)
PEER_IN_USE = define(
    "CT-5022",
    BadInput,
    "The peer takes part in a job that is not over",
    "Cancel the job first, or wait for its end.",
)
PEER_IS_SELF = define(
    "CT-5024", BadInput, "The invitation is this node's own", "Hand it to the party that you want to invite."
)
NO_ADDRESS = define(
    "CT-5025",
    BadInput,
    "This node cannot be dialled, so nobody can accept its invitation",
    "Accept an invitation of the other party instead, or give this node a public address in node.yaml.",
)
PEER_ASKS_TOO_MUCH = define(
    "CT-5026",
    Unavailable,
    "A peer asks for more than this node writes down",
    "Wait a minute; where the peer meant nothing of it, ask its operator.",
)

# Datasets
DATASET_EXISTS = define(
    "CT-5030",
    BadInput,
    "A dataset of this name is registered already",
    "Remove it first by `coterie dataset remove`, or choose another name.",
)
DATASET_UNKNOWN = define(
    "CT-5031",
    BadInput,
    "The party has no dataset of this name",
    "List the party's datasets and check the name.",
)
DATASET_NOT_FOR_PEER = define(
    "CT-5032",
    NotAgreed,
    "No agreement with this peer names this dataset",
    "Agree on the dataset with its owner first.",
)
DATASET_CHANGED = define(
    "CT-5033",
    BadInput,
    "A dataset is not what its owner registered",
    "The owner refreshes it (coterie dataset refresh NAME), so that its rows are known anew.",
)

HUB_HOLDS_NO_DATA = define(
    "CT-5034", BadInput, "A hub holds no data and starts no jobs", "Do this at a party's own node."
)

# Agreements
AGREEMENT_UNKNOWN = define(
    "CT-5040",
    BadInput,
    "No such agreement is known here",
    "List the agreements; ask the drafter to offer it to this party.",
)
AGREEMENT_NOT_ACTIVE = define(
    "CT-5041",
    NotAgreed,
    "The agreement is not in force",
    "Have all parties sign it, or make a new one if it has expired or was revoked.",
)
NOT_CONCERNED = define(
    "CT-5042",
    PeerMisbehaved,
    "A peer sent an agreement that concerns not it or not this party",
    "Ask the peer's operator.",
)
KEY_NOT_COMMITTED = define(
    "CT-5043",
    PeerMisbehaved,
    "The key of the id hashes is not the one that the terms commit to",
    "Ask the drafter to offer the agreement again; do not sign it.",
)
KEY_MISSING = define(
    "CT-5044",
    Unavailable,
    "This node has not received the key of the id hashes",
    "Ask the drafter to offer the agreement again while both nodes run.",
)
ALREADY_AGREED = define(
    "CT-5045", BadInput, "These terms are stored already", "Go on with the agreement that is there."
)
TOO_MANY_OFFERS = define(
    "CT-5046",
    Unavailable,
    "Too many agreements wait for this party's signature",
    "Its steward signs them or revokes what is not wanted.",
)

# Jobs
JOB_UNKNOWN = define("CT-5050", BadInput, "No such job is known here", "List the jobs and check the id.")
JOB_STATE = define("CT-5051", BadInput, "The job is past this", "See its status for what is possible now.")
NOT_INITIATOR = define(
    "CT-5052", PeerMisbehaved, "A peer spoke for a job that is not its own", "Ask the peer's operator."
)
REFUSED_BY_PERSON = define(
    "CT-5053", NotAgreed, "A party refused the job", "Ask the named party's steward for the reason."
)
NOT_PARTICIPANT = define(
    "CT-5054",
    NotAgreed,
    "This party takes no part in the job",
    "Name a dataset of this party in the job, or submit it at a node that takes part.",
)
PROPOSAL_ALTERED = define(
    "CT-5055",
    PeerMisbehaved,
    "A job came back with another content under the same id",
    "Ask the initiator's operator.",
)

NO_PLACE = define(
    "CT-5056",
    Unavailable,
    "A node has as many jobs under way as its operator allows",
    "Wait until some are over; how many there may be says `jobs_at_once` in its node.yaml.",
)

# Workers
WORKER_DIED = define(
    "CT-5060",
    Unavailable,
    "A worker process ended without a word",
    "See the node's log and the machine's memory at the named party; submit the job again.",
)
NODE_STOPPED = define(
    "CT-5061",
    Unavailable,
    "A node stopped while the job ran",
    "Start the node again and submit the job again.",
)
WORKER_UNREADABLE = define(
    "CT-5062", Bug, "Node and worker do not understand each other", "Report it with the node's log."
)
WORKER_NOT_STARTED = define(
    "CT-5063",
    Unavailable,
    "A worker process could not be started",
    "See the node's log; check memory and process limits.",
)
PEER_SILENT = define(
    "CT-5064",
    Unavailable,
    "A participant could not be reached for longer than this node's patience",
    "Ask its operator whether its node runs; then submit the job again.",
)
NOT_AGAIN = define(
    "CT-5065",
    Unavailable,
    "A party makes no further attempt at the job",
    "See at the named party what broke the attempts; its operator sets how many there are in node.yaml, "
    "`resume`.",
)
ATTEMPT_REFUSED = define(
    "CT-5066",
    PeerMisbehaved,
    "A peer named an attempt at a job that is not the next one",
    "Compare the job's status with the peer's operator: one of the nodes may have been put back from a "
    "backup.",
)

# Tape files
STAGE_UNKNOWN = define(
    "CT-5070",
    BadInput,
    "The stage does not ask for tape files, or not yet",
    "Look at the job's status: it says which stage waits for its tape file, once its sizes are known.",
)
NOT_DEALER = define(
    "CT-5071",
    NotAgreed,
    "This party is not the dealer of the job's agreement",
    "Hand the request to the dealer that the agreement names.",
)
REQUEST_UNREADABLE = define(
    "CT-5072",
    BadInput,
    "Not a request for tape files",
    "Take the file that `coterie job plan --job ID --stage N --output FILE` writes.",
)

# Sealed data
SEALED_IN_USE = define(
    "CT-5080",
    Unavailable,
    "A job that is not over needs this sealed data",
    "Cancel the job first, or wait until it is over.",
)
PROOF_REFUSED = define(
    "CT-5081",
    PeerMisbehaved,
    "A host's proof of deletion does not hold",
    "Ask its operator; the key of the data is destroyed here, so what is left of it cannot be read.",
)

# Saved pipelines
PIPELINE_UNKNOWN = define(
    "CT-5086",
    BadInput,
    "The party has no saved pipeline of this name",
    "Name one that `coterie pipeline list` shows at every party with data; the job that saved it gave it to "
    "each.",
)
PIPELINE_OTHER = define(
    "CT-5087",
    NotAgreed,
    "The name stands for another saved pipeline at this party",
    "Compare `coterie pipeline list` at both parties, and name the pipeline by its digest.",
)

PIPELINE_IN_USE = define(
    "CT-5088",
    Unavailable,
    "A job that is not over uses this saved pipeline",
    "Cancel the job first, or wait until it is over.",
)

# Key keepers
NO_KEEPERS = define(
    "CT-5082",
    BadInput,
    "This node knows no key keeper that it would give keys to",
    "Put reference values with what `coterie tee measure --part keeper` says into a file, name it in "
    "node.yaml as `keepers`, and start the node again.",
)
DEPOSIT_UNKNOWN = define(
    "CT-5083",
    BadInput,
    "This node has made no such deposit",
    "Take the name that `coterie tee keeper deposit` said; the folders in the home's tee/deposits have it.",
)
NOT_HOST = define(
    "CT-5084",
    NotAgreed,
    "This node is not the host of attested jobs under the agreement",
    "Ask the host that the agreement's section `tee` names.",
)
SEALING_SLOW = define(
    "CT-5085",
    Unavailable,
    "A party's data was still being sealed after half an hour",
    "Submit the job again later: what is sealed meanwhile is found done. If it is not, ask its operator.",
)

# Lookups
TABLE_MISSING = define(
    "CT-5090",
    BadInput,
    "There is no prepared table for these lookups here",
    "The owner makes one by `coterie lookup prepare`; who asks takes it in by `coterie lookup add FILE`.",
)
TABLE_OUTDATED = define(
    "CT-5091",
    NotAgreed,
    "The prepared table is not the present one",
    "Ask the owner of the dataset for the present file, and take it in by `coterie lookup add FILE`.",
)
LOOKUP_MALFORMED = define(
    "CT-5092",
    PeerMisbehaved,
    "A peer asked for ids in a wrong form",
    "Ask its operator: an honest node never does this.",
)
ASKED_WRONG = define(
    "CT-5093",
    BadInput,
    "These are not ids that the table can be asked for",
    "Give one id in a line, with as many parts as the id of the dataset has columns, separated by tabs.",
)
TABLE_BUSY = define(
    "CT-5094",
    Unavailable,
    "The table is being prepared",
    "Wait until `coterie lookup list` says that it is ready, or remove it to stop.",
)

# Comparisons of schemas
SCHEMA_NOT_OFFERED = define(
    "CT-5100",
    NotAgreed,
    "No schema is offered for a comparison with these parties",
    "Ask the party's steward: `coterie schema offer DATASET --to …` names everybody who takes part. Where a "
    "party offers several, name its dataset: `--with PARTY=DATASET`.",
)
SCHEMA_RUNS_USED_UP = define(
    "CT-5101",
    NotAgreed,
    "The comparisons that this schema was offered for are used up",
    "Ask the party's steward whether it offers the schema again.",
)
NOT_COMPARABLE = define(
    "CT-5102",
    BadInput,
    "These columns cannot be compared",
    "Name the columns to compare when you offer the schema, or rename those with one name in the form that "
    "is compared.",
    own_detail=True,
)
COMPARISON_SLOW = define(
    "CT-5103",
    Unavailable,
    "A comparison of schemas did not end in time",
    "Ask the other parties' operators whether their nodes run, and try again.",
)
COMPARISON_UNKNOWN = define(
    "CT-5104",
    BadInput,
    "There is no such comparison or offer of a schema",
    "See `coterie schema list`.",
)
COMPARISON_WRONG = define(
    "CT-5105",
    BadInput,
    "A comparison cannot be made in this way",
    "Two to five different parties compare their columns, with this node among them.",
)
COMPARISONS_BUSY = define(
    "CT-5106",
    Unavailable,
    "Too many comparisons of schemas are being made at once",
    "Try again in a minute.",
)
