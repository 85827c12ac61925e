"""Tables of three parties in which every value can be searched for, and what to search for.

Ids have a text in them that belongs to their owners alone; floats have all digits that a float has, integers
sixteen of them: no model and no statistic gives one of them by chance. All follow from the seed.
"""

from __future__ import annotations

import base64
import csv
import random
import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROWS, COMMON = 300, 240
"""Of each of the two tables of the same people, and in both."""
BRANCH_ROWS = 240
"""Of each table of other people with the same columns."""
SAMPLES = 4
"""Values of each column that are searched for."""
FRACTION_BITS = 18
"""Of numbers in the ring: a share is random, the number itself is not."""
CENT = 7_300_000_000_000_000

Column = Sequence[Any]
Table = Mapping[str, Column]


@dataclass(frozen=True)
class Canary:
    """Something that may be in no place but its owners'."""

    name: str
    owners: frozenset[str]
    patterns: Mapping[str, bytes]
    """By encoding."""


@dataclass(frozen=True)
class Data:
    """Tables by party and dataset, and the canaries in them."""

    tables: Mapping[tuple[str, str], Table]
    canaries: tuple[Canary, ...]


def generate(seed: int) -> Data:
    """The data of a soak."""
    chance = random.Random(f"{seed}/data")
    common, own_alpha, own_beta = (tag(chance) for _ in range(3))
    canaries = [
        word("common ids", {"alpha", "beta"}, common),
        word("ids of alpha alone", {"alpha"}, own_alpha),
        word("ids of beta alone", {"beta"}, own_beta),
    ]
    shared = [f"{common}{number:04x}" for number in range(COMMON)]
    alone = ROWS - COMMON
    hidden = {name: (chance.gauss(0, 1), chance.gauss(0, 1)) for name in shared}
    tables: dict[tuple[str, str], Table] = {
        ("alpha", "customers"): people(
            chance, [*shared, *(f"{own_alpha}{number:04x}" for number in range(alone))], hidden, label=True
        ),
        ("beta", "behaviour"): people(
            chance,
            [*(name.upper() for name in shared), *(f"{own_beta}{number:04x}" for number in range(alone))],
            {name.upper(): value for name, value in hidden.items()},
            label=False,
        ),
    }
    for party in ("alpha", "beta", "gamma"):
        text = tag(chance)
        canaries.append(word(f"ids of the branch {party}", {party}, text))
        names = [f"{text}{number:04x}" for number in range(BRANCH_ROWS)]
        tables[party, "loans"] = people(chance, names, {}, label=True)
    for (party, dataset), table in tables.items():
        for column in ("amount", "account"):
            for number, value in enumerate(chance.sample(list(table[column]), SAMPLES)):
                canaries.append(figure(f"{dataset}.{column} {number} of {party}", {party}, value))
    return Data(tables, tuple(canaries))


def tag(chance: random.Random) -> str:
    """What the ids of one group begin with."""
    return f"zq{chance.getrandbits(80):020x}"


def people(
    chance: random.Random, names: Sequence[str], hidden: Mapping[str, tuple[float, float]], *, label: bool
) -> Table:
    """A table; what is hidden of a person decides the label and is in the columns, with noise."""
    columns: dict[str, list[Any]] = {"person": [], "bad": [], "amount": [], "account": []}
    order = list(names)
    chance.shuffle(order)
    for name in order:
        first, second = hidden.get(name) or (chance.gauss(0, 1), chance.gauss(0, 1))
        columns["person"].append(name)
        columns["bad"].append(int(first + second + chance.gauss(0, 0.8) > 0))
        columns["amount"].append(4.8e7 + 1e7 * (first + chance.gauss(0, 0.3)) + chance.random())
        columns["account"].append(
            CENT + int(4e14 * (second + chance.gauss(0, 0.3))) + chance.randrange(10**6)
        )
    if not label:
        del columns["bad"]
    return columns


def word(name: str, owners: set[str], text: str) -> Canary:
    """A text in each way that it may lie somewhere."""
    patterns = {}
    for case, raw in (("lower", text.encode()), ("upper", text.upper().encode())):
        patterns[f"text, {case}"] = raw
        patterns[f"hex, {case}"] = raw.hex().encode()
        patterns[f"utf-16, {case}"] = raw.decode().encode("utf-16-le")
        for start in range(3):
            # What is the same however the text lies among groups of three bytes.
            coded = base64.b64encode(b"\0" * start + raw)[(8 * start + 5) // 6 : (len(raw) + start) // 3 * 4]
            patterns[f"base64 {start}, {case}"] = coded
    return Canary(name, frozenset(owners), patterns)


def figure(name: str, owners: set[str], value: float) -> Canary:
    """A number in each way that it may lie somewhere."""
    patterns = {
        "decimal": repr(value)[:14].encode(),
        "float64": struct.pack("<d", value),
        "float64, big-endian": struct.pack(">d", value),
    }
    if isinstance(value, int):
        patterns["int64"] = struct.pack("<q", value)
        patterns["int64, big-endian"] = struct.pack(">q", value)
    else:
        patterns["ring"] = struct.pack("<q", round(value * 2**FRACTION_BITS))
    return Canary(name, frozenset(owners), patterns)


def patterns(canaries: Sequence[Canary]) -> Iterator[tuple[str, bytes]]:
    """All that is to be searched for, each with a name."""
    for canary in canaries:
        for encoding, raw in canary.patterns.items():
            yield f"{canary.name} ({encoding})", raw


def write(table: Table, path: Path) -> None:
    """A table as its owner has it."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(table)
        writer.writerows(zip(*table.values(), strict=True))
