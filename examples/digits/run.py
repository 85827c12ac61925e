"""Twenty clients that have seen two kinds of digits each train one network: ``make example NAME=digits``.

Every client and the hub that adds up are processes of their own, with keys of their own and TLS links to all
others; each runs the job as a node's worker does. Nodes themselves are left out: twenty daemons would take
longer to start than the clients to train.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.csv as pc_csv
import pyarrow.parquet as pq
import yaml
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from sklearn.neural_network import MLPClassifier

from coterie.agreement import Terms
from coterie.crypto import Identity
from coterie.data import DatasetSpec, inspect
from coterie.errors import CoterieError
from coterie.jobs import derive_plan, propose, validate_spec
from examples.credit_score.data import DemoDataError
from examples.digits.data import CLIENTS, ID, LABEL, PIXELS, cut, fetch

ROOT = Path(__file__).parents[2]
OUTPUT = ROOT / "build" / "examples" / "digits"
CACHE = ROOT / "build" / "cache"
HERE = Path(__file__).parent
HUB = "hub"
MODELS = {"fedavg": "FedAvg", "scaffold": "SCAFFOLD"}
MINUTES = 15

console = Console()
Floats = NDArray[np.float64]


def declared(path: Path) -> dict[str, Any]:
    """A client's dataset, as it would register it at its node."""
    columns = [(ID, "text", "id"), (LABEL, "int", "label"), *((name, "float", "feature") for name in PIXELS)]
    names = ("name", "type", "role")
    return {
        "name": "images",
        "source": {"kind": "csv", "path": str(path)},
        "columns": [dict(zip(names, one, strict=True)) for one in columns],
    }


def agreed(keys: Mapping[str, str]) -> Terms:
    """What the twenty would sign. :param keys: of everybody, in hex."""
    given = {"name": "images", "id": ID, "label": LABEL, "columns": list(PIXELS)}
    return Terms.model_validate(
        {
            "name": "digits",
            "parties": {client: keys[client] for client in CLIENTS},
            "services": {HUB: keys[HUB]},
            "coordinator": HUB,
            "datasets": [{**given, "owner": client} for client in CLIENTS],
            "components": [{"name": name} for name in ("stack", "split", "clip", "neural", "evaluate")],
            "engines": ["fl"],
            "results": [
                {"kind": kind, "to": list(CLIENTS)} for kind in ("model", "loss", "metrics", "scores")
            ],
            "min_rows": 100,
            "min_group": 20,
            "not_before": "2026-01-01T00:00:00Z",
            "expires": "2036-01-01T00:00:00Z",
            "max_runs": 10,
        }
    )


def prepared(files: Mapping[str, Path], folder: Path) -> dict[str, Any]:
    """Keys, ports, terms and proposal: what every participant is told."""
    names = (*CLIENTS, HUB)
    publics = {name: Identity.create(folder / "keys" / name, name).public for name in names}
    held = [socket.create_server(("127.0.0.1", 0)) for _ in names]
    ports = {name: one.getsockname()[1] for name, one in zip(names, held, strict=True)}
    for one in held:
        one.close()
    terms = agreed({name: one.key for name, one in publics.items()})
    datasets = {client: declared(path) for client, path in files.items()}
    facts = {client: inspect(DatasetSpec.model_validate(one), client) for client, one in datasets.items()}
    spec = validate_spec(yaml.safe_load((HERE / "job.yaml").read_text(encoding="utf-8")))
    proposal = propose(spec, terms.id, CLIENTS[0], facts)
    plan = derive_plan(proposal, terms)
    (folder / "plan.json").write_text(json.dumps(plan.to_document()), encoding="utf-8")
    return {
        "homes": str(folder / "keys"),
        "identities": {name: one.model_dump(mode="json") for name, one in publics.items()},
        "ports": ports,
        "terms": terms.model_dump(mode="json"),
        "proposal": proposal.model_dump(mode="json"),
        "datasets": datasets,
    }


def together(spec: Mapping[str, Any], folder: Path) -> dict[str, dict[str, Any]]:
    """Run everybody's process; gives what each has told.

    :raises RuntimeError: where one fails.
    """
    path, parties = folder / "spec.json", folder / "parties"
    path.write_text(json.dumps(spec), encoding="utf-8")
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "examples.digits.worker", str(path), str(parties)]
    subprocess.run(command, env=environment, timeout=60 * MINUTES, check=False)
    failed = [name for name in (*CLIENTS, HUB) if not (parties / name / "told.json").exists()]
    if failed:
        said = [one.read_text(encoding="utf-8") for one in parties.glob("*/error.txt")]
        raise RuntimeError(f"{', '.join(failed)} failed: {said[0] if said else 'nothing was said'}")
    return {
        name: json.loads((parties / name / "told.json").read_text(encoding="utf-8"))
        for name in (*CLIENTS, HUB)
    }


