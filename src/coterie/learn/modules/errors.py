"""Error codes of users' modules: 3260 to 3264, and 3268.

What comes from inside a sandbox may hold anything of the rows that went in: such details are for the own
people alone.
"""

from coterie.errors import BadInput, PeerIncompatible, Unavailable, define

MODULE_FAILED = define(
    "CT-3260",
    BadInput,
    "A module does not do what modules do",
    "Run `coterie module try FILE`: it shows what the module does, and on which line it fails.",
    own_detail=True,
)
MODULE_ENDED = define(
    "CT-3261",
    BadInput,
    "A module has ended its process",
    "See what it does: a module builds a network, and starts, ends and prints nothing.",
    own_detail=True,
)
MODULE_LIMIT = define(
    "CT-3262",
    Unavailable,
    "A module has used up what it may use",
    "Raise `most_seconds` or `most_memory` of the step, within the agreement's bounds, or build less.",
)
MODULE_ANSWER = define(
    "CT-3263",
    BadInput,
    "What came out of a module's sandbox is not what was asked for",
    "See what the module does: it has written to where only weights leave.",
    own_detail=True,  # it has chosen the lengths that are told
)
MODULES_DIFFER = define(
    "CT-3264",
    PeerIncompatible,
    "The parties' copies of a module do not begin with the same weights",
    "Compare the versions of PyTorch, and see that `build` depends on nothing but its arguments.",
)
OTHER_WEIGHTS = define(
    "CT-3268",
    BadInput,
    "A module's network has other weights than the job says",
    "Run `coterie module try FILE` with the step's columns and `settings`, and give the step the `weights` "
    "that it prints.",
    own_detail=True,
)
