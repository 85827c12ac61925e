"""Error codes of the wire room: CT-12xx."""

from __future__ import annotations

from coterie.errors import BadInput, Bug, NotAgreed, PeerIncompatible, PeerMisbehaved, Unavailable, define

# Messages between workers
TAG_DIFFERS = define(
    "CT-1201",
    PeerIncompatible,
    "The parties are at different operations",
    "Compare versions and plans with the peer's operator: both must run the same job.",
)
SIZE_DIFFERS = define(
    "CT-1202",
    PeerMisbehaved,
    "A peer's message has another size than the plan gives it",
    "Compare versions and plans with the peer's operator.",
)
TOO_LARGE = define(
    "CT-1203",
    PeerMisbehaved,
    "A peer's record is larger than its limit",
    "Ask the peer's operator: nothing of it was read.",
)
BAD_RECORD = define(
    "CT-1204",
    PeerMisbehaved,
    "A peer's record is not of the agreed form",
    "Compare versions with the peer's operator.",
)
OVER_BUDGET = define(
    "CT-1205",
    NotAgreed,
    "A step would send more than its plan allows",
    "Nothing of this message was sent. Report it: the plan or the step is wrong.",
)
STEP_MISUSE = define("CT-1206", Bug, "A step was opened inside another", "Report it.")
BAD_MESSAGE = define("CT-1207", Bug, "A message cannot be sent in this form", "Report it.")

# Links
PEER_GONE = define(
    "CT-1210",
    Unavailable,
    "A peer is gone",
    "Ask the peer's operator whether its node and the job's worker run; then start the job again.",
)
PEER_FINISHED = define(
    "CT-1211",
    PeerIncompatible,
    "A peer closed its end while more was expected",
    "Compare versions and plans with the peer's operator.",
)
CLOSED = define("CT-1212", Bug, "A link was used after it was closed", "Report it.")
BAD_FRAME = define(
    "CT-1213",
    PeerMisbehaved,
    "A peer sent bytes that are no frame of a link",
    "Compare versions with the peer's operator.",
)
OUT_OF_ORDER = define(
    "CT-1214",
    PeerMisbehaved,
    "A peer's frames come out of order or twice",
    "Ask the peer's operator: an honest node never does this.",
)
OVER_WINDOW = define(
    "CT-1215",
    PeerMisbehaved,
    "A peer sent more than it was given room for",
    "Ask the peer's operator: an honest node never does this.",
)
WRONG_JOB = define(
    "CT-1216",
    PeerIncompatible,
    "A peer's link is for another job or party",
    "Compare the job with the peer's operator.",
)
OTHER_VERSION = define(
    "CT-1217",
    PeerIncompatible,
    "A peer speaks another version of the link protocol",
    "Bring both nodes to one version.",
)
PEER_RESTARTED = define(
    "CT-1218",
    Unavailable,
    "A peer's worker was started anew and has lost its place",
    "Start the job again: a run goes on only between the same two processes.",
)
CANNOT_CONNECT = define(
    "CT-1219",
    Unavailable,
    "A peer's node cannot be reached",
    "Check the peer's address and port, the network, and whether its node runs.",
)

LOST = define(
    "CT-1250",
    Unavailable,
    "A peer was lost, and the job goes on without it",
    "Ask the peer's operator; what is planned without this peer goes on.",
)
NOT_IN_TIME = define(
    "CT-1251",
    Unavailable,
    "A peer's message did not come in the time given",
    "Give more time, or ask the peer's operator what its node does.",
)

# TLS
WRONG_KEY = define(
    "CT-1220",
    PeerMisbehaved,
    "A peer's certificate is not the pinned one",
    "Compare fingerprints with the peer's operator; if the peer has a new identity, introduce it anew.",
)
REFUSED = define(
    "CT-1221",
    PeerIncompatible,
    "A peer refuses this node's certificate",
    "Ask the peer's operator whether it knows this party and its present fingerprint.",
)
NO_TLS = define(
    "CT-1222",
    PeerIncompatible,
    "No TLS 1.3 connection came about",
    "Check that the address belongs to a Coterie node and that nothing on the way rewrites TLS.",
)

# Node to node
PORT_TAKEN = define(
    "CT-1230",
    Unavailable,
    "A port is taken or not ours to open",
    "Stop what listens there, or choose another port.",
)
BAD_ADDRESS = define(
    "CT-1231", BadInput, "Not an address", "Write it as host:port, such as node.bank.example:8443."
)
UNKNOWN_REQUEST = define(
    "CT-1232",
    PeerIncompatible,
    "A peer's request is not known here",
    "Compare versions with the peer's operator.",
)
UNKNOWN_JOB = define(
    "CT-1233",
    Unavailable,
    "A peer's node does not run this job",
    "Ask the peer's operator for the state of the job there.",
)
NO_ANSWER = define(
    "CT-1234", Unavailable, "A peer's node did not answer in time", "Try again; then ask the peer's operator."
)
BAD_HELLO = define(
    "CT-1235",
    PeerMisbehaved,
    "A connection did not begin with a TLS ClientHello",
    "Connect with TLS 1.3; plain HTTP is not served.",
)
HANDOFF_FAILED = define(
    "CT-1236",
    Unavailable,
    "A connection could not be handed to the job's worker",
    "See the log of the worker.",
)

# Introductions
BAD_INVITATION = define(
    "CT-1240", BadInput, "Not an invitation", "Copy the whole line that begins with coterie-invite: again."
)
INVITATION_OVER = define(
    "CT-1241", BadInput, "The invitation has expired", "Ask the inviting party for a new invitation."
)
NOT_INVITED = define(
    "CT-1242",
    NotAgreed,
    "The inviting node does not accept this invitation",
    "It may be used, expired or withdrawn: ask the inviting party for a new one.",
)
