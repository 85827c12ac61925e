"""Error codes of contributions: 3310 to 3319."""

from coterie.errors import BadInput, define

__all__ = [
    "ANOTHER_MODEL",
    "FEW_PARTIES",
    "FEW_ROWS",
    "NOISY_MODEL",
    "NOT_ALL",
    "NOT_AT_OPTIMUM",
    "NOT_PARTS",
    "NOT_RETRAINED",
    "NO_MEASURE",
]

ANOTHER_MODEL = define(
    "CT-3310",
    BadInput,
    "Nobody's contribution to this model can be told",
    "Name a step of this job that trains by logistic, glm, boosting or neural.",
)
FEW_ROWS = define(
    "CT-3311",
    BadInput,
    "A party has too few rows of its own for its contribution to be told",
    "Set `method: in_run` and `tell: own`, or bring more rows of that party.",
)
FEW_PARTIES = define(
    "CT-3312",
    BadInput,
    "Leaving one party out takes at least four parties",
    "Set `method: in_run`: groups of fewer than three would know each other's sums.",
)
NOT_RETRAINED = define(
    "CT-3313",
    BadInput,
    "This kind of model is not trained again without a party",
    "Set `method: in_run`: sums with and without a party would tell of its single rows.",
)
NO_MEASURE = define(
    "CT-3314",
    BadInput,
    "The measure is not for these labels",
    "Set `measure: loss`, and give rows whose labels the model's family can have.",
)
NOISY_MODEL = define(
    "CT-3315",
    BadInput,
    "Contributions would undo a model's differential privacy",
    "Leave the step out: its sums have no noise.",
)
NOT_ALL = define(
    "CT-3317",
    BadInput,
    "Contributions are of all parties, and this job may go on without some",
    "Leave out the job's `minimum`, or the step.",
)
NOT_AT_OPTIMUM = define(
    "CT-3316",
    BadInput,
    "The rows are not those that the model was trained on, or its training has not ended",
    "Put the step before others that change columns or rows, and give the training more iterations.",
)
NOT_PARTS = define(
    "CT-3318",
    BadInput,
    "The network's training is no sum of the parties' parts",
    "Train it without `groups` and `personal`, or leave the step out.",
)
