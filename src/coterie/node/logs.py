"""The logs of a node and of its workers: one line for each event, as text or as JSON, and nothing of rows.

An error's detail may name values of this party's rows; it is for the API, whose callers have a token. In
logs, which are shipped to other machines and read by others, an error is told as peers are told it, and an
exception that nobody foresaw by its type and place.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

from coterie.errors import CoterieError

from .failures import log_unexpected, places
from .observing import LogSettings

__all__ = ["set_up"]

TEXT = "%(asctime)s %(name)s %(levelname)s %(message)s"

Raised = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class OneLine(logging.Formatter):
    """What a peer or a stranger has said cannot look like another line of the log, nor move a terminal."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - its name in the library
        line = super().formatMessage(record)
        return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)

    def formatException(self, ei: Raised) -> str:  # noqa: N802 - its name in the library
        """Type and place. The message may quote data and is left out."""
        return "" if ei[1] is None else f"  {type(ei[1]).__name__} at {places(ei[1])}"


class JsonLines(OneLine):
    """One JSON object a line. What is not known is left out."""

    def __init__(self, party: str, job: str | None, step: Callable[[], str | None]) -> None:
        super().__init__()
        self._party, self._job, self._step = party, job, step

    def format(self, record: logging.LogRecord) -> str:
        error = next((one for one in _arguments(record) if isinstance(one, CoterieError)), None)
        seconds = int(record.created)
        told = {
            "time": f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "event": str(record.msg),
            "party": self._party,
            "job": getattr(record, "job", None) or self._job,
            "step": (error.step if error is not None else None) or self._step(),
            "code": None if error is None else error.code,
            "message": record.getMessage(),
            "logger": record.name,
            "raised": self.formatException(record.exc_info).strip() if record.exc_info else None,
        }
        return json.dumps({name: value for name, value in told.items() if value})


class ForOthers(logging.Filter):
    """Puts errors into a record as others may read them."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            record.args = tuple(
                one.for_peers() if isinstance(one, CoterieError) else one for one in record.args
            )
        return True


def _arguments(record: logging.LogRecord) -> tuple[Any, ...]:
    return record.args if isinstance(record.args, tuple) else ()


def set_up(
    settings: LogSettings,
    handlers: Sequence[logging.Handler],
    party: str,
    job: str | None = None,
    step: Callable[[], str | None] = lambda: None,
) -> None:
    """Log to these handlers, and to no other.

    :param job: the one that all of this process is for.
    :param step: gives the present one of that job.
    """
    form = JsonLines(party, job, step) if settings.format == "json" else OneLine(TEXT)
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    for handler in handlers:
        handler.setFormatter(form)
        handler.addFilter(ForOthers())
        root.addHandler(handler)
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    root.setLevel(max(level, logging.INFO))  # libraries at their finest tell of what passes through them
    logging.getLogger("coterie").setLevel(level)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)  # the node says itself that it listens
    threading.excepthook = _of_thread


def _of_thread(ended: threading.ExceptHookArgs) -> None:
    if ended.exc_value is not None and not isinstance(ended.exc_value, SystemExit):
        log_unexpected(ended.thread.name if ended.thread else "a thread", ended.exc_value)
