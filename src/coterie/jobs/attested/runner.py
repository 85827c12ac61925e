"""What runs in the attested process: the job's components over the opened data of all owners.

``main`` is what the sandbox calls. The host hands in the proposal and the terms; both are public, and neither
is believed: only together do they give the manifest that every owner has granted.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Iterator
from typing import Final

from pydantic import BaseModel, ConfigDict

from coterie.agreement import Terms, is_id_key
from coterie.crypto import canonical
from coterie.jobs.attested.manifest import manifest_of
from coterie.jobs.errors import ID_KEY_DIFFERS, TASK_DIFFERS
from coterie.jobs.joint import run_joint
from coterie.jobs.plan import derive_plan
from coterie.jobs.proposal import Proposal
from coterie.jobs.registry import component
from coterie.tee import PER_ROW, JobManifest, Output, Task, read_document, serve

LEARNERS: Final = "sklearn"
PUBLIC: Final = 16 * 1024 * 1024
"""Bytes of proposal and terms, at most."""


class PublicFacts(BaseModel):
    """What the host puts beside the case."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    proposal: Proposal
    terms: Terms

    def to_bytes(self) -> bytes:
        """Canonical JSON."""
        return canonical(self)


def work(task: Task) -> Iterator[Output]:
    """Run the job. Errors: CT-4032, CT-4035, and those of :func:`coterie.jobs.run_joint`."""
    facts = read_document(PublicFacts, task.public, PUBLIC, TASK_DIFFERS)
    plan = derive_plan(facts.proposal, facts.terms)
    if manifest_of(facts.proposal, plan, facts.terms) != task.manifest:
        raise TASK_DIFFERS("proposal and terms do not give the manifest")
    made: list[Output] = []

    def publish(step: str, kind: str, name: str, content: bytes, to: tuple[str, ...], rows: int) -> None:
        listed = None if kind in PER_ROW else rows
        fields = {"step": step, "kind": kind, "name": f"{step}/{name}", "content": content}
        made.append(Output(**fields, rows=listed, to=to))  # type: ignore[arg-type]

    run_joint(
        facts.proposal,
        facts.terms,
        task.datasets,
        _id_key(task, facts.terms),
        publish=publish,
        progress=lambda step, done, _total, _what: task.progress(step) if not done else None,
    )
    yield from made


def _id_key(task: Task, terms: Terms) -> bytes:
    """The key of the id hashes, which every owner has released beside its data key."""
    for owner in task.datasets:
        if not is_id_key(task.secrets.get(owner, b""), terms):
            raise ID_KEY_DIFFERS(f"'{owner}'", party=owner)
    return next(iter(task.secrets.values()))


def prepare(manifest: JobManifest) -> None:
    """Load what the job's components use, and nothing else. A component that is none, or a library that is
    not there, is for the run to tell.
    """
    wanted = {module for step in manifest.steps for module in component(step.component).libraries}
    with contextlib.nullcontext() if any(one.startswith(LEARNERS) for one in wanted) else _without(LEARNERS):
        for module in sorted(wanted):
            importlib.import_module(module)


@contextlib.contextmanager
def _without(package: str) -> Iterator[None]:
    """As if a package were not installed. XGBoost loads all of scikit-learn where it is, and takes most of a
    second for that, for classes that are not used here."""
    if package in sys.modules:
        yield
        return
    sys.modules[package] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[package]


def main() -> None:
    """One run, spoken for by standard input."""
    serve(work, prepare)
