"""Feed hostile bytes to parsers: ``python -m fuzz.run [NAME …] --inputs 1000000``.

Each target runs in a process of its own under atheris (libFuzzer, guided by coverage), beginning from the
corpus kept in ``fuzz/corpus/NAME`` and growing one in ``build/fuzz/NAME``. Results are written to
``build/fuzz/result.json``.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
BUILD = HERE.parent / "build" / "fuzz"
CORPUS = HERE / "corpus"
MOST_BYTES = 1 << 14
INPUT_SECONDS = 20
"""An input that takes longer is a finding."""
MEMORY = 3072
"""MiB of a target's process: an input that takes more is a finding."""


def one(name: str, inputs: int, seconds: int) -> None:
    """In a target's own process: run until so many inputs, or so many seconds, are through."""
    import atheris

    with atheris.instrument_imports(include=["coterie"]):
        from fuzz.targets import checked
    found = BUILD / name
    found.mkdir(parents=True, exist_ok=True)
    arguments = [sys.argv[0], f"-runs={inputs}", f"-max_total_time={seconds}", f"-max_len={MOST_BYTES}"]
    arguments += [
        f"-timeout={INPUT_SECONDS}",
        f"-rss_limit_mb={MEMORY}",
        f"-artifact_prefix={found}/finding-",
    ]
    kept = CORPUS / name
    atheris.Setup([*arguments, str(found), *([str(kept)] if kept.is_dir() else [])], checked(name))
    atheris.Fuzz()


def run(name: str, inputs: int, seconds: int) -> dict[str, Any]:
    """A target in a process; what came of it."""
    began = time.monotonic()
    command = [
        sys.executable,
        "-m",
        "fuzz.run",
        name,
        "--alone",
        f"--inputs={inputs}",
        f"--seconds={seconds}",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - of this file
    text = done.stdout + done.stderr
    # Inputs of the corpora are counted beside the generated ones.
    counts = [int(number) for number in re.findall(r"^#(\d+)\s", text, re.MULTILINE)]
    covered = [int(number) for number in re.findall(r"cov: (\d+)", text)]
    return {
        "target": name,
        "inputs": max(counts, default=0),
        "covered": max(covered, default=0),
        "seconds": round(time.monotonic() - began, 1),
        "crashes": int(done.returncode != 0),
        "finding": text[-2000:] if done.returncode else None,
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="of targets; all where none is named")
    parser.add_argument("--inputs", type=int, default=1_000_000, help="of each target")
    parser.add_argument("--seconds", type=int, default=0, help="of each target at most; 0 for no bound")
    parser.add_argument("--alone", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.alone:  # before anything is imported that is to be watched
        return one(given.names[0], given.inputs, given.seconds) or 0
    from fuzz.targets import TARGETS

    if unknown := sorted(set(given.names) - set(TARGETS)):
        parser.error(f"no such target: {', '.join(unknown)}; there are {', '.join(sorted(TARGETS))}")
    results = []
    for name in given.names or sorted(TARGETS):
        results.append(run(name, given.inputs, given.seconds))
        told = results[-1]
        print(f"{name}: {told['inputs']} inputs, {told['covered']} edges, {told['seconds']} s", flush=True)
        if told["finding"]:
            print(told["finding"])
    BUILD.mkdir(parents=True, exist_ok=True)
    (BUILD / "result.json").write_text(json.dumps(results, indent=1), encoding="utf-8")
    return int(any(told["crashes"] for told in results))


if __name__ == "__main__":
    sys.exit(main())
