"""One party of Coterie's side: a process of its own, with a TLS link to the other.

It does what a job's step ``align`` does, with public functions: ids are read, checked and normalised, hashed
under the parties' common key, intersected, and the common ones written.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bench.meter import Meter
from bench.participants import meet, mesh
from bench.psi.order import ascending
from bench.psi.work import COLUMN, PARTIES, write_ids
from coterie import psi
from coterie.data import Column, CsvSource, Dataset, DatasetSpec, ParquetSource, Scratch, load
from coterie.wire import LinkMesh

STEP = "align"
KEY = b"a key that both parties agree on"


def dataset(path: str, columns: int = 0) -> Dataset:
    """The ids of a file, with the rule that holds where nothing is said, and other columns, not read yet."""
    declared = [Column(name=COLUMN, type="text", role="id")]
    declared += [Column(name=f"x{index}", type="float") for index in range(columns)]
    source = (ParquetSource if path.endswith(".parquet") else CsvSource)(path=path)
    return load(DatasetSpec(name="customers", source=source, columns=tuple(declared)))


def measured(spec: dict[str, Any], name: str, links: LinkMesh) -> dict[str, Any]:
    """From the file to the file; what it took."""
    (peer,) = (party for party in PARTIES if party != name)
    rows, method = spec["rows"], psi.Method(**spec["method"])
    plan = psi.planned(rows, method)
    meet(links, "begin")
    meter = Meter()
    customers = dataset(spec["inputs"][name], spec["columns"])
    hashes = customers.keyed_ids(KEY)
    meter.part("reading")
    with links.step(STEP):
        found = psi.intersect(links, rows, hashes, method)
        rounds = links.depth
    meter.part("intersecting")
    if found is None:
        raise ValueError("both parties are to learn the result")
    if spec["gather"]:
        frame = customers.gather(found.indices, Scratch(Path(spec["scratch"]) / f"{name}.scratch"))
        if frame.shape != (len(found), spec["columns"]):
            raise ValueError(f"a frame of shape {frame.shape}")
        meter.part("gathering")
    write_ids(Path(spec["outputs"][name]), ascending(customers.ids, found.indices))
    meter.part("writing")
    result = meter.end()
    meet(links, "end")
    return result | {
        "sent": meter.sent(),
        "planned": [plan.sent[name][peer], plan.rounds[name]],
        "used": [links.egress()[STEP][peer].sent, rounds],
        "rounds": rounds,
    }


def main(spec_path: str, name: str, result_path: str) -> None:
    """Take part once."""
    spec = json.loads(Path(spec_path).read_text(encoding="utf-8"))
    links, listener = mesh(spec, name)
    result = measured(spec, name, links)
    links.close()
    listener.close()
    Path(result_path).write_text(json.dumps(result), encoding="utf-8")
