"""Attested training beside plain XGBoost on the joined table; its parts; the joint score without a TEE."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from bench.processes import run_together
from bench.records import RESULTS, Record, compare
from bench.tee import ours, parts, plain, score
from bench.tee.data import CREDIT, WORKS, Work, generate
from bench.tee.ours import SIDE, Run
from bench.tee.world import World
from bench.turns import by_side, in_turn, middle
from coterie.learn.boosting import load_model
from coterie.tee import RUNNER_MODULE, Sandbox, ensure_image

__all__ = ["METHOD", "benchmark", "works"]

METHOD = """From the sealed tables of two owners to the sealed model, on a simulated platform.

- *Ours*: two owners' Parquet files, sealed; the runner's measured image in its sandbox; real releasers, in
  the process of the benchmark, which check grants and evidence, write to their ledgers on the disk, and
  release the keys; the job `align`, `boosting`; a sealed model and a signed receipt. Seconds from the
  runner's first question to an owner to the end of its process.
- `/start-up` is apart: from the host's word to that question. The image is hashed byte by byte, the sandbox
  made, Python started, all libraries loaded, keys made, grants and records checked.
- *XGBoost*: the same parameters and threads, in a process of its own: both Parquet files, in clear, read and
  joined by their ids with pandas or pyarrow, `DMatrix`, `train`, `save_model`. Its start and its imports are
  not counted.
- Customers are the same at both owners, in another order at each. `xgboost_150000x10` is the credit table of
  the demo, `xgboost_1000000x50` is made. `error` 0: after every run, the model that the receiver opens is bit
  for bit what the component's algorithm gives in the clear, on tables that pandas has joined.
- `/memory`: the most that the process has held, in the bytes fields.
- `parts`: sealing, opening, and checking without a key, 256 MiB from memory to memory on one core; a real
  TDX quote with its collateral, in full, where real evidence lies beside the project.
- `logistic_150000x10`: what secure computation offers for the same tables, which is no trees: the steps of
  the demo's score, from Parquet to metrics, two owners and a dealer over TLS on loopback. AUC on 30 % of the
  customers, held back; the trees' beside it."""

PARTS, SCORE = "parts", "logistic_150000x10"
LIMIT = 900
PEERS = (plain.PANDAS, plain.ARROW)


def works() -> list[str]:
    """All of them."""
    return [*(work.name for work in WORKS), PARTS, SCORE]


def benchmark(
    *, turns: int, works: Sequence[str] | None, without: frozenset[str]
) -> tuple[list[Record], list[dict[str, Any]]]:
    """Measure all sides in turn, ``turns`` times.

    :param works: of :func:`works`; all where None.
    :param without: sides to leave out: "ours", "xgboost, joined by pandas", "xgboost, joined by pyarrow".
    """
    records: list[Record] = []
    everything: list[dict[str, Any]] = []
    for name in works or globals()["works"]():
        found, runs = _measured(name, turns, without)
        records += found
        everything += [{"work": name} | asdict(run) for run in runs]
    return records, everything


def _measured(name: str, turns: int, without: frozenset[str]) -> tuple[list[Record], list[Any]]:
    if name == PARTS:
        return _parts(turns)
    if name == SCORE:
        return _score(turns)
    work = next((one for one in WORKS if one.name == name), None)
    return ([], []) if work is None else _trees(work, turns, without)


def _trees(work: Work, turns: int, without: frozenset[str]) -> tuple[list[Record], list[Run]]:
    files = generate(work, RESULTS / "data")
    sandbox = Sandbox(ensure_image(RESULTS / "data" / "images"), RUNNER_MODULE)
    with tempfile.TemporaryDirectory(prefix="coterie-bench-", dir=RESULTS / "data") as folder:
        home = Path(folder)
        world = World(home, work, files, sandbox)
        try:
            clear = _clear(world, files, home)
            sides: dict[str, Callable[[], list[Run]]] = {"ours": partial(_ours, world, clear, home)}
            sides |= {side: partial(_plain, side, work, files, home) for side in PEERS}
            runs, _ = in_turn(work.name, {k: v for k, v in sides.items() if k not in without}, turns)
        finally:
            world.close()
    return _records(work, runs), runs


def _ours(world: World, clear: bytes, home: Path) -> list[Run]:
    run, content = ours.measure(world, home / "results")
    if not content.endswith(clear) or bytes(load_model(content).booster.save_raw("ubj")) != clear:
        raise RuntimeError("the model is not that of the clear reference")
    return [run]


