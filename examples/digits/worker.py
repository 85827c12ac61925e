"""One participant of the job: a process that runs it as a node's worker does, over TLS links to the others.

python -m examples.digits.worker SPEC.json NAME FOLDER
"""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import traceback
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch  # noqa: F401 - once for all

from coterie.agreement import Terms
from coterie.crypto import Identity, PublicIdentity
from coterie.data import DatasetSpec
from coterie.errors import CoterieError
from coterie.jobs import Assignment, Proposal, run_job
from coterie.wire import LinkMesh, PeerAddress


class Host:
    """What a node is to its worker: here it writes down in memory what a node's ledger would have."""

    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []
        self.results: dict[str, str] = {}

    def progress(self, step: str, done: int, total: int, what: str, *, unit: str | None = None) -> None:
        """Nobody looks."""

    def ledger(self, kind: str, body: Mapping[str, Any]) -> None:
        """Kept for the parent."""
        self.entries.append({"kind": kind, **body})

    def published(self, kind: str, name: str, path: Path, content: str, size: int) -> None:  # noqa: ARG002
        """Where each result lies."""
        self.results[name] = str(path)

    def tape(self, binding: object) -> None:
        """No dealer here."""

    def releaser(self, question: str, *parts: bytes) -> tuple[bytes, ...]:
        """No sealed data here."""
        raise NotImplementedError(question)

    def unwrap(self, wrapped: bytes, info: bytes) -> bytes:
        """No sealed data here."""
        raise NotImplementedError


def links_to(spec: dict[str, Any], name: str, job: str) -> tuple[LinkMesh, socket.socket]:
    """Links to all others, and the socket that takes theirs."""
    identity = Identity.load(Path(spec["homes"]) / name)
    peers = {
        peer: PeerAddress(PublicIdentity.model_validate(public), "127.0.0.1", spec["ports"][peer])
        for peer, public in spec["identities"].items()
        if peer != name
    }
    listener = socket.create_server(("127.0.0.1", spec["ports"][name]), backlog=len(peers))
    links = LinkMesh(identity, job, peers)

    def accept() -> None:
        while True:
            try:
                links.accept(listener.accept()[0])
            except OSError:
                return

    threading.Thread(target=accept, daemon=True).start()
    return links, listener


def take_part(spec: dict[str, Any], name: str, folder: Path) -> None:
    """Run the job; what a node would have been told lies in the folder."""
    proposal = Proposal.model_validate_json(json.dumps(spec["proposal"]))
    dataset = spec["datasets"].get(name)
    assignment = Assignment(
        me=name,
        proposal=proposal,
        terms=Terms.model_validate_json(json.dumps(spec["terms"])),
        dataset=None if dataset is None else DatasetSpec.model_validate_json(json.dumps(dataset)),
        # In an example all are one person; parties agree on a secret when they sign.
        id_key=("00" if dataset is None else "5a") * 32,
        directory=folder,
    )
    host = Host()
    links, listener = links_to(spec, name, proposal.job)
    try:
        run_job(assignment, links, host)
    finally:
        links.close()
        listener.close()
    told = {"entries": host.entries, "results": host.results}
    (folder / "told.json").write_text(json.dumps(told), encoding="utf-8")


def forked(spec: dict[str, Any], name: str, folder: Path) -> int:
    """A participant in a process of its own. Gives the process's number."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        folder.mkdir(parents=True)
        take_part(spec, name, folder)
        code = 0
    except CoterieError as error:
        (folder / "error.txt").write_text(str(error), encoding="utf-8")
    except Exception:  # noqa: BLE001 - the parent reads it
        (folder / "error.txt").write_text(traceback.format_exc(), encoding="utf-8")
    finally:
        os._exit(code)


def main(spec_path: str, parties: str) -> int:
    spec = json.loads(Path(spec_path).read_text(encoding="utf-8"))
    pids = [forked(spec, name, Path(parties) / name) for name in spec["identities"]]
    return 0 if max(os.waitpid(pid, 0)[1] for pid in pids) == 0 else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
