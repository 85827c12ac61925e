"""One party of Coterie's side: a process of its own, with a TLS link to the other.

It does what a job's step ``align`` does, with public functions: ids are read, checked and normalised, hashed
under the parties' common key, intersected, and the common ones written.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from bench.meter import Meter
from bench.participants import meet, mesh
from bench.psi.work import COLUMN, PARTIES, write_ids
from coterie import psi
from coterie.data import Column, CsvSource, Dataset, DatasetSpec, load
from coterie.wire import LinkMesh

STEP = "align"
KEY = b"a key that both parties agree on"


def dataset(path: str) -> Dataset:
    """The ids of a file, with the rule that holds where nothing is said."""
    columns = (Column(name=COLUMN, type="text", role="id"),)
    return load(DatasetSpec(name="customers", source=CsvSource(path=path), columns=columns))


def intersect(
    links: LinkMesh, peer: str, hashes: NDArray[np.uint8], peer_rows: int, how: dict[str, Any]
) -> NDArray[np.int64]:
    """Own numbers of the common rows."""
    if how != {"method": "dh"}:
        raise ValueError(f"no protocol for {how}")
    return psi.align(links, peer, hashes, peer_rows).indices


def planned(own_rows: int, peer_rows: int, how: dict[str, Any]) -> int:
    """Payload bytes that this party is to send."""
    if how != {"method": "dh"}:
        raise ValueError(f"no protocol for {how}")
    return psi.cost(own_rows, peer_rows).a_to_b


def measured(spec: dict[str, Any], name: str, links: LinkMesh) -> dict[str, Any]:
    """From the file to the file; what it took."""
    (peer,) = (party for party in PARTIES if party != name)
    rows, how = spec["rows"], spec["how"]
    meet(links, "begin")
    meter = Meter()
    customers = dataset(spec["inputs"][name])
    hashes = customers.keyed_ids(KEY)
    meter.part("reading")
    with links.step(STEP):
        indices = intersect(links, peer, hashes, rows[peer], how)
        rounds = links.depth
    meter.part("intersecting")
    common = customers.ids.take(pa.array(indices))
    write_ids(Path(spec["outputs"][name]), common.take(pc.sort_indices(common)))
    meter.part("writing")
    result = meter.end()
    meet(links, "end")
    return result | {
        "sent": meter.sent(),
        "rounds": rounds,
        "payload": links.egress()[STEP][peer].sent,
        "planned": planned(rows[name], rows[peer], how),
    }


def main(spec_path: str, name: str, result_path: str) -> None:
    """Take part once."""
    spec = json.loads(Path(spec_path).read_text(encoding="utf-8"))
    links, listener = mesh(spec, name)
    result = measured(spec, name, links)
    links.close()
    listener.close()
    Path(result_path).write_text(json.dumps(result), encoding="utf-8")
