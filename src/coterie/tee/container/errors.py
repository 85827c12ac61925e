"""Error codes of sealed containers: CT-2201 to CT-2229."""

from __future__ import annotations

from coterie.errors import BadInput, PeerMisbehaved, Unavailable, define

NOT_A_CONTAINER = define(
    "CT-2201",
    BadInput,
    "Not a sealed container that this version can read",
    "Check that it is the right file; if its maker has a newer version, ask for a container of version 1.",
)
CONTAINER_CUT = define(
    "CT-2202", BadInput, "A sealed container is cut off", "Fetch it again from who holds it."
)
CONTAINER_ALTERED = define(
    "CT-2203",
    BadInput,
    "A sealed container was altered",
    "Fetch it again; if it stays wrong, ask its holder what became of it.",
)
WRONG_KEY = define(
    "CT-2204",
    BadInput,
    "The key is not the one of this container",
    "Ask the container's owner for the key that its record names.",
)
TOO_LARGE = define(
    "CT-2205",
    BadInput,
    "More bytes than may be sealed or are allowed here",
    "Split the data, or raise the limit of who is to hold it.",
)
SOURCE_CHANGED = define(
    "CT-2206",
    BadInput,
    "The data changed while it was sealed",
    "Let nobody write to the file, then seal it again.",
)
RECORD_INVALID = define(
    "CT-2207", BadInput, "Not a usable data-set record", "Get the record again from the data set's owner."
)
RECORD_OTHER = define(
    "CT-2208",
    BadInput,
    "The container is not the one of this record",
    "Put record and container of one sealing together.",
)
KEY_MISSING = define(
    "CT-2209",
    BadInput,
    "This home has no key for the container",
    "Use the home of the node that has sealed it; a key that was removed does not come back.",
)
KEY_UNUSABLE = define(
    "CT-2210",
    BadInput,
    "A kept data key cannot be used",
    "See that only its owner may read the file (`chmod 600`), or restore it from the copy of this home.",
)
WRAPPED_ALTERED = define(
    "CT-2211",
    BadInput,
    "A wrapped key cannot be unwrapped",
    "Ask for it again: it was altered, or made for another key or another purpose.",
)
PIECE_REFUSED = define(
    "CT-2212",
    PeerMisbehaved,
    "A piece of an upload is not of this container",
    "Compare record and file with the sender; seal the data again if they differ.",
)
UPLOAD_OPEN = define("CT-2213", Unavailable, "An upload is not complete", "Send the pieces that are missing.")
UPLOAD_DAMAGED = define(
    "CT-2214",
    Unavailable,
    "What was held of an upload changed on the disk",
    "Check the disk, then send the upload again from the start.",
)
UPLOAD_BUSY = define(
    "CT-2216",
    Unavailable,
    "Another process receives this container",
    "Wait until it is done; an upload that was cut off goes on by itself.",
)
DATASET_NAME = define(
    "CT-2215",
    BadInput,
    "Not a name of sealed content",
    "Use `party/dataset`: a-z, 0-9, '.', '_', '-', parts set apart by '/', at most 128 characters.",
)
