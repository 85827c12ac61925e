"""Training and test rows."""

from .component import Split
from .params import SplitParams

__all__ = ["Split", "SplitParams"]
