"""One party of Coterie's side where a table is prepared once: a process of its own, with a TLS link."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bench.meter import Meter
from bench.participants import meet, mesh
from bench.psi.order import ascending
from bench.psi.ours_party import KEY, dataset
from bench.psi.work import PARTIES, write_ids
from coterie import psi
from coterie.crypto import Identity, PublicIdentity
from coterie.wire import LinkMesh

STEP = "lookup"
ASKER, OWNER = PARTIES


def binding(spec: dict[str, Any]) -> psi.TableBinding:
    """What the table is for, as both know it."""
    return psi.TableBinding(agreement="sha256:" + "00" * 32, dataset="customers", lookups=sum(spec["asked"]))


class Owner:
    """Prepares, gives, answers."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self._spec = spec
        self._key = psi.TableKey(secrets.token_bytes(32), binding(spec))

    def prepare(self, links: LinkMesh, meter: Meter) -> None:
        """Make the table and send it."""
        spec, scratch = self._spec, Path(self._spec["scratch"])
        hashes = dataset(spec["table"]).keyed_ids(KEY)
        meter.part("reading")
        identity, path = Identity.load(Path(spec["homes"]) / OWNER), scratch / "made.table"
        psi.prepare([hashes], len(hashes), self._key, binding(spec), identity, path, scratch / "work")
        meter.part("preparing")
        content = np.fromfile(path, np.uint8)
        links.to(ASKER).send_array("size", np.array([len(content)], np.int64))
        links.to(ASKER).send_array("table", content)
        meter.part("sending")

    def serve(self, at: int, links: LinkMesh, meter: Meter) -> None:
        """Answer questions."""
        psi.answer(links.to(ASKER), self._key, self._spec["asked"][at])
        meter.part("answering")


class Asker:
    """Takes the table, asks, writes what it has found."""

    def __init__(self, spec: dict[str, Any]) -> None:
        self._spec = spec
        self._path = Path(spec["scratch"]) / "taken.table"

    def prepare(self, links: LinkMesh, meter: Meter) -> None:
        """Get the table and check it."""
        spec = self._spec
        (size,) = links.to(OWNER).recv_array("size", np.int64, (1,))
        content = links.to(OWNER).recv_array("table", np.uint8, (int(size),))
        meter.part("waiting")
        raw = self._path.with_suffix(".raw")
        content.tofile(raw)
        owner = PublicIdentity.model_validate(spec["identities"][OWNER])
        psi.take_table(raw, self._path, binding(spec), owner)
        meter.part("checking")

    def serve(self, at: int, links: LinkMesh, meter: Meter) -> None:
        """Ask, from file to file."""
        customers = dataset(self._spec["questions"][at])
        with psi.PreparedTable.open(self._path) as table:
            held = psi.ask(links.to(OWNER), table, customers.keyed_ids(KEY))
        meter.part("asking")
        write_ids(Path(self._spec["outputs"][at]), ascending(customers.ids, np.flatnonzero(held)))


def phase(links: LinkMesh, step: str, work: Callable[[Meter], None]) -> dict[str, Any]:
    """One phase, begun and ended together; what it took."""
    meet(links, f"begin {step}")
    meter = Meter()
    with links.step(step):
        work(meter)
        rounds = links.depth
    result = meter.end()
    meet(links, f"end {step}")
    return result | {"sent": meter.sent(), "rounds": rounds}


def main(spec_path: str, name: str, result_path: str) -> None:
    """Prepare, then ask for more and more."""
    spec = json.loads(Path(spec_path).read_text(encoding="utf-8"))
    links, listener = mesh(spec, name)
    party = Owner(spec) if name == OWNER else Asker(spec)
    results = [phase(links, "prepare", partial(party.prepare, links))]
    for at in range(len(spec["asked"])):
        results.append(phase(links, f"{STEP} {at}", partial(party.serve, at, links)))
    links.close()
    listener.close()
    Path(result_path).write_text(json.dumps(results), encoding="utf-8")
