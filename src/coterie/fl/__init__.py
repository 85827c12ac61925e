"""Secure sums: the total over many contributors, and nothing of any of them alone."""

from coterie.fl.client import Client
from coterie.fl.coordinator import Coordinator
from coterie.fl.costs import Cost, cost, cost_begin, cost_end
from coterie.fl.fixed import EXACT, Fixed
from coterie.fl.meshsums import MeshSums, coordinate
from coterie.fl.rules import Rules
from coterie.fl.session import Roster, Session
from coterie.fl.statement import ProtocolStatement, statement
from coterie.fl.sums import LocalSums, Sums

__all__ = [
    "EXACT",
    "Client",
    "Coordinator",
    "Cost",
    "Fixed",
    "LocalSums",
    "MeshSums",
    "ProtocolStatement",
    "Roster",
    "Rules",
    "Session",
    "Sums",
    "coordinate",
    "cost",
    "cost_begin",
    "cost_end",
    "statement",
]
