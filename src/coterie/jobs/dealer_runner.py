"""The dealer inside of the sandbox: ``python … start coterie.jobs.dealer_runner``."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from coterie.crypto import Signer
from coterie.mpc import Named, TapeFiles
from coterie.tee import DEALING_REFUSED, DealingTask, DealtFile, read_document, serve_dealing

from .attested_dealing import DealingFacts
from .dealing import binding_of, deal_into, derive_stage, parts_by_party

__all__ = ["main"]

LIMIT: Final = 16 * 1024 * 1024
"""Bytes of request and terms."""
TELL_SECONDS: Final = 0.2
"""Between two words on how far a step is."""


class _Signer:
    """The process, in the dealer's place."""

    def __init__(self, name: str, key: str, sign: Callable[[str, bytes], bytes]) -> None:
        self.public = Named(name=name, key=key)
        self.sign = sign


def deal(task: DealingTask) -> tuple[DealtFile, ...]:
    """Derive the stage and deal it, sealed to the keys that the terms name.

    :raises CoterieError: CT-2310, those of planning and of dealing.
    """
    facts = read_document(DealingFacts, task.public, LIMIT, DEALING_REFUSED)
    request, terms = facts.request, facts.terms
    if facts.subject != task.subject:
        raise DEALING_REFUSED("request and terms are not those of the subject")
    if terms.dealer is None or terms.dealer_tee is None:
        raise DEALING_REFUSED("the terms ask for no attested dealer")
    derived = derive_stage(request, terms)
    names = derived.approved.parties
    parts = parts_by_party(derived, {name: Named(name=name, key=terms.parties[name]) for name in names})
    signer: Signer = _Signer(terms.dealer, task.key.key, task.key.sign)
    binding = binding_of(derived.approved.job, derived.stage)
    with TapeFiles(task.target, signer, binding, parts) as files:
        deal_into(files, derived, terms.dealer, _seldom(task.progress))
        files.finish()
        bodies = files.bodies
    return tuple(
        DealtFile(party=name, key=terms.parties[name], body=f"sha256:{bodies[name].hex()}") for name in names
    )


def _seldom(tell: Callable[[str, int, int], None]) -> Callable[[str, int, int, str], None]:
    """Some words of many."""
    last = ("", 0.0)

    def progress(step: str, done: int, total: int, what: str) -> None:
        del what
        nonlocal last
        now = time.monotonic()
        if step != last[0] or done == total or now - last[1] >= TELL_SECONDS:
            last = (step, now)
            tell(step, done, total)

    return progress


def main() -> None:
    """One dealing for the host at the other end of the standard input."""
    serve_dealing(deal)
