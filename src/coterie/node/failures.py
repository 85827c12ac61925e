"""Errors on their way: to peers, into the store, to the API, into the log."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from coterie.errors import BadInput, CoterieError, Unavailable, from_record
from coterie.jobs import CANCELLED

from .messages import Failure, JobEnd
from .views import ErrorView

__all__ = [
    "error_view",
    "failure_for_peers",
    "failure_of",
    "is_away",
    "log_unexpected",
    "own_word_first",
    "places",
    "told_error",
]

log = logging.getLogger("coterie.node")

LOOKS, LOOK_SECONDS = 150, 0.02
"""How often, and how far apart, a node looks for its own worker's word on a fault of its own data, once a
peer has told of it.
"""


def log_unexpected(where: str, error: BaseException) -> None:
    """Log a failure that nobody foresaw by its type and place. Its message may quote data and is left out."""
    log.error("%s: %s at %s", where, type(error).__name__, places(error))


def is_away(error: CoterieError) -> bool:
    """Whether a question to a peer may be answered if it is asked again later: nobody was there, or the
    connection's bytes were damaged on their way, which TLS has refused (CT-1222).
    """
    return isinstance(error, Unavailable) or error.code == "CT-1222"


def places(error: BaseException) -> str:
    """Where it was raised, and on whose behalf: files, lines, functions."""
    frames = []
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        frames.append(f"{code.co_filename}:{trace.tb_lineno} {code.co_name}")
        trace = trace.tb_next
    return " < ".join(reversed(frames))


def failure_of(error: CoterieError) -> Failure:
    """The error as it goes into the store, and between a node and its workers."""
    limits = {"code": 7, "detail": 500, "next_step": 500, "party": 64, "step": 64}
    record = error.to_record()
    return Failure.model_validate(
        {name: (record[name] or "")[:limit] or None for name, limit in limits.items()}
    )


def failure_for_peers(error: CoterieError) -> Failure:
    """The error as it goes to peers, and into the ledger, which others may read."""
    return failure_of(error.for_peers())


def told_error(message: JobEnd) -> CoterieError:
    """Why a peer has ended a job."""
    return from_record(message.error.model_dump() if message.error else {"code": CANCELLED.code})


async def own_word_first(error: CoterieError, me: str, over: Callable[[], bool]) -> None:
    """Where a peer tells of a fault in this party's own input: let this party's worker end the job, if it is
    about to. Peers are not told what the owner's people need to mend it.
    """
    if not isinstance(error, BadInput) or error.party != me:
        return
    for _ in range(LOOKS):
        if over():
            return
        await asyncio.sleep(LOOK_SECONDS)


def error_view(error: CoterieError) -> ErrorView:
    """The error as the REST API says it."""
    return ErrorView(
        code=error.code,
        family=error.family,
        title=error.title,
        detail=error.detail,
        next_step=error.next_step,
        party=error.party,
        step=error.step,
    )
