"""Plans held against each other: a stage and what was approved, one party's plan and another's."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from coterie.crypto import canonical
from coterie.learn import Reveal, StepPlan, Total
from coterie.mpc import Disclosure

from .errors import PLAN_EXCEEDED

if TYPE_CHECKING:
    from .plan import StagePlan

T = TypeVar("T", Reveal, Disclosure, Total)

__all__ = ["check_within", "plain", "plan_difference", "without_new"]


def plain(value: Any) -> Any:
    """Tuples as lists and mappings as dictionaries, which is what JSON has."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return value


def without_new(step: dict[str, Any]) -> dict[str, Any]:
    """The document of a step's plan without what it has none of: as it was before there were any."""
    for name in ("totals", "private"):
        if not step[name]:
            del step[name]
    for total in step.get("totals", ()):
        if total["noise"] is None:
            del total["noise"]
    return step


def check_within(stage: StagePlan, bound: StagePlan) -> None:
    """Hold a stage that is about to run against what was approved.

    :raises CoterieError: CT-4011, naming the step and the item.
    """

    def refuse(step: StepPlan, item: str) -> None:
        raise PLAN_EXCEEDED(item, step=step.step)

    for step, limit in zip(stage.steps, bound.steps, strict=True):
        if (step.step, step.component, step.params) != (limit.step, limit.component, limit.params):
            refuse(step, "another component or other parameters")
        for item in _beyond(step, limit):
            refuse(step, item)
        if step.results != limit.results:
            refuse(step, "results")
        if step.statement != limit.statement:
            refuse(step, "what the protocol assumes and shows")
        if (reveal := _unplanned(step.reveals, limit.reveals)) is not None:
            refuse(step, f"reveal of {reveal.what!r}")
        if (shown := _unplanned(step.disclosed, limit.disclosed)) is not None:
            refuse(step, f"disclosure of {shown.name!r}")
        if (total := _unplanned(step.totals, limit.totals)) is not None:
            refuse(step, f"sum of {total.what!r}")
        if limit.private and not step.private:
            refuse(step, "what is shown without noise")


def _unplanned(told: Sequence[T], planned: Sequence[T]) -> T | None:
    """The first item that is not among those planned, in their order, with as many values at most. Fewer may
    be told: a party whose features were all left out has nothing to show."""
    left = iter(planned)
    for item in told:
        same = replace(item, values=0)
        match = next((one for one in left if replace(one, values=0) == same), None)
        if match is None or item.values > match.values:
            return item
    return None


def _beyond(step: StepPlan, limit: StepPlan) -> Iterator[str]:
    """What is sent or dealt beyond the limit."""
    for source, targets in step.sent.items():
        for target, count in targets.items():
            if count > limit.sent.get(source, {}).get(target, 0):
                yield f"bytes from {source} to {target}: {count}"
    for party, rounds in step.rounds.items():
        if rounds > limit.rounds.get(party, 0):
            yield f"rounds of {party}: {rounds}"
    have, may = _corrections(step), _corrections(limit)
    if len(have) != len(may) or any(one > most for one, most in zip(have, may, strict=True)):
        yield "bytes dealt before the run"


def _corrections(step: StepPlan) -> list[int]:
    """Bytes of each tape for each party."""
    return [count for tape in step.tapes for _, count in sorted(tape.corrections.items())]


def plan_difference(mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> str | None:
    """The first item in which two plan documents differ, in words; None where they are equal."""
    return _difference(plain(mine), plain(theirs), ())


def _difference(mine: Any, theirs: Any, path: tuple[str, ...]) -> str | None:
    if isinstance(mine, dict) and isinstance(theirs, dict):
        return _first(
            _difference(mine.get(key, "nothing"), theirs.get(key, "nothing"), (*path, key))
            for key in sorted(mine.keys() | theirs.keys())
        )
    if isinstance(mine, list) and isinstance(theirs, list):
        names = [_item_name(item, index) for index, item in enumerate(mine)]
        different = _first(
            _difference(a, b, (*path, name)) for a, b, name in zip(mine, theirs, names, strict=False)
        )
        if different or len(mine) == len(theirs):
            return different
        return f"{'.'.join(path)}: {len(mine)} items here, {len(theirs)} there"
    return None if mine == theirs else f"{'.'.join(path)}: {_short(mine)} here, {_short(theirs)} there"


def _first(found: Iterable[str | None]) -> str | None:
    return next((item for item in found if item), None)


def _item_name(item: Any, index: int) -> str:
    return str(item["step"]) if isinstance(item, dict) and "step" in item else str(index)


def _short(value: Any) -> str:
    text = canonical(value).decode()
    return text if len(text) <= 60 else text[:57] + "..."
