"""Boosted trees on joined columns, by XGBoost."""

from coterie.learn.boosting.component import Boosting
from coterie.learn.boosting.model import BoostedTrees, load_model
from coterie.learn.boosting.params import BoostingParams

__all__ = ["BoostedTrees", "Boosting", "BoostingParams", "load_model"]
