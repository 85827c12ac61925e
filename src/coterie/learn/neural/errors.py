"""Error codes of neural networks: 3095 to 3099, of engine fl 3240 to 3246."""

from coterie.errors import BadInput, PeerMisbehaved, Unavailable, define

DIVERGED = define(
    "CT-3095",
    BadInput,
    "Training has left the range of numbers",
    "Lower `learning_rate`, or raise `batch_rows`.",
)
CHANGE_TOO_LARGE = define(
    "CT-3240",
    BadInput,
    "A party's change of the weights is larger than sums hold",
    "Set `clip_norm`, which shortens it, or lower `learning_rate`; nothing of it was sent.",
    own_detail=True,  # a number that a user's module may have chosen
)
TRAINER_UNFIT = define(
    "CT-3241",
    BadInput,
    "A training did not give arrays as the network has them",
    "Let it give every array as float32, in the order and of the shapes that it began with.",
)
TOO_FEW_PARTIES = define(
    "CT-3242",
    BadInput,
    "There are too few parties for so many of a round, or for groups of three",
    "Lower `sampled` or `groups`, or bring more parties.",
)
CHANGE_TOO_LONG = define(
    "CT-3243",
    PeerMisbehaved,
    "The parties' mean change is longer than `clip_norm` allows any of them",
    "Somebody has not shortened its own: use `groups` with `aggregate: median` to see which rounds, and ask.",
)
WEIGHTS_UNTRUE = define(
    "CT-3246",
    PeerMisbehaved,
    "The parties' changes have other weights than their numbers of rows",
    "Somebody has said another weight than its own: use `groups` to see in which rounds, and ask.",
)
TORCH_MISSING = define(
    "CT-3245",
    Unavailable,
    "PyTorch is not installed",
    "Install Coterie with it at every party with data: `pip install 'coterie[neural]'`.",
)
