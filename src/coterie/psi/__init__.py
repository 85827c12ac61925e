"""Set intersection: which rows two parties have in common, and nothing else about them."""

from coterie.psi.protocol import CHUNK, Alignment, align
from coterie.psi.statement import STATEMENT, Cost, ProtocolStatement, cost

__all__ = ["CHUNK", "STATEMENT", "Alignment", "Cost", "ProtocolStatement", "align", "cost"]
