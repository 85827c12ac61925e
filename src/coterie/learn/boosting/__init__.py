"""Boosted trees on joined columns, by XGBoost."""

from coterie.learn.boosting.component import Boosting
from coterie.learn.boosting.model import BoostedTrees, load_model
from coterie.learn.boosting.params import BoostingParams
from coterie.learn.boosting.parts import Leaves

__all__ = ["BoostedTrees", "Boosting", "BoostingParams", "Leaves", "load_model"]
