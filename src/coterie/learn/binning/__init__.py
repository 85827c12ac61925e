"""Bins of columns, weights of evidence, information values."""

from .clear import final
from .component import Bin, owners_may_see
from .counting import Counted, Places, count_plan, count_run
from .exchange import Sizes, exchanged, sizes_to, with_documents
from .facts import BinsFacts, WoeFacts, bins_facts, bins_here, chosen
from .fl import need_equal_bins
from .params import BinParams, ColumnPath, WoeParams
from .record import NOWHERE, Bins, ColumnBins, ColumnIv, IvTable
from .record import Bin as ColumnBin
from .statement import subtracted
from .weigh import Woe

__all__ = [
    "NOWHERE",
    "Bin",
    "BinParams",
    "Bins",
    "BinsFacts",
    "ColumnBin",
    "ColumnBins",
    "ColumnIv",
    "ColumnPath",
    "Counted",
    "IvTable",
    "Places",
    "Sizes",
    "Woe",
    "WoeFacts",
    "WoeParams",
    "bins_facts",
    "bins_here",
    "chosen",
    "count_plan",
    "count_run",
    "exchanged",
    "final",
    "need_equal_bins",
    "owners_may_see",
    "sizes_to",
    "subtracted",
    "with_documents",
]
