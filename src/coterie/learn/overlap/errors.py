"""Error codes of ``overlap``."""

from coterie.errors import BadInput, NotAgreed, define

__all__ = ["COUNTED_TWICE", "TWO_PARTIES"]

TWO_PARTIES = define(
    "CT-3210",
    BadInput,
    "Only two parties can compare their rows like this",
    "Use two datasets, or engine tee for more.",
)
COUNTED_TWICE = define(
    "CT-3211",
    NotAgreed,
    "A job counts common rows twice",
    "Use one `overlap` step in a job: noise that is drawn again and again averages out.",
)
