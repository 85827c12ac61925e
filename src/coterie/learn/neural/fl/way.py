"""The way of the weights through a training, and a party's own part of it, kept at home.

Every round's step of the common weights is a sum of the parties' parts. Of FedAvg, FedProx and SCAFFOLD a
party's part is its own weighted change, times the server's rate. Of FedAdam it is the party's own moment of
such changes, over the root that is common: moments are linear, and add up too. Rounds that follow each other
make one straight stretch, so that there are a few of them however many rounds.
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from .server import Server
from .setting import Setting
from .trainer import Floats, Singles

if TYPE_CHECKING:
    from coterie.learn.component import PlanContext

    from .settings import FederatedParams

__all__ = ["STRETCHES", "Followed", "Travelled", "asked", "features_digest", "travelled_bytes"]

STRETCHES = 8
"""At most, of a whole training."""


@dataclass(frozen=True)
class Travelled:
    """From the first weights to those of the model."""

    weights: tuple[Singles, ...]
    """(n,) each, at the ends of the stretches, the first weights first: equal at all parties."""
    own: tuple[Singles, ...]
    """(n,) each, the own part of each stretch: those of all parties add up to it. Nobody else's business."""
    features: bytes = b""
    """Digest of the own training rows' features."""


def asked(context: PlanContext, params: FederatedParams) -> bool:
    """Whether a later step of the job asks for the parts of this training, and they add up to it."""
    if params.groups is not None or params.personal or getattr(params, "privacy", None) is not None:
        return False
    return any(
        component == "contribution"
        and getattr(given, "method", None) == "in_run"
        and getattr(given, "model", None) in (None, context.step)
        for component, given in context.later
    )


def features_digest(features: Floats) -> bytes:
    """To know training rows again."""
    return sha256(np.ascontiguousarray(features).data).digest()


def travelled_bytes(setting: Setting) -> int:
    """In memory, and again where a job keeps what its steps leave."""
    return (4 * 2 * (STRETCHES + 2) + 8 * 2) * setting.size


class Followed:
    """Follows a training while it goes."""

    def __init__(self, setting: Setting, first: Server) -> None:
        self._params = setting.params
        self._every = -(-setting.params.rounds // STRETCHES)
        self._own = np.zeros(setting.size)
        self._moment = np.zeros(setting.size if first.moments is not None else 0)
        self._marks = [self._mark(first)]
        self._best: tuple[int, tuple[Singles, Singles]] | None = None

    def after(self, number: int, server: Server, share: Floats | None, *, best: bool) -> None:
        """:param number: of rounds that are done. :param server: after them.
        :param share: (n,) what of the round's mean change is the own; None where this party had no change.
        :param best: whether this is where the model is taken from, as far as is known.
        """
        params = self._params
        own = np.zeros_like(self._own) if share is None else share
        if server.moments is not None:
            fast = params.server_betas[0]
            self._moment = fast * self._moment + (1 - fast) * own
            own = self._moment / (np.sqrt(server.moments[1]) + params.server_tau)
        self._own = self._own + params.step * own
        if best:
            self._best = number, self._mark(server)
        if number % self._every == 0:
            self._marks.append(self._mark(server))

    def until(self, number: int, server: Server) -> Travelled:
        """:param number: of rounds until the model's weights. :param server: as it was then."""
        last = self._mark(server)
        if self._best is not None and self._best[0] == number:
            last = self._best[1]
        marks = [*self._marks[: -(-number // self._every)], last]
        own = [later[1] - earlier[1] for earlier, later in pairwise(marks)]
        return Travelled(tuple(weights for weights, _ in marks), tuple(own))

    def _mark(self, server: Server) -> tuple[Singles, Singles]:
        return server.weights.astype(np.float32), self._own.astype(np.float32)
