"""Error codes of ``overlap``."""

from coterie.errors import NotAgreed, define

__all__ = ["COUNTED_TWICE"]

COUNTED_TWICE = define(
    "CT-3211",
    NotAgreed,
    "A job counts common rows twice",
    "Use one `overlap` step in a job: noise that is drawn again and again averages out.",
)
