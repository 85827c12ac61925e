"""The joint score without a TEE: logistic regression by secure computation, on the same tables.

Two owners and a dealer, three processes, links over TLS on loopback. Beside it, what the same steps give in
the runner's own code, trees among them: for the AUC.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from bench.participants import DEALER, specification
from bench.processes import calling, run_together
from bench.tee.data import ID, OWNERS, Work
from bench.tee.world import RULE, facts_of
from coterie.agreement import Terms
from coterie.crypto import now, timestamp
from coterie.jobs import Proposal, propose, run_joint, validate_spec

SIDE: Final = "coterie mpc"
SECONDS: Final = 900
KEY: Final = bytes(range(32))
"""Of the ids' hashes, so that every run tests on the same rows."""
SPLIT: Final = {"split": {"test": 0.3}}
LOGISTIC: Final = (
    {"fill": {"method": "median"}},
    {"standardize": {"method": "quantile"}},
    {"logistic": {"l2": 0.001, "passes": 30}},
)


@dataclass(frozen=True)
class Run:
    """One measurement."""

    side: str
    seconds: float
    """From the first participant's beginning to the last one's end."""
    sent: int
    """Bytes of all participants."""
    rounds: int
    auc: float
    """On the rows held back."""
    steps: dict[str, float]
    """Seconds by step, at the lender."""


def job(work: Work, files: Mapping[str, Path], steps: list[Any], engine: str) -> tuple[Proposal, Terms]:
    """A job over both tables, and terms for it."""
    identity = dict(zip((*OWNERS, DEALER), ("11" * 32, "22" * 32, "33" * 32), strict=True))
    terms = Terms.model_validate(
        {
            "name": "score",
            "parties": {name: identity[name] for name in OWNERS},
            "services": {DEALER: identity[DEALER]},
            "dealer": DEALER,
            "datasets": [
                {
                    "name": "table",
                    "owner": owner,
                    "id": ID,
                    "label": work.label if owner == OWNERS[0] else None,
                    "columns": list(work.columns[owner]),
                }
                for owner in OWNERS
            ],
            "components": [],
            "engines": ["mpc", "tee"],
            "results": [{"kind": "metrics", "to": [OWNERS[0]]}],
            "min_rows": 100,
            "not_before": timestamp(now() - timedelta(days=1)),
            "expires": timestamp(now() + timedelta(days=1)),
            "max_runs": 1,
        }
    )
    spec = {
        "name": "score",
        "agreement": terms.id,
        "engine": engine,
        "datasets": dict.fromkeys(OWNERS, "table"),
        "steps": ["align", SPLIT, *steps, "evaluate"],
    }
    facts = {owner: facts_of(work, owner, files[owner]) for owner in OWNERS}
    return propose(validate_spec(spec), terms.id, OWNERS[0], facts), terms


def measure(work: Work, files: Mapping[str, Path], folder: Path) -> Run:
    """The logistic score once, in fresh processes.

    :raises RuntimeError: where a process fails.
    """
    proposal, terms = job(work, files, list(LOGISTIC), "mpc")
    names = (*OWNERS, DEALER)
    with tempfile.TemporaryDirectory(prefix="coterie-bench-", dir=folder) as homes:
        spec = specification(names, Path(homes)) | {
            "proposal": proposal.model_dump(mode="json"),
            "terms": terms.model_dump(mode="json"),
            "files": {owner: str(path) for owner, path in files.items()},
            "folder": homes,
            "key": KEY.hex(),
            "rule": RULE,
        }
        path = folder / "score.json"
        path.write_text(json.dumps(spec), encoding="utf-8")
        commands = {name: calling("bench.tee.party", path, name) for name in names}
        found = {name: done.result for name, done in run_together(commands, folder, SECONDS).items()}
    lender = found[OWNERS[0]]
    return Run(
        side=SIDE,
        seconds=max(one["ended"] for one in found.values()) - min(one["began"] for one in found.values()),
        sent=sum(one["sent"] for one in found.values()),
        rounds=max(one["rounds"] for one in found.values()),
        auc=lender["auc"],
        steps=lender["steps"],
    )


def areas(work: Work, files: Mapping[str, Path]) -> dict[str, float]:
    """AUC on the same rows held back, by what the runner runs: the logistic score, and trees."""
    found = {}
    for name, steps in (("logistic", list(LOGISTIC)), ("boosting", [{"boosting": work.params}])):
        proposal, terms = job(work, files, steps, "tee")
        kept = _Metrics()
        contents = {owner: pa.py_buffer(path.read_bytes()) for owner, path in files.items()}
        run_joint(proposal, terms, contents, KEY, publish=kept, progress=lambda *_: None)
        found[name] = float(json.loads(kept.content)["joint"]["auc"])
    return found


class _Metrics:
    content = b""

    def __call__(
        self, step: str, kind: str, name: str, content: bytes, to: tuple[str, ...], rows: int
    ) -> None:
        del step, name, to, rows
        if kind == "metrics":
            self.content = content
