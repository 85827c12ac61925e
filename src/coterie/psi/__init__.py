"""Set intersection: which rows two to five parties have in common, and nothing else about them."""

from coterie.psi.many import align_many
from coterie.psi.protocol import align
from coterie.psi.rows import CHUNK, Alignment
from coterie.psi.statement import (
    MOST_PARTIES,
    STATEMENT,
    STATEMENT_MANY,
    Cost,
    CostMany,
    ProtocolStatement,
    asker,
    cost,
    cost_many,
)

__all__ = [
    "CHUNK",
    "MOST_PARTIES",
    "STATEMENT",
    "STATEMENT_MANY",
    "Alignment",
    "Cost",
    "CostMany",
    "ProtocolStatement",
    "align",
    "align_many",
    "asker",
    "cost",
    "cost_many",
]