def result(told: Mapping[str, Any], name: str) -> Path:
    """Where a client's result lies."""
    return Path(told["results"][name])


def rows_of(path: Path) -> tuple[list[str], Floats, NDArray[np.int64]]:
    """Ids, pixels and digits of a client's images."""
    table = pc_csv.read_csv(path)
    pixels = np.stack([table.column(name).to_numpy() for name in PIXELS], axis=1)
    return table.column(ID).to_pylist(), pixels, table.column(LABEL).to_numpy()


def beside(files: Mapping[str, Path], told: Mapping[str, Any]) -> dict[str, float]:
    """Accuracy, on all clients' test images, of scikit-learn's networks with the same parameters: of all
    training images in one place, which an example can have; and of each client's own, on average."""
    train, test = [], []
    for client, path in files.items():
        ids, pixels, digits = rows_of(path)
        scores = pq.read_table(result(told[client], "fedavg_test/scores.parquet"))
        held = np.isin(ids, pc.cast(scores.column(ID), "string").to_pylist())
        train.append((pixels[~held], digits[~held]))
        test.append((pixels[held], digits[held]))
    asked, wanted = (np.concatenate(one) for one in zip(*test, strict=True))
    own = [float((_fitted(*one).predict(asked) == wanted).mean()) for one in train]
    pooled = _fitted(*(np.concatenate(one) for one in zip(*train, strict=True)))
    return {"own": float(np.mean(own)), "pooled": float((pooled.predict(asked) == wanted).mean())}


def _fitted(pixels: Floats, digits: NDArray[np.int64]) -> MLPClassifier:
    learner = MLPClassifier(
        (100,), solver="sgd", alpha=0, batch_size=10, learning_rate_init=0.05, momentum=0, random_state=0
    )
    for _ in range(30):
        learner.partial_fit(pixels, digits, classes=np.arange(10))
    return learner


def main() -> int:
    started = time.monotonic()
    shutil.rmtree(OUTPUT, ignore_errors=True)
    OUTPUT.mkdir(parents=True)
    files = cut(fetch(CACHE), OUTPUT / "data")
    spec = prepared(files, OUTPUT)
    with console.status(f"training at {len(CLIENTS)} clients"):
        before = time.monotonic()
        told = together(spec, OUTPUT)
        seconds = time.monotonic() - before
    found: dict[str, Any] = {}
    for model in MODELS:
        metrics = [result(told[client], f"{model}_test/metrics.json").read_bytes() for client in CLIENTS]
        models = [result(told[client], f"{model}/{model}.model").read_bytes() for client in CLIENTS]
        assert len(set(metrics)) == len(set(models)) == 1, "clients have other results than each other"
        measured = json.loads(metrics[0])
        found[model] = {
            name: measured[name] for name in ("rows", "accuracy", "accuracy_low", "accuracy_high")
        }
    entries = [one for party in told.values() for one in party["entries"] if one["kind"] == "egress"]
    summary = {
        "models": found,
        **beside(files, told),
        "bytes": sum(sum(one["sent"].values()) for one in entries),
        "job_seconds": round(seconds, 1),
        "seconds_total": round(time.monotonic() - started, 1),
    }
    (OUTPUT / "result.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    show(summary)
    return 0 if summary["own"] < 0.25 and all(one["accuracy"] > 0.8 for one in found.values()) else 1


def show(summary: Mapping[str, Any]) -> None:
    """What came out, in short."""
    rows = summary["models"]["fedavg"]["rows"]
    board = Table(title=f"accuracy on {rows:,} test images of all clients")
    board.add_column("network")
    board.add_column("accuracy", justify="right")
    board.add_row("of a client's own images, mean of all clients", f"{summary['own']:.3f}")
    for model, name in MODELS.items():
        board.add_row(f"of all clients, by {name}", f"{summary['models'][model]['accuracy']:.3f}")
    board.add_row("of all images in one place", f"{summary['pooled']:.3f}")
    console.print(board)
    console.print(
        f"  the job took {summary['job_seconds']} s; all sent {summary['bytes'] / 1e6:.0f} MB",
        highlight=False,
    )
    console.print(f"  numbers: {OUTPUT / 'result.json'}", highlight=False, soft_wrap=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (CoterieError, DemoDataError, RuntimeError) as failure:
        console.print(f"[red]{failure}[/]", highlight=False)
        sys.exit(1)
