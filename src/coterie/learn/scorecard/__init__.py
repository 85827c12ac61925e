"""Points: a logistic model on weights of evidence as a table that is added up."""

from coterie.learn.scorecard.clear import Scale, Units
from coterie.learn.scorecard.component import Scorecard
from coterie.learn.scorecard.facts import Card, ScorecardFacts
from coterie.learn.scorecard.own import card_here, own_units
from coterie.learn.scorecard.params import ScorecardParams
from coterie.learn.scorecard.record import CardBin, CardColumn, CardPart
from coterie.learn.scorecard.scores import shape_of

__all__ = [
    "Card",
    "CardBin",
    "CardColumn",
    "CardPart",
    "Scale",
    "Scorecard",
    "ScorecardFacts",
    "ScorecardParams",
    "Units",
    "card_here",
    "own_units",
    "shape_of",
]
