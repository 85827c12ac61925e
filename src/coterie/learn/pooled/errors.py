"""Error codes of what is learnt from sums over the parties of a horizontal frame: 3235 to 3239."""

from coterie.errors import BadInput, PeerIncompatible, define

TOO_FEW_BESIDE = define(
    "CT-3235",
    BadInput,
    "Beside one party's own rows there are too few for sums over all of them",
    "Bring more rows or more parties, or use engine tee: who knows the sums knows those of the others.",
)
FL_UNFIT = define(
    "CT-3236",
    BadInput,
    "A parameter is not for engine fl",
    "Leave it out, or choose another engine; the component's page says what engine fl does.",
)
NOT_EQUAL = define(
    "CT-3237",
    PeerIncompatible,
    "Parties have made different things of the same sums",
    "Let all parties run the same version, and choose other parameters: two choices were equally good.",
)
