"""The example's contracts and jobs: four nodes and a hub, each with a home folder of its own."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coterie.client import Client
from coterie.node import JobView

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Setting:
    """One way to run the same pipeline."""

    name: str
    """In the results."""
    folder: str
    """Of agreement, jobs and datasets."""
    parties: tuple[str, ...]
    """With data; the first one submits."""
    helper: str | None
    """Who deals, or adds up."""
    root: Path = HERE
    """Of the example."""

    @property
    def participants(self) -> tuple[str, ...]:
        return self.parties if self.helper is None else (*self.parties, self.helper)

    def text(self, file: str) -> str:
        """One of its files."""
        return (self.root / self.folder / file).read_text(encoding="utf-8")


SETTINGS = (
    Setting("mpc", "two", ("lender", "payments"), "hub"),
    Setting("clear", "clear", ("lender",), None),
    Setting("mpc_three", "three", ("lender", "telecom", "microlender"), "hub"),
)


def introduce(clients: Mapping[str, Client], setting: Setting, known: set[frozenset[str]]) -> None:
    """Everybody in it pins everybody's key, by one-time invitations."""
    for number, inviter in enumerate(setting.participants):
        for guest in setting.participants[number + 1 :]:
            pair = frozenset((inviter, guest))
            if pair not in known:
                known.add(pair)
                clients[guest].accept(str(clients[inviter].invite(hours=1).text))


def agree(
    clients: Mapping[str, Client], setting: Setting, datasets: Mapping[str, Mapping[str, Path]]
) -> None:
    """Register the datasets; draft, offer and sign the agreement.

    :param datasets: the data file by declaration file, by party.
    """
    for party, files in datasets.items():
        for declared, path in files.items():
            lines = setting.text(declared).splitlines()
            source = f"source: {{kind: csv, path: {path}}}"
            clients[party].add_dataset(
                "\n".join(source if line.startswith("source:") else line for line in lines)
            )
    first, *others = setting.parties
    draft = clients[first].draft_agreement(setting.text("agreement.yaml"))
    if others:
        clients[first].offer_agreement(draft.id)
    for party in setting.parties:
        clients[party].sign_agreement(draft.id)


def run(client: Client, text: str) -> tuple[JobView, float]:
    """Submit a job and follow it; gives the seconds that it took, too."""
    started = time.monotonic()
    job = client.wait(client.submit(text).id)
    return job, time.monotonic() - started


def fetch(clients: Mapping[str, Client], setting: Setting, job: str, folder: Path) -> None:
    """Every party's results, in a folder of its own."""
    for party in setting.parties:
        for one in clients[party].results(job):
            target = folder / party / one.name
            target.parent.mkdir(parents=True, exist_ok=True)
            clients[party].download(job, one.name, target)


def spent(clients: Mapping[str, Client], setting: Setting, job: str) -> dict[str, dict[str, Any]]:
    """Seconds and bytes of each step, from the ledgers: seconds of the slowest, bytes of all together."""
    steps: dict[str, dict[str, Any]] = {}
    for party in setting.participants:
        for entry in clients[party].ledger(kind="egress", job=job):
            body = entry.body
            step = steps.setdefault(body["step"], {"seconds": 0.0, "bytes": 0, "rounds": 0})
            step["seconds"] = max(step["seconds"], body["seconds"])
            step["bytes"] += sum(body["sent"].values())
            step["rounds"] = max(step["rounds"], body["rounds"]["used"])
    return steps


def document(folder: Path, name: str) -> Any:
    """A JSON result."""
    return json.loads((folder / name).read_text(encoding="utf-8"))
