"""What judging a score shares: counts by score, measures of order, what others may be told of them."""

from coterie.learn.measures.errors import TOO_FEW_TO_TELL
from coterie.learn.measures.rank import (
    Z95,
    Gain,
    auc,
    auc_interval,
    counted_interval,
    gain,
    ks,
    placements,
    two_sided,
    wilson,
)
from coterie.learn.measures.sizes import most_bytes, most_numbers
from coterie.learn.measures.tally import Floats, Labels, Tally, band_of, coarse, range_of, tally
from coterie.learn.measures.telling import elsewhere, insiders, sent_from, share, tellable

__all__ = [
    "TOO_FEW_TO_TELL",
    "Z95",
    "Floats",
    "Gain",
    "Labels",
    "Tally",
    "auc",
    "auc_interval",
    "band_of",
    "coarse",
    "counted_interval",
    "elsewhere",
    "gain",
    "insiders",
    "ks",
    "most_bytes",
    "most_numbers",
    "placements",
    "range_of",
    "sent_from",
    "share",
    "tally",
    "tellable",
    "two_sided",
    "wilson",
]
