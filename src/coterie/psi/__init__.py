"""Set intersection: which rows two to five parties have in common, and nothing else about them."""

from coterie.psi.hidden import (
    STATEMENT_HIDDEN,
    CostHidden,
    Given,
    Taken,
    circuit_receive,
    circuit_send,
    cost_hidden,
    string_bits,
)
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
    "STATEMENT_HIDDEN",
    "STATEMENT_MANY",
    "Alignment",
    "Cost",
    "CostHidden",
    "CostMany",
    "Given",
    "ProtocolStatement",
    "Taken",
    "align",
    "align_many",
    "asker",
    "circuit_receive",
    "circuit_send",
    "cost",
    "cost_hidden",
    "cost_many",
    "string_bits",
]
