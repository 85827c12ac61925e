"""Federated averaging of one network at twenty clients, beside Flower's: accuracy by round, and time."""

from __future__ import annotations

import importlib.util
import json
import random
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bench.peers import python_of
from bench.processes import calling, run_together
from bench.records import Record, compare
from bench.turns import by_side, in_turn, middle
from coterie.learn.neural import clear
from coterie.learn.neural.fl import Perceptron, layers_of
from examples.digits import data

NAME = "fedavg_mnist"
OURS, OPEN, FLOWER = "coterie", "coterie, sums in the open", "flwr 1.41.0 FedAvg"
FLOWER_PARTY = Path(__file__).with_name("flower_fedavg.py")
SECONDS = 900
CACHE = Path(__file__).parents[2] / "build" / "cache"
SIZES = (28 * 28, 100, 10)
SEED, TEST = 20261123, 50
"""Images of each client that nobody trains on."""
SETTINGS: dict[str, Any] = {
    "rounds": 30,
    "learning_rate": 0.05,
    "batch_rows": 10,
    "local_epochs": 1,
}
TOLD = (1, 2, 5, 10, 20, 30)
"""Rounds whose accuracy is in the note."""


@dataclass(frozen=True)
class Run:
    """One training."""

    side: str
    seconds: float
    """Processor seconds of all clients and the server, all threads."""
    accuracy: list[float]
    """On the test images of all clients, after each round."""


def benchmark(
    turns: int, without: frozenset[str], settings: dict[str, Any] = SETTINGS
) -> tuple[list[Record], list[dict[str, Any]]]:
    """Train on every side in turn, ``turns`` times.

    :param without: sides to leave out, by name or its first word.
    """
    measures = {OURS: ours, OPEN: ours, FLOWER: flower}
    sides: dict[str, Callable[[], list[Run]]] = {
        side: partial(_measured, measure, side, settings)
        for side, measure in measures.items()
        if not without & {side, side.partition(" ")[0].rstrip(",")}
    }
    runs, missing = in_turn(NAME, sides, turns)
    return records_of(runs, missing), [{"work": NAME} | asdict(run) for run in runs]


def _measured(
    measure: Callable[[str, dict[str, Any], Path], tuple[float, list[list[NDArray[np.float32]]]]],
    side: str,
    settings: dict[str, Any],
) -> list[Run]:
    with tempfile.TemporaryDirectory(prefix="fedavg-bench-") as folder:
        test = cut(Path(folder))
        seconds, networks = measure(side, settings, Path(folder))
    return [Run(side, seconds, [accuracy(network, *test) for network in networks])]


