"""Categories as columns of 0 and 1."""

from .component import Onehot
from .params import OnehotParams
from .record import OnehotColumn, OnehotProfile

__all__ = ["Onehot", "OnehotColumn", "OnehotParams", "OnehotProfile"]
