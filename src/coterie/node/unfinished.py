"""What runs keep of long steps, so that the same job, submitted again, goes on there.

Files lie in ``home/unfinished/<agreement>/``; the worker writes and reads them, see
:class:`coterie.jobs.Unfinished`. They go with the job that uses them, with their agreement, and with time.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import time
from pathlib import Path

from coterie.agreement import standing
from coterie.crypto import now
from coterie.errors import CoterieError
from coterie.jobs import Proposal, agreement_folder, unfinished_steps

from .agreements import Agreements
from .core import Core
from .home import Home

__all__ = ["UnfinishedSteps", "kept_step"]

log = logging.getLogger("coterie.node")

KEPT_SECONDS = 14 * 24 * 3600.0
"""From when a run last kept anything."""

SWEEP_SECONDS = 3600.0


def kept_step(home: Home, proposal: Proposal) -> str | None:
    """The step at which the same job, submitted again, goes on; None where it begins anew."""
    folder = home.unfinished / agreement_folder(proposal.agreement)
    if not folder.is_dir():
        return None
    return next(
        (step for step, name in unfinished_steps(proposal) if _age(folder / name) < KEPT_SECONDS), None
    )


def _age(path: Path) -> float:
    """Seconds; of what is not there without end."""
    try:
        return time.time() - path.stat().st_mtime
    except OSError:
        return float("inf")


class UnfinishedSteps:
    """Lets go of what nobody can go on with."""

    def __init__(self, core: Core, agreements: Agreements) -> None:
        self._home, self._agreements = core.home, agreements

    async def agreement_ended(self, agreement: str) -> None:
        """Nothing can be run under it any more."""
        await asyncio.to_thread(shutil.rmtree, self._home.unfinished / agreement_folder(agreement), True)

    async def sweep(self) -> None:
        """Look now and from time to time."""
        while True:
            for folder in await asyncio.to_thread(lambda: list(self._home.unfinished.glob("*"))):
                agreement = f"sha256:{folder.name}"
                if not self._stands(agreement):
                    await self.agreement_ended(agreement)
                await asyncio.to_thread(_drop_old, folder)
            await asyncio.sleep(SWEEP_SECONDS)

    def _stands(self, agreement: str) -> bool:
        try:
            terms = self._agreements.get(agreement).terms
            standing(terms, now=now(), revocations=self._agreements.revocations(agreement)).require()
        except CoterieError:
            return False
        return True


def _drop_old(folder: Path) -> None:
    for path in folder.glob("*"):
        if _age(path) > KEPT_SECONDS:
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                log.warning("what was kept of a step cannot be removed: %s", error.strerror)
