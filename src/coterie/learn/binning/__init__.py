"""Bins of columns, weights of evidence, information values."""

from .component import Bin, owners_may_see
from .counting import Counted, Places, count_plan, count_run
from .facts import BinsFacts, WoeFacts, bins_facts, bins_here, chosen
from .params import BinParams, ColumnPath, WoeParams
from .record import NOWHERE, Bins, ColumnBins, ColumnIv, IvTable
from .record import Bin as ColumnBin
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
    "Woe",
    "WoeFacts",
    "WoeParams",
    "bins_facts",
    "bins_here",
    "chosen",
    "count_plan",
    "count_run",
    "owners_may_see",
]
