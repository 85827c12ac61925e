"""Training and test rows."""

from .clear import drawn_rows, is_test
from .component import Split
from .params import SplitParams

__all__ = ["Split", "SplitParams", "drawn_rows", "is_test"]
