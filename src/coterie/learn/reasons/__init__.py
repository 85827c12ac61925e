"""Why a row has no more points: the largest deductions, told to whom the agreement allows."""

from coterie.learn.reasons.component import Reasons
from coterie.learn.reasons.params import ReasonsParams
from coterie.learn.reasons.record import Reasons as ReasonsSummary

__all__ = ["Reasons", "ReasonsParams", "ReasonsSummary"]