def _plain(side: str, work: Work, files: Mapping[str, Path], home: Path) -> list[Run]:
    spec = {
        "side": side,
        "left": str(files["lender"]),
        "right": str(files["payments"]),
        "label": work.label,
        "params": work.params,
        "model": str(home / "plain.ubj"),
    }
    result = _process("bench.tee.plain", spec, home)
    return [Run(side, result["seconds"], result["memory"], result["model"])]


def _clear(world: World, files: Mapping[str, Path], home: Path) -> bytes:
    named = {owner: str(path) for owner, path in files.items()}
    spec = {"work": world.work.name, "files": named, "id_key": world.id_key.hex()}
    return bytes.fromhex(_process("bench.tee.clear", spec, home)["model"])


def _process(module: str, spec: Mapping[str, Any], home: Path) -> dict[str, Any]:
    path = home / f"{module}.json"
    path.write_text(json.dumps(spec), encoding="utf-8")
    done = run_together({module: (sys.executable, "-m", module, path)}, home, LIMIT)
    return dict(done[module].result)


def _records(work: Work, runs: Sequence[Run]) -> list[Record]:
    mine, peers = by_side(runs, SIDE)
    records = []
    for side, theirs in peers.items():
        ours_s, peer_s = middle(mine), middle(theirs)
        times = f"{ours_s / peer_s:.3f} times the peer's time" if ours_s and peer_s else None
        records.append(
            compare(
                work.name,
                ours_s=ours_s,
                peer=side,
                peer_s=peer_s,
                error=0.0 if mine else None,
                note="; ".join(filter(None, (times, _spent(mine)))) or None,
            )
        )
    if mine:
        measuring = middle(mine, "measuring") or 0.0
        note = f"of which {measuring:.2f} s for hashing the image"
        records.append(Record(f"{work.name}/start-up", ours_s=middle(mine, "startup"), note=note))
    for side, theirs in peers.items():
        held = [max((run.memory for run in of), default=None) for of in (mine, theirs)]
        records.append(Record(f"{work.name}/memory", peer=side, ours_bytes=held[0], peer_bytes=held[1]))
    return records


def _spent(mine: Sequence[Run]) -> str | None:
    """Where our time went."""
    if not mine:
        return None
    names = {
        "asking": "evidence and releases",
        "opening": "opening and reading",
        "aligning": "aligning",
        "training": "training and sealing",
    }
    return ", ".join(f"{words} {middle(mine, name):.2f} s" for name, words in names.items())


def _parts(turns: int) -> tuple[list[Record], list[parts.Part]]:
    runs, _ = in_turn(PARTS, {"containers": parts.containers, "quote": parts.quote}, turns)
    _, sides = by_side(runs, "")
    records = []
    for side in ("seal", "open", "check"):
        seconds = middle(sides[side])
        assert seconds is not None
        note = f"{parts.SIZE / seconds / 1e9:.2f} GB/s on one core"
        records.append(Record(f"{PARTS}/{side}", ours_s=seconds, ours_bytes=parts.SIZE, note=note))
    if "verify" not in sides:
        return [*records, Record(f"{PARTS}/verify", note="not measured: no real evidence is here")], runs
    seconds = middle(sides["verify"])
    assert seconds is not None
    note = f"a real TDX quote, verified in {1000 * seconds:.2f} ms"
    return [*records, Record(f"{PARTS}/verify", ours_s=seconds, note=note)], runs


def _score(turns: int) -> tuple[list[Record], list[score.Run]]:
    files = generate(CREDIT, RESULTS / "data")
    areas = score.areas(CREDIT, files)
    folder = files["lender"].parent
    runs, _ = in_turn(SCORE, {"mpc": lambda: [score.measure(CREDIT, files, folder)]}, turns)
    steps = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in runs[0].steps.items() if seconds >= 0.05)
    inside = f"in the runner's code {areas['logistic']:.4f}, and {areas['boosting']:.4f} by trees"
    note = f"AUC {runs[0].auc:.4f}; {inside}; {steps}"
    record = Record(
        SCORE,
        ours_s=middle(runs),
        ours_bytes=max(run.sent for run in runs),
        rounds=max(run.rounds for run in runs),
        note=note,
    )
    return [record], runs
