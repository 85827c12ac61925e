"""Error codes of neural networks: 3095 to 3099."""

from coterie.errors import BadInput, define

DIVERGED = define(
    "CT-3095",
    BadInput,
    "Training has left the range of numbers",
    "Lower `learning_rate`, or raise `batch_rows`.",
)
