"""Secure sums: the total over many contributors, and nothing of any of them alone."""

from coterie.fl.client import Client
from coterie.fl.coordinator import Coordinator
from coterie.fl.fixed import EXACT, Fixed
from coterie.fl.rules import Rules
from coterie.fl.session import Roster, Session
from coterie.fl.sums import LocalSums, Sums

__all__ = [
    "EXACT",
    "Client",
    "Coordinator",
    "Fixed",
    "LocalSums",
    "Roster",
    "Rules",
    "Session",
    "Sums",
]
