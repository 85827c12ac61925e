"""Error codes of the command line: 60xx (the SDK has 605x)."""

from coterie.errors import BadInput, define

FILE_MISSING = define("CT-6001", BadInput, "The file cannot be read", "Check the path and its permissions.")
FILE_EXISTS = define(
    "CT-6002", BadInput, "The file is there already", "Choose another path, or remove it first."
)
NO_SUCH_REPORT = define(
    "CT-6004",
    BadInput,
    "This party has no report of the job",
    "See what it received with `coterie job results`; a job needs a step `report`, and the party the grant.",
)
FILE_TOO_LARGE = define(
    "CT-6003", BadInput, "The file is too large for what it should be", "Check that it is the right file."
)
NO_IDS = define("CT-6005", BadInput, "There are no ids to look up", "Give one id in each line.")
SESSION_UNREADABLE = define(
    "CT-6006",
    BadInput,
    "What `coterie login` has kept cannot be used",
    "Sign in again by `coterie login NAME`, or remove it by `coterie logout`.",
)
NOT_SIGNED_IN = define("CT-6007", BadInput, "Nobody has signed in here", "Sign in by `coterie login NAME`.")
BROWSER_FAILED = define(
    "CT-6010",
    BadInput,
    "The browser did not come back with a sign-in",
    "Sign in again, with a browser on this machine; the provider must allow http://127.0.0.1 with any port.",
)
NAME_OR_PROVIDER = define(
    "CT-6011", BadInput, "It is not said who signs in", "Give the user's name, or --oidc, and not both."
)
NO_NODE_NAMED = define(
    "CT-6008",
    BadInput,
    "It is not said which node to sign in at",
    "Give --url and --fingerprint, as `coterie node show` prints them on the node's machine, or its --home.",
)
