"""New columns, computed of one party's own."""

from .component import Derive
from .params import DeriveParams, ExpressionText

__all__ = ["Derive", "DeriveParams", "ExpressionText"]
