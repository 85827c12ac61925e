"""Error codes of learners on joined columns: 3080 to 3089, and 3275."""

from coterie.errors import BadInput, NotAgreed, Unavailable, define

LEARNER_MISSING = define(
    "CT-3080",
    Unavailable,
    "The library of a learner is not installed",
    "Install Coterie with its learners where the job is trained: `pip install 'coterie[learners]'`.",
)
NO_RECEIVER = define(
    "CT-3081",
    NotAgreed,
    "Nobody may receive what the step is asked to explain",
    "Agree on receivers of this kind of result, or leave the parameter out.",
)
NO_SUCH_FEATURE = define(
    "CT-3082",
    BadInput,
    "A parameter names a column that is no feature of the job",
    "Name it as `party.column`, among that party's columns of the job.",
)
LABEL_UNFIT = define(
    "CT-3083",
    BadInput,
    "The label does not fit the objective",
    "Choose an objective whose labels these can be: see the component's page.",
)
SEVERAL_OWNERS = define(
    "CT-3275",
    BadInput,
    "Columns of several owners would become a column of one",
    "Name columns of one owner, or have the step make no new column.",
)
