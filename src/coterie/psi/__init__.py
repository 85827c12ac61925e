"""Set intersection: which rows two to five parties have in common, and nothing else about them."""

from coterie.psi.checkpoint import Checkpoint
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
from coterie.psi.intersect import Intersection, choose, deal, intersect, planned
from coterie.psi.many import align_many
from coterie.psi.method import Method
from coterie.psi.prepared import (
    LOOKUP_ROUNDS_ASKER,
    LOOKUP_ROUNDS_OWNER,
    STATEMENT_LOOKUP,
    LookupCost,
    Question,
    TableKey,
    answer,
    ask,
    lookup_cost,
)
from coterie.psi.prepared_making import prepare
from coterie.psi.prepared_table import (
    PreparedTable,
    TableBinding,
    TableHead,
    peek_table,
    take_table,
)
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
    "LOOKUP_ROUNDS_ASKER",
    "LOOKUP_ROUNDS_OWNER",
    "MOST_PARTIES",
    "STATEMENT",
    "STATEMENT_HIDDEN",
    "STATEMENT_LOOKUP",
    "STATEMENT_MANY",
    "Alignment",
    "Checkpoint",
    "Cost",
    "CostHidden",
    "CostMany",
    "Given",
    "Intersection",
    "LookupCost",
    "Method",
    "PreparedTable",
    "ProtocolStatement",
    "Question",
    "TableBinding",
    "TableHead",
    "TableKey",
    "Taken",
    "align",
    "align_many",
    "answer",
    "ask",
    "asker",
    "choose",
    "circuit_receive",
    "circuit_send",
    "cost",
    "cost_hidden",
    "cost_many",
    "deal",
    "intersect",
    "lookup_cost",
    "peek_table",
    "planned",
    "prepare",
    "string_bits",
    "take_table",
]
