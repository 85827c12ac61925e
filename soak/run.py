"""Run jobs of every engine while processes are killed and links are hurt: ``python -m soak.run --seed 7``.

Writes build/soak/result.json, and each event to build/soak/events.jsonl. Status 0: nothing was lost, wrong,
hanging or found where it may not be, and there were as many kills and faults as were asked for.
"""

from __future__ import annotations

import argparse
import json
import shutil
import signal
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from coterie.ledger import verify
from soak import chaos, data
from soak.proxy import Proxy
from soak.records import Record
from soak.search import Capture, Disks
from soak.watch import Watch
from soak.work import KINDS, Kind
from soak.world import World, agree, build

OUTPUT = Path(__file__).parents[1] / "build" / "soak"
SEARCH_SECONDS = 20.0
KEPT = {"image"}
"""Below the output, what the next run uses again."""


def options(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """Of the command line."""
    parser = argparse.ArgumentParser(prog="python -m soak.run", description=__doc__.split("\n\n")[0])
    parser.add_argument("--minutes", type=float, default=30.0, help="of kills and faults (30)")
    parser.add_argument("--seed", type=int, default=7, help="of tables, kills and faults (7)")
    parser.add_argument("--engines", default=",".join(KINDS), help="kinds of jobs, by commas (all)")
    parser.add_argument("--kills", type=float, default=10.0, help="in a minute (10)")
    parser.add_argument("--faults", type=float, default=45.0, help="in a minute (45)")
    parser.add_argument(
        "--bound", type=float, default=150.0, help="seconds without progress that are a hang (150)"
    )
    parser.add_argument("--patience", type=float, default=10.0, help="of the nodes, for lost links (10)")
    parser.add_argument("--output", type=Path, default=OUTPUT, help="folder (build/soak)")
    given = parser.parse_args(arguments)
    given.engines = given.engines.split(",")
    if unknown := [name for name in given.engines if name not in KINDS]:
        parser.error(f"unknown kinds of jobs: {', '.join(unknown)}; there are {', '.join(KINDS)}")
    return given


def main() -> int:
    given = options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that no daemon is left over
    folder: Path = given.output.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    for path in folder.iterdir():
        if path.name not in KEPT:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    made = data.generate(given.seed)
    record = Record(folder)
    capture = Capture(made.canaries, folder)
    with Proxy() as proxy:
        world = build(folder, proxy, made, patience=given.patience, tee="tee" in given.engines)
        try:
            result = soak(given, world, proxy, record, made)
        finally:
            for node in world.nodes.values():
                node.kill_if_there()
    result["canaries"]["loopback"] = capture.end()
    result["ok"] = judged(result, given)
    (folder / "result.json").write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    record.close()
    show(result, folder)
    return 0 if all(result["ok"].values()) else 1


def soak(
    given: argparse.Namespace, world: World, proxy: Proxy, record: Record, made: data.Data
) -> dict[str, Any]:
    """Everything but the end of the capture, which is after the last process."""
    kinds = [KINDS[name] for name in given.engines]
    watch = Watch(world, record, bound=given.bound)
    unstable = learn(world, watch, kinds)
    storm = chaos.Chaos(world, proxy, watch, record)
    disks = Disks({name: node.home for name, node in world.nodes.items()}, made.canaries)
    searching = chaos.begin("search", lambda: disks.watch(SEARCH_SECONDS))
    loops = [chaos.begin(kind.name, lambda kind=kind: watch.loop(kind)) for kind in kinds]  # type: ignore[misc]
    kills = chaos.kills(given.seed, 60 / given.kills, given.engines)
    hurts = chaos.hurts(given.seed, 60 / given.faults, given.patience)
    begun = time.monotonic()
    storms = [
        chaos.begin("kills", lambda: storm.kill_all(kills)),
        chaos.begin("faults", lambda: storm.hurt_all(hurts)),
    ]
    wait(begun + 60 * given.minutes, record, threading.Event())
    storm.stopping.set()
    watch.stopping.set()
    for one in storms:
        one.join()
    proxy.heal()
    storm.finish()
    for one in loops:
        one.join()
    seconds = time.monotonic() - begun
    statuses = {name: node.stop() for name, node in world.nodes.items()}
    disks.stopping.set()
    searching.join()
    disks.search()
    ledgers = {
        name: [str(one) for one in verify(node.home / "ledger").findings]
        for name, node in world.nodes.items()
    }
    return {
        "command": f"make soak MINUTES={given.minutes:g} SEED={given.seed}",
        **record.figures(),
        "seconds": round(seconds, 1),
        "settings": {
            "minutes": given.minutes,
            "seed": given.seed,
            "engines": given.engines,
            "hang_after_s": given.bound,
            "patience_s": given.patience,
        },
        "differs_undisturbed": unstable,
        "did_not_start_again": storm.broken,
        "statuses_of_stop": statuses,
        "ledgers": ledgers,
        "bytes_through_proxies": sum(gate.carried for gate in proxy.gates.values()),
        "canaries": {"searched_for": len(dict(data.patterns(made.canaries))), "disks": disks.told()},
    }


def learn(world: World, watch: Watch, kinds: Sequence[Kind]) -> dict[str, list[str]]:
    """Agree on all kinds of jobs, and run each undisturbed."""
    unstable = {}
    for kind in kinds:
        agree(world, kind.name, kind.terms())
        unstable[kind.name] = watch.learn(kind)
        print(
            f"{kind.name}: undisturbed, {'right' if not unstable[kind.name] else unstable[kind.name]}",
            flush=True,
        )
    return unstable


def wait(until: float, record: Record, never: threading.Event) -> None:
    """Say each half minute how far it is."""
    while (left := until - time.monotonic()) > 0:
        never.wait(min(30.0, left))
        told = record.figures()
        short = ("kills", "faults", "jobs", "jobs_lost", "wrong_results", "hangs")
        print(f"{left / 60:.1f} min left:", ", ".join(f"{name} {told[name]}" for name in short), flush=True)


def judged(result: dict[str, Any], given: argparse.Namespace) -> dict[str, bool]:
    """What a soak must show."""
    canaries = result["canaries"]
    kills, faults = 200 * min(1.0, given.minutes / 30), 1000 * min(1.0, given.minutes / 30)
    return {
        "enough kills": result["kills"] >= kills,
        "enough faults": result["faults"] >= faults,
        "no job lost": result["jobs_lost"] == 0,
        "no wrong result": result["wrong_results"] == 0 and not any(result["differs_undisturbed"].values()),
        "no hang": result["hangs"] == 0,
        "every daemon came back": not result["did_not_start_again"],
        "every daemon ended when asked": set(result["statuses_of_stop"].values()) == {0},
        "ledgers whole": not any(result["ledgers"].values()),
        "all of loopback searched": canaries["loopback"]["complete"],
        "no raw value on loopback": not canaries["loopback"]["found"],
        "no raw value on disks": not canaries["disks"]["found"] and not canaries["disks"]["unread"],
        "every engine ran": all(result["jobs_by_engine"].get(name) for name in given.engines),
    }


def show(result: dict[str, Any], folder: Path) -> None:
    """In short."""
    for name in ("kills", "faults", "jobs", "jobs_lost", "wrong_results", "hangs", "recovery_s"):
        print(f"{name}: {result[name]}")
    for what, holds in result["ok"].items():
        print(f"{'yes' if holds else 'NO '}  {what}")
    print(f"written: {folder / 'result.json'}")


if __name__ == "__main__":
    sys.exit(main())
