"""What each party of a horizontal frame did for a model."""

from .component import Contribution
from .params import ContributionParams
from .record import Contributions, PartyContribution

__all__ = ["Contribution", "ContributionParams", "Contributions", "PartyContribution"]
