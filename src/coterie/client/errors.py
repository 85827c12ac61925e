"""Error codes of the client: 605x."""

from coterie.errors import BadInput, PeerIncompatible, PeerMisbehaved, Unavailable, define

NODE_AWAY = define(
    "CT-6050",
    Unavailable,
    "The node does not answer",
    "Start it with `coterie node start`, or check the address.",
)
NODE_NOT_PINNED = define(
    "CT-6051",
    PeerMisbehaved,
    "The node's certificate is not the pinned one",
    "Check the address; compare the fingerprint with what `coterie node show` prints on the node's machine.",
)
ANSWER_UNREADABLE = define(
    "CT-6052",
    PeerIncompatible,
    "The node's answer cannot be read",
    "Compare the versions of client and node.",
)
WRONG_ADDRESS = define(
    "CT-6053",
    BadInput,
    "The client needs a home, or an address with token and fingerprint",
    "Give home=, or url=, token= and fingerprint= together; the address looks like https://127.0.0.1:7300.",
)
STILL_RUNNING = define(
    "CT-6054",
    Unavailable,
    "The job is not over yet",
    "Wait longer, or see who waits for whom in its status.",
)
DOWNLOAD_DAMAGED = define(
    "CT-6055",
    Unavailable,
    "A downloaded result is not the one that the node has",
    "Download it again; if it happens twice, check the disk of the node with `coterie doctor`.",
)
