"""One party of SPU's set intersection: a process of its own, run by the interpreter of SPU's own environment.

    python spu_party.py SPEC.json RANK RESULT.json

SPU sorts with the program ``sort``, which must be on the path.
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


def config(spec: dict[str, Any], rank: int) -> Any:
    """What SPU is to do."""
    return psi.PsiExecuteConfig(
        protocol_conf=psi.PsiProtocolConfig(
            protocol=psi.parse_protocol(f"PROTOCOL_{spec['protocol']}"),
            receiver_rank=0,
            bucket_size=spec["bucket_size"],
            broadcast_result=True,
            ecdh_params=psi.EcdhParams(curve=psi.parse_curve_type(spec["curve"])),
            rr22_params=psi.Rr22Rarams(low_comm_mode=spec["low_communication"]),
        ),
        input_params=psi.InputParams(
            path=spec["inputs"][rank], selected_keys=[spec["column"]], keys_unique=True
        ),
        output_params=psi.OutputParams(path=spec["outputs"][rank]),
    )


def main(spec_path: str, rank_text: str, result_path: str) -> None:
    """Intersect, write what it took."""
    spec, rank = json.loads(Path(spec_path).read_text(encoding="utf-8")), int(rank_text)
    os.environ["TMPDIR"] = spec["scratch"]
    link = connected(spec["ports"][rank], rank)
    link.barrier()
    meter = Meter()
    psi.psi_execute(config(spec, rank), link)
    result = meter.end()
    link.barrier()
    Path(result_path).write_text(json.dumps(result | {"sent": meter.sent()}), encoding="utf-8")
    link.barrier()
    link.stop_link()


if __name__ == "__main__":
    main(*sys.argv[1:])
