"""Training and test rows."""

from .clear import is_test
from .component import Split
from .params import SplitParams

__all__ = ["Split", "SplitParams", "is_test"]
