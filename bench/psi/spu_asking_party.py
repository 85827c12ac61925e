"""One party of SPU's unbalanced intersection, run by the interpreter of SPU's own environment.

    python spu_asking_party.py SPEC.json RANK RESULT.json

Rank 1 has the table: it makes its cache and hands it over, once, then answers. Rank 0 asks.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from spu import psi

from bench.meter import Meter
from bench.spu_link import connected

KEY_BYTES = 32


def config(spec: dict[str, Any], rank: int, mode: str, read: str, write: str) -> Any:
    """What SPU is to do: only who asks gets the result, as with us."""
    server, scratch = rank == 1, Path(spec["scratch"])
    return psi.UbPsiExecuteConfig(
        mode=getattr(psi.UbPsiMode, mode),
        role=psi.UbPsiRole.ROLE_SERVER if server else psi.UbPsiRole.ROLE_CLIENT,
        client_receive_result=True,
        cache_path=str(scratch / f"cache{rank}"),
        input_params=psi.InputParams(path=read, selected_keys=[spec["column"]], keys_unique=True),
        output_params=psi.OutputParams(path=write),
        server_params=psi.UbPsiServerParams(secret_key_path=str(scratch / "key") if server else ""),
    )


def main(spec_path: str, rank_text: str, result_path: str) -> None:
    """Prepare, then ask for more and more."""
    spec, rank = json.loads(Path(spec_path).read_text(encoding="utf-8")), int(rank_text)
    os.environ["TMPDIR"] = spec["scratch"]
    server = rank == 1
    if server:
        (Path(spec["scratch"]) / "key").write_bytes(os.urandom(KEY_BYTES))
    link = connected(spec["ports"][rank], rank)
    steps = [config(spec, rank, "MODE_OFFLINE", spec["table"] if server else "", "")]
    for read, write in zip(spec["questions"], spec["outputs"], strict=True):
        files = ("", "") if server else (read, write)
        steps.append(config(spec, rank, "MODE_ONLINE", *files))
    results = []
    for step in steps:
        link.barrier()
        meter = Meter()
        psi.ub_psi_execute(step, link)
        result = meter.end()
        link.barrier()
        results.append(result | {"sent": meter.sent()})
    Path(result_path).write_text(json.dumps(results), encoding="utf-8")
    link.barrier()
    link.stop_link()


if __name__ == "__main__":
    main(*sys.argv[1:])
