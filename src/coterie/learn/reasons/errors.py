"""Error codes of reasons: 3160 and 3161."""

from coterie.errors import BadInput, NotAgreed, define

__all__ = ["CARD_MISSING", "NO_RECEIVER"]

CARD_MISSING = define(
    "CT-3160",
    BadInput,
    "A step needs a scorecard that no step before it makes",
    "Put `scorecard` before this step, or name the step that made the card.",
)
NO_RECEIVER = define(
    "CT-3161",
    NotAgreed,
    "Nobody may receive reasons",
    "Agree on results of kind `reasons` to a party with data, or leave the step out.",
)
