"""What sums take in a run that goes on when contributors drop out: bounds, for it is not known who will."""

from __future__ import annotations

from collections.abc import Sequence

from coterie.fl.circle import ENVELOPE, READY_BYTES, STAGES
from coterie.fl.costs import ROUNDS, RUN_KEY, RUN_SECRET, Cost, Sizes, cost, header_size
from coterie.fl.fixed import Fixed
from coterie.fl.session import SIGNATURE, bitmap_bytes


def lasting_cost(
    contributors: Sequence[str], coordinator: str, values: int, form: Fixed, parts: int | None = None
) -> Cost:
    """Of one total of so many values, at most: somebody may drop out after the fourth message that it gets,
    and then hears of the total besides.

    :param parts: of how many it is, where it is not of all.
    """
    if values == 0:
        return Cost({}, 0)
    count, run = len(contributors), header_size(len(contributors))
    sizes = Sizes.of(count if parts is None else parts, values, form, count)
    up = sum(sizes.up) + STAGES * ENVELOPE.size
    down = sum(sizes.down[:-1]) + run + max(sizes.heard, sizes.down[-1]) + STAGES * ENVELOPE.size
    memory = cost(contributors, coordinator, values, form).memory
    return Cost(_star(contributors, coordinator, up, down), ROUNDS, memory)


def lasting_tell(contributors: Sequence[str], coordinator: str, record: int) -> Cost:
    """Of what all tell once: records of so many bytes."""
    count = len(contributors)
    up = ENVELOPE.size + header_size(count) + SIGNATURE + record
    return Cost(_star(contributors, coordinator, up, told_size(count, record)), 2)


def lasting_begin(contributors: Sequence[str], coordinator: str) -> Cost:
    """Of the beginning of the run, exactly: contributors tell each other a key and a secret, then all compare
    what they have got, by way of the coordinator.
    """
    both = RUN_KEY + RUN_SECRET
    sent = {name: {other: both for other in contributors if other != name} for name in contributors}
    for name, targets in sent.items():
        if name != coordinator:
            known = both if coordinator in contributors else RUN_KEY
            targets[coordinator] = known + READY_BYTES
    answers = sent.setdefault(coordinator, {})
    for name in contributors:
        if name != coordinator:
            answers[name] = answers.get(name, 0) + READY_BYTES
    return Cost(sent, 3)


def told_size(contributors: int, record: int) -> int:
    """Bytes of what ends a number in which all tell records of such a size, at most."""
    entries = bitmap_bytes(contributors) + contributors * (SIGNATURE + record)
    return ENVELOPE.size + header_size(contributors) + entries


def _star(contributors: Sequence[str], coordinator: str, up: int, down: int) -> dict[str, dict[str, int]]:
    others = [name for name in contributors if name != coordinator]
    return {**{name: {coordinator: up} for name in others}, coordinator: dict.fromkeys(others, down)}
