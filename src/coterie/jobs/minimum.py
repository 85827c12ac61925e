"""Jobs in which parties may drop out: how many must stay, and what the messages between stages take."""

from __future__ import annotations

from collections.abc import Mapping

from coterie.agreement import DROPOUTS_NOT_AGREED, Terms
from coterie.fl import lasting_begin, lasting_tell
from coterie.learn import StepPlan

from .errors import MINIMUM_UNFIT
from .spec import JobSpec

__all__ = ["agreement_between_stages", "minimum_of"]


def minimum_of(spec: JobSpec, terms: Terms, parties: tuple[str, ...], coordinator: str | None) -> int | None:
    """Parties that every sum of the job must have; None where all must be in each.

    A coordinator with data is one of them who work together, as it sees masked values: then one more is
    needed.

    :raises CoterieError: CT-1670, CT-4050.
    """
    least, count = spec.minimum, len(parties)
    if least is None or least == count:
        return None
    if terms.minimum is None or least < terms.minimum:
        allowed = "that all are there" if terms.minimum is None else f"at least {terms.minimum}"
        raise DROPOUTS_NOT_AGREED(f"the job asks for {least} parties in every sum, the agreement {allowed}")
    needed = max(3, (count + 3) // 2 if coordinator in parties else count // 2 + 1)
    if not needed <= least < count:
        raise MINIMUM_UNFIT(f"{least} of {count} parties, where it can be {needed} to {count}")
    return least


def agreement_between_stages(
    stage: int,
    parties: tuple[str, ...],
    coordinator: str,
    compared: Mapping[str, Mapping[str, int]],
    facts: int,
) -> StepPlan:
    """The messages before a stage: at first all compare plans and tell keys, later those who are there tell
    sizes.

    :param compared: bytes in which all compare plans.
    :param facts: bytes in which each tells sizes.
    """
    first = stage == 0
    cost = lasting_begin(parties, coordinator) if first else lasting_tell(parties, coordinator, facts)
    sent = {source: dict(targets) for source, targets in cost.sent.items()}
    rounds = cost.rounds
    if first:
        rounds += 1
        for source, targets in compared.items():
            row = sent.setdefault(source, {})
            for target, count in targets.items():
                row[target] = row.get(target, 0) + count
    everybody = tuple(dict.fromkeys((*parties, coordinator)))
    return StepPlan(
        f"stage-{stage}", "plan", {}, sent=sent, rounds=dict.fromkeys(everybody, rounds), at_most=True
    )
