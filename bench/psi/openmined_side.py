"""OpenMined PSI: its messages go over a plain TCP connection, and only one party gets the result."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

from bench.peers import python_of
from bench.processes import free_ports, run_together
from bench.psi.side import Run, told
from bench.psi.work import COLUMN, PARTIES, Data, Work
from bench.shaper import shaped

PARTY = Path(__file__).with_name("openmined_party.py")
SECONDS = 3600


def measure(work: Work, data: Data, side: str) -> Run:
    """Intersect once, in fresh processes: the first party is the client, which gets the result.

    :raises PeerMissing: where OpenMined PSI cannot be installed.
    :raises RuntimeError: where a party fails, or the result is wrong.
    """
    python = python_of("openmined", (3, 11))
    client, server = PARTIES
    (port,) = free_ports(1)
    with tempfile.TemporaryDirectory(prefix="openmined-bench-") as scratch, shaped(work.shape) as shaper:
        output = Path(scratch) / "result.csv"
        spec = {
            "column": COLUMN,
            "inputs": {party: str(data.path(party)) for party in PARTIES},
            "output": str(output),
            "rows": work.rows,
            "client": client,
            "listen": port,
            "dial": shaper.gate(client, server, port).port if shaper else port,
        }
        path = data.folder / "openmined.json"
        path.write_text(json.dumps(spec), encoding="utf-8")
        commands = {party: (python, "-P", PARTY, path, party) for party in PARTIES}
        results = {party: done.result for party, done in run_together(commands, data.folder, SECONDS).items()}
        return told(side, results, data, [(client, output)])
