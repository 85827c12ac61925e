"""Some of the rows, or rows of other weights."""

from .component import Sample
from .params import SampleParams

__all__ = ["Sample", "SampleParams"]
