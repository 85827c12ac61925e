"""Error codes of scorecards: 3155 to 3160."""

from coterie.errors import BadInput, NotAgreed, define

__all__ = ["CARD_ELSEWHERE", "NOT_LOGISTIC", "NOT_WOE", "WOE_MISSING"]

CARD_ELSEWHERE = define(
    "CT-3155",
    NotAgreed,
    "A party may not receive its part of the scorecard",
    "Agree on results of kind `scorecard` to every owner of features in the card and to the label holder: "
    "points stand at each party for its own columns.",
)
NOT_LOGISTIC = define(
    "CT-3156",
    BadInput,
    "A scorecard needs a logistic model without offset",
    "Name a step `logistic`, or `glm` of the family `logistic`, as the scorecard's `model`.",
)
WOE_MISSING = define(
    "CT-3157",
    BadInput,
    "A scorecard needs weights of evidence",
    "Put `bin` and `woe` before the step that trains the model.",
)
NOT_WOE = define(
    "CT-3158",
    BadInput,
    "A feature of the card has values that are no weights of evidence of its bins",
    "Train and score on what `woe` made, with no step between that changes it.",
)
