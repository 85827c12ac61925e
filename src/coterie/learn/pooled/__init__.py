"""What components of engine fl share beside the sums themselves."""

from coterie.learn.pooled.beside import enough_beside
from coterie.learn.pooled.errors import FL_UNFIT, TOO_FEW_BESIDE
from coterie.learn.pooled.wide import DIGITS, WHOLE, Adding, wide_total

__all__ = ["DIGITS", "FL_UNFIT", "TOO_FEW_BESIDE", "WHOLE", "Adding", "enough_beside", "wide_total"]
