"""Tables of all types at three parties, and pipelines over them: on shares, in the clear, where all are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from coterie.data import Dataset, VerticalFrame
from coterie.errors import CoterieError
from coterie.learn.align import Align
from coterie.learn.clip import Clip

from . import in_tee as tee
from .pipeline import Outcome, Steps, dataset, people, run

ROWS = 600
OWN = {
    "lender": ("age", "income", "bad"),
    "payments": ("job", "late", "since"),
    "telecom": ("owns", "region", "code"),
}
ALIGN = ("align", Align(), {})
END = ("end", Clip(), {"low": -1e9})
"""A step that changes nothing: it is planned with what the steps before have told."""


def table(rows: int = ROWS, seed: int = 4) -> pd.DataFrame:
    """Whole and decimal numbers, texts, dates, truth values; a tenth of some is missing. By id."""
    ids, random = people(rows, seed)
    gone = random.random((3, rows)) < 0.1
    days = pd.Timestamp("2024-01-01") + pd.to_timedelta(random.integers(0, 700, rows), unit="D")
    jobs = random.choice(["clerk", "farmer", "miner", "nurse"], rows, p=[0.5, 0.3, 0.15, 0.05]).astype(object)
    given = pd.DataFrame(
        {
            "age": random.integers(18, 80, rows),
            "income": np.where(gone[0], np.nan, random.lognormal(3, 0.7, rows)),
            "job": np.where(gone[1], None, jobs),
            "late": np.where(gone[2], np.nan, random.poisson(1.0, rows)),
            "since": days.strftime("%Y-%m-%d").astype(object),
            "owns": random.random(rows) < 0.4,
            "region": random.choice([10, 20, 30], rows, p=[0.6, 0.3, 0.1]),
            "code": [f"c{number}" for number in np.floor(random.exponential(6, rows)).astype(int)],
        },
        index=ids,
    )
    return given.assign(bad=(random.random(rows) < 0.2).astype(int))


def datasets(given: pd.DataFrame, parties: int = 3) -> dict[str, Dataset]:
    """The columns at their owners; of fewer parties the last has the rest. Further ones are the first's."""
    owners = list(OWN)[:parties]
    own = {owner: list(OWN[owner]) for owner in owners}
    known = [name for names in OWN.values() for name in names]
    own[owners[0]] += [str(name) for name in given if name not in known]
    for owner in list(OWN)[parties:]:
        own[owners[-1]] += OWN[owner]
    columns = {
        owner: {name: given[name].tolist() for name in names if name in given} for owner, names in own.items()
    }
    return {
        owner: dataset(list(given.index), columns[owner], "bad" if "bad" in columns[owner] else None)
        for owner in owners
    }


def play(given: pd.DataFrame, steps: Steps, parties: int = 3, **more: Any) -> dict[str, Outcome]:
    """After `align`, in engine mpc with a dealer; in the clear where one party has all."""
    data = datasets(given, parties)
    own = {"engine": "clear"} if parties == 1 else {"dealer": "hub"}
    return run(data, (ALIGN, *steps), label="bad", label_holder="lender", **{**own, **more})


def refusal(given: pd.DataFrame, steps: Steps, parties: int = 1, **more: Any) -> CoterieError:
    with pytest.raises(CoterieError) as caught:
        play(given, steps, parties, **more)
    return caught.value


def whole(outcomes: Mapping[str, Outcome], frame: str = "all") -> pd.DataFrame:
    """All columns of a frame, as they are at their owners, by the rows' keys: the order of rows is drawn."""
    parts = [
        outcome.frames[frame].parts[owner].to_pandas()
        for owner, outcome in outcomes.items()
        if frame in outcome.frames
    ]
    keys = [one.frames[frame].keys for one in outcomes.values() if frame in one.frames]
    assert all(np.array_equal(one, keys[0]) for one in keys)
    return by_key(parts, keys[0])


def by_key(parts: list[pd.DataFrame], keys: NDArray[np.uint8]) -> pd.DataFrame:
    found = pd.concat(parts, axis=1)
    return found.set_axis([key.tobytes().hex() for key in keys], axis=0).sort_index()


def shapes(outcomes: Mapping[str, Outcome], frame: str = "all") -> dict[str, tuple[str, ...]]:
    """Features by party, as everybody knows them."""
    known = [one.frames[frame].columns for one in outcomes.values() if frame in one.frames]
    assert all(one == known[0] for one in known)
    return dict(known[0])


def in_tee(
    given: pd.DataFrame, steps: Steps
) -> tuple[Mapping[str, VerticalFrame], dict[str, dict[str, bytes]]]:
    """Frames where the columns of all owners are, and what was given, by receiver."""
    data = datasets(given)
    told, frames = tee.in_tee(data, steps, {"profile": tuple(data)})
    return frames, told
