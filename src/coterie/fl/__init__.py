"""Secure sums: the total over many contributors, and nothing of any of them alone."""

from coterie.fl.circle import Circle, OwnKeys, introduce, least_of
from coterie.fl.client import Client
from coterie.fl.coordinator import Coordinator
from coterie.fl.costs import Cost, cost, cost_begin, cost_end
from coterie.fl.fixed import EXACT, Fixed
from coterie.fl.lasting import CONFIRMED, LastingSums
from coterie.fl.lasting_coordinator import LastingCoordinator
from coterie.fl.lasting_costs import lasting_begin, lasting_cost, lasting_tell
from coterie.fl.meshsums import MeshSums, coordinate
from coterie.fl.noise import Noise, Unit, chosen
from coterie.fl.privacy import Spend, epsilon_of, multiplier_for
from coterie.fl.rules import Rules
from coterie.fl.session import Roster, Session
from coterie.fl.statement import ProtocolStatement, statement
from coterie.fl.sums import LocalSums, Sums

__all__ = [
    "CONFIRMED",
    "EXACT",
    "Circle",
    "Client",
    "Coordinator",
    "Cost",
    "Fixed",
    "LastingCoordinator",
    "LastingSums",
    "LocalSums",
    "MeshSums",
    "Noise",
    "OwnKeys",
    "ProtocolStatement",
    "Roster",
    "Rules",
    "Session",
    "Spend",
    "Sums",
    "Unit",
    "chosen",
    "coordinate",
    "cost",
    "cost_begin",
    "cost_end",
    "epsilon_of",
    "introduce",
    "lasting_begin",
    "lasting_cost",
    "lasting_tell",
    "least_of",
    "multiplier_for",
    "statement",
]