def cut(folder: Path) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Write each client's images, and the network that all begin with; gives the test images of all.

    The cut is that of ``examples/digits``: two kinds of digits at each client.
    """
    lines = np.array(data.fetch(CACHE), dtype=np.float32)
    pixels, digits = lines[:, :-1] / 255, lines[:, -1].astype(np.int64)
    order = np.argsort(digits, kind="stable")
    shards = order.reshape(data.SHARDS * len(data.CLIENTS), -1)
    chance = random.Random(SEED)
    dealt = chance.sample(range(len(shards)), len(shards))
    train, test = {}, []
    for place, client in enumerate(data.CLIENTS):
        own = shards[dealt[data.SHARDS * place : data.SHARDS * (place + 1)]].ravel().tolist()
        chance.shuffle(own)
        train[client] = own[TEST:]
        test += own[:TEST]
    arrays = {
        f"{client}-{kind}": values[own]
        for client, own in train.items()
        for kind, values in _both(pixels, digits)
    }
    first = Perceptron(SIZES, "relu").initial(SEED.to_bytes(32, "little"))
    begun = {f"first-{number}": one for number, one in enumerate(first)}
    np.savez(folder / "images.npz", **arrays, **begun)
    return pixels[test].astype(np.float64), digits[test]


def _both(pixels: NDArray[Any], digits: NDArray[Any]) -> list[tuple[str, NDArray[np.float32]]]:
    return [("pixels", pixels.astype(np.float32)), ("digits", digits.astype(np.float32))]


def accuracy(network: list[NDArray[np.float32]], pixels: NDArray[Any], digits: NDArray[Any]) -> float:
    """Share of the images whose most probable class is their digit."""
    found = clear.outputs(layers_of(network), pixels, "relu").argmax(axis=1)
    return float((found == digits).mean())


def ours(side: str, settings: dict[str, Any], folder: Path) -> tuple[float, list[list[NDArray[np.float32]]]]:
    """Train once, in a fresh process."""
    spec = settings | {"clients": data.CLIENTS, "sizes": SIZES, "masked": side == OURS}
    (folder / "spec.json").write_text(json.dumps(spec), encoding="utf-8")
    return _networks(calling("bench.fl.fedavg_party", folder / "spec.json"), folder)


def flower(
    side: str, settings: dict[str, Any], folder: Path
) -> tuple[float, list[list[NDArray[np.float32]]]]:
    """Train once, in a fresh process of Flower's own environment, with the loop of training at home that ours
    has, and this environment's PyTorch.

    :raises PeerMissing: where Flower cannot be installed.
    """
    del side
    python = python_of("flower", (3, 11))
    torch = importlib.util.find_spec("torch")
    assert torch is not None
    assert torch.origin is not None
    rooms = Path(clear.__file__).parent / "fl"
    spec = settings | {
        "clients": data.CLIENTS,
        "sizes": SIZES,
        "packages": str(Path(torch.origin).parents[1]),
        "loop": str(rooms),
    }
    (folder / "spec.json").write_text(json.dumps(spec), encoding="utf-8")
    return _networks([python, "-P", FLOWER_PARTY, folder / "spec.json"], folder)


def _networks(
    command: Sequence[str | Path | int], folder: Path
) -> tuple[float, list[list[NDArray[np.float32]]]]:
    told = run_together({"fedavg": command}, folder, SECONDS)["fedavg"].result
    with np.load(folder / "networks.npz", allow_pickle=False) as file:
        many = 2 * (len(SIZES) - 1)
        rounds = len(file.files) // many
        networks = [[file[f"{done}-{number}"] for number in range(many)] for done in range(rounds)]
    return float(told["seconds"]), networks


def records_of(runs: Sequence[Run], missing: str | None) -> list[Record]:
    """Ours beside Flower's; ``error`` is the difference of their accuracy after the last round."""
    mine, sides = by_side(runs, OURS)
    theirs, in_open = sides.get(FLOWER, []), sides.get(OPEN, [])
    records = []
    if mine or theirs:
        error = abs(mine[0].accuracy[-1] - theirs[0].accuracy[-1]) if mine and theirs else None
        note = (
            "; ".join(curve(side[0]) for side in (mine, theirs) if side) + "; time: processor seconds of all"
        )
        records.append(
            compare(
                NAME,
                ours_s=middle(mine),
                peer=FLOWER,
                peer_s=middle(theirs),
                rounds=len((mine or theirs)[0].accuracy),
                error=error,
                note=note,
            )
        )
    if in_open:
        # What masks cost, where the same is summed without any.
        note = f"{curve(in_open[0])}; time: processor seconds of all"
        records.append(
            compare(
                f"{NAME}/sums in the open",
                ours_s=middle(in_open),
                peer=FLOWER,
                peer_s=middle(theirs),
                note=note,
            )
        )
    return [*records, *([Record(NAME, note=missing)] if missing else [])]


def curve(run: Run) -> str:
    """Accuracy by round, for people."""
    told = [number for number in TOLD if number <= len(run.accuracy)]
    points = ", ".join(f"{run.accuracy[number - 1]:.3f}" for number in told)
    return f"{run.side}: accuracy after rounds {', '.join(map(str, told))}: {points}"
