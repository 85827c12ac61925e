"""What a run would give in the clear: all tables in one process, without walls, keys or seals.

A process of its own, because the linear algebra beneath NumPy looks at the environment for which instructions
it may use, and so for the last bits of sums: here it has the runner's.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from coterie.jobs import RunRecord, run_joint
from coterie.tee import RUNNER_MODULE, Sandbox


def in_the_clear(
    record: RunRecord, tables: Mapping[str, pa.Table], id_key: bytes, image: Path, folder: Path
) -> dict[str, dict[str, bytes]]:
    """Each party's results by their names, of the job of a record over these tables by owner."""
    folder.mkdir()
    (folder / "record.json").write_bytes(record.to_bytes())
    for owner, table in tables.items():
        pq.write_table(table, folder / f"{owner}.parquet")
    given = Sandbox(image, RUNNER_MODULE).environment
    own = {
        name: os.environ[name]
        for name in ("PATH", "PYTHONPATH", "PYTHONDONTWRITEBYTECODE")
        if name in os.environ
    }
    here = {name: value for name, value in given.items() if name not in ("HOME", "LD_LIBRARY_PATH", "TMPDIR")}
    subprocess.run(
        [sys.executable, "-m", __spec__.name, str(folder)],
        input=id_key,
        env={**own, **here},
        cwd=Path(__file__).parents[3],
        check=True,
    )
    found: dict[str, dict[str, bytes]] = {}
    for path in (folder / "results").rglob("*"):
        if path.is_file():
            party, name = path.relative_to(folder / "results").as_posix().split("/", 1)
            found.setdefault(party, {})[name] = path.read_bytes()
    return found


def main(folder: Path, id_key: bytes) -> None:
    record = RunRecord.parse((folder / "record.json").read_bytes())

    def publish(step: str, kind: str, name: str, content: bytes, to: tuple[str, ...], rows: int) -> None:
        for party in to:
            path = folder / "results" / party / step / name
            path.parent.mkdir(parents=True, exist_ok=True)
            assert not path.exists(), "two results of one name"
            path.write_bytes(content)

    tables = {owner: pq.read_table(folder / f"{owner}.parquet") for owner in record.proposal.facts}
    terms = record.agreement.terms
    run_joint(record.proposal, terms, tables, id_key, publish=publish, progress=lambda *_: None)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.stdin.buffer.read())
