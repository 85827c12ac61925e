"""Secure sums: the total over many contributors, and nothing of any of them alone."""

from coterie.fl.fixed import EXACT, Fixed
from coterie.fl.sums import LocalSums, Sums

__all__ = ["EXACT", "Fixed", "LocalSums", "Sums"]
