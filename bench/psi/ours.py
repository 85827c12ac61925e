"""Coterie's side: two parties, each a process of its own, over a TLS link."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from bench.participants import specification
from bench.processes import calling, run_together
from bench.psi.side import Run, told
from bench.psi.work import DH, MALICIOUS, OPRF, PARTIES, Data, Work
from bench.shaper import shaped

METHODS: dict[str, dict[str, Any]] = {
    OPRF: {"protocol": "oprf"},
    DH: {"protocol": "dh"},
    MALICIOUS: {"protocol": "oprf", "security": "malicious"},
}
"""Of ``psi.Method``, by side."""
SECONDS = 3600


def measure(work: Work, data: Data, side: str, columns: int = 0, gather: bool = False) -> Run:
    """Intersect once, in fresh processes.

    :param columns: beside the ids, that are declared and asked for.
    :param gather: whether to make a table of the common rows of these.
    :raises RuntimeError: where a process fails, a result is wrong, or plan and fact differ.
    """
    with tempfile.TemporaryDirectory(prefix="coterie-bench-") as homes, shaped(work.shape) as shaper:
        spec = specification(PARTIES, Path(homes), shaper) | {
            "inputs": {party: str(data.path(party)) for party in PARTIES},
            "outputs": {party: str(Path(homes) / f"{party}.csv") for party in PARTIES},
            "rows": work.rows,
            "method": METHODS[side],
            "columns": columns,
            "gather": gather,
            "scratch": homes,
        }
        path = data.folder / "ours.json"
        path.write_text(json.dumps(spec), encoding="utf-8")
        commands = {party: calling("bench.psi.ours_party", path, party) for party in PARTIES}
        done = run_together(commands, data.folder, SECONDS)
        results = {party: one.result for party, one in done.items()}
        for party, result in results.items():
            if result["planned"] != result["used"]:
                raise RuntimeError(
                    f"{party} used {result['used']} bytes and rounds, and had planned {result['planned']}"
                )
        return told(side, results, data, ((party, Path(spec["outputs"][party])) for party in PARTIES))
