"""Error codes of the crypto room: CT-11xx."""

from __future__ import annotations

from coterie.errors import BadInput, Bug, PeerMisbehaved, Unavailable, define

BAD_SIGNATURE = define(
    "CT-1101",
    PeerMisbehaved,
    "A signature does not fit",
    "Get the document again from its signer; if it stays wrong, ask the signer's operator.",
)
BAD_IDENTITY = define(
    "CT-1102",
    BadInput,
    "Not a usable identity",
    "Compare the party's name, key and certificate with its operator and import them again.",
)
IDENTITY_EXISTS = define(
    "CT-1103",
    BadInput,
    "This home has an identity already",
    "Choose another home, or keep the identity that is there.",
)
IDENTITY_MISSING = define(
    "CT-1104", BadInput, "This home has no identity", "Run `coterie node init` for this home first."
)
KEY_EXPOSED = define(
    "CT-1105",
    BadInput,
    "A private key file can be read by other users",
    "Take the rights of group and others away: `chmod 600`; if others had access, make a new identity.",
)
BAD_NAME = define(
    "CT-1106",
    BadInput,
    "Not a party name",
    "Use 1 to 31 characters a-z, 0-9 and '-', the first of them a letter.",
)
NO_PASSPHRASE = define(
    "CT-1107",
    BadInput,
    "The node's keys are encrypted, and no passphrase was given",
    "Name a file with it in node.yaml (`passphrase`), hand over a credential `passphrase`, set "
    "COTERIE_PASSPHRASE, or start it at a terminal.",
)
WRONG_PASSPHRASE = define(
    "CT-1108",
    BadInput,
    "The passphrase does not open a key file",
    "Give the one that it was protected with; if it is the right one, the file was altered: restore "
    "identity/ from a backup. After `coterie node protect` was cut off, run it again.",
)
BAD_PASSPHRASE = define(
    "CT-1109",
    BadInput,
    "Not a usable passphrase",
    "Choose one line of at least 12 characters, such as six random words.",
)
BAD_JSON = define(
    "CT-1110",
    BadInput,
    "Not acceptable JSON",
    "Mend the document: UTF-8, no repeated names, no NaN, within its limits.",
)
NOT_CANONICAL = define(
    "CT-1111",
    Bug,
    "A value has no canonical JSON form",
    "Report it: documents hold strings, booleans and safe numbers only.",
)
BAD_TIME = define(
    "CT-1112", BadInput, "Not a time", "Write it in UTC as RFC 3339 gives it, such as 2026-11-22T20:00:00Z."
)
DISK_FULL = define(
    "CT-1120", Unavailable, "The disk is full", "Free some space on the disk of this path and try again."
)
CANNOT_WRITE = define(
    "CT-1121", Unavailable, "A file cannot be written", "Check the path and the rights of the folder."
)
CANNOT_READ = define(
    "CT-1122", BadInput, "A file cannot be read", "Check that the path exists and may be read."
)
SEALED_ALTERED = define(
    "CT-1130",
    BadInput,
    "Sealed bytes cannot be opened",
    "Get the file again from who made it: it was altered, cut off, or made for another party.",
)
