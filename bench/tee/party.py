"""One participant of the joint score by secure computation: a process of its own, linked to others by TLS."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.participants import meet, mesh
from coterie.agreement import Terms
from coterie.data import DatasetSpec, ParquetSource
from coterie.jobs import Assignment, Proposal, run_job
from coterie.mpc import Binding, TapeFile


@dataclass
class Surroundings:
    """What a worker needs of its node."""

    results: dict[str, Path] = field(default_factory=dict)
    steps: dict[str, float] = field(default_factory=dict)
    """Seconds by step."""
    rounds: int = 0

    def progress(self, step: str, done: int, total: int, what: str, *, unit: str | None = None) -> None:
        """Nobody looks."""

    def ledger(self, kind: str, body: Mapping[str, Any]) -> None:
        """The word of each step on its bytes and rounds."""
        if kind == "egress":
            self.steps[body["step"]] = self.steps.get(body["step"], 0.0) + body["seconds"]
            self.rounds += body["rounds"]["used"]

    def tape(self, binding: Binding) -> TapeFile | None:  # noqa: ARG002 - the dealer is there
        """None: the dealer takes part."""
        return None

    def published(self, kind: str, name: str, path: Path, content: str, size: int) -> None:  # noqa: ARG002
        """Keep where it is."""
        self.results[kind] = path

    def releaser(self, question: str, *parts: bytes) -> tuple[bytes, ...]:
        """There is none in this engine."""
        raise AssertionError(f"the engine mpc asks no releaser: {question}, {len(parts)} parts")

    def unwrap(self, wrapped: bytes, info: bytes) -> bytes:
        """Nothing is sealed in this engine."""
        raise AssertionError(f"the engine mpc unwraps nothing: {len(wrapped)} bytes for {len(info)}")


def assignment(spec: dict[str, Any], name: str) -> Assignment:
    """What the node would tell its worker."""
    proposal = Proposal.model_validate(spec["proposal"])
    facts, dataset = proposal.facts.get(name), None
    if facts is not None:
        dataset = DatasetSpec(
            name=facts.name,
            source=ParquetSource(path=spec["files"][name]),
            id_rule=facts.id_rule,
            columns=facts.columns,
        )
    return Assignment(
        me=name,
        proposal=proposal,
        terms=Terms.model_validate_json(json.dumps(spec["terms"])),
        dataset=dataset,
        id_key=spec["key"] if dataset is not None else bytes(32).hex(),
        directory=Path(spec["folder"]) / f"job-{name}",
    )


def main(spec_path: str, name: str, result_path: str) -> None:
    """Take part once."""
    spec = json.loads(Path(spec_path).read_text(encoding="utf-8"))
    links, listener = mesh(spec, name)
    given, around = assignment(spec, name), Surroundings()
    given.directory.mkdir()
    meet(links, "begin")
    began = time.perf_counter()
    run_job(given, links, around)
    ended = time.perf_counter()
    egress = {step: peers for step, peers in links.egress().items() if step != "begin"}
    metrics = around.results.get("metrics")
    content = {
        "began": began,
        "ended": ended,
        "sent": sum(count.sent for peers in egress.values() for count in peers.values()),
        "rounds": around.rounds,
        "steps": around.steps,
        "auc": json.loads(metrics.read_bytes())["joint"]["auc"] if metrics else None,
    }
    links.close()
    listener.close()
    Path(result_path).write_text(json.dumps(content), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
