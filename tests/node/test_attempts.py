"""Which attempt at a job a link belongs to."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from coterie.jobs import link_name
from coterie.node.attempts import MISSED, Attempts
from coterie.node.core import Core
from coterie.node.errors import NODE_STOPPED
from coterie.node.store import JobRow, Store

JOB = "6f0c1d5f21c14f2e9d3b7a5c8e9f0a1b"


@pytest.fixture
def attempts(tmp_path: Path) -> Any:
    """Of a node with one running job."""
    store = Store(tmp_path / "store.sqlite")
    with store.session() as session:
        empty = {column.name: "" for column in JobRow.__table__.columns if column.type.python_type is str}
        rest = {"summary": {}, "participants": [], "finished": [], "countersigned": [], "number": 1}
        session.add(JobRow(**{**empty, **rest, "id": JOB, "state": "running", "error": None}))
    yield Attempts(cast("Core", SimpleNamespace(store=store, home=SimpleNamespace(jobs=tmp_path / "jobs"))))
    store.close()


def test_links_of_attempts_that_this_node_was_not_told_of(attempts: Attempts) -> None:
    """A node that was away for some attempts knows the links of the one that it was not away for: others'
    workers dial as soon as they are told, and must not hear that there is no such job.
    """
    assert attempts.job_of(JOB) == (JOB, 0)
    attempts.broke(JOB, NODE_STOPPED())
    for number in (1, 4, MISSED):
        assert attempts.job_of(link_name(JOB, number)) == (JOB, number)
    assert attempts.job_of(link_name(JOB, MISSED + 1)) is None
    attempts.begin(JOB, 4, None)
    assert attempts.job_of(link_name(JOB, 4)) == (JOB, 4)
    assert attempts.job_of(link_name(JOB, 4 + MISSED)) == (JOB, 4 + MISSED)
    assert attempts.job_of(link_name(JOB, 3)) == (JOB, 3), "its caller is about to hear that it is over"
    assert attempts.job_of("0" * 32) is None
