"""Plans on the terminal."""

from __future__ import annotations

from typing import Any

import pytest

from coterie.cli.plans import print_plan
from coterie.node import PlanView


@pytest.mark.parametrize(("disk", "said"), [(0, False), (10_604_000_000, True)])
def test_a_plan_says_what_goes_to_the_disk(capsys: pytest.CaptureFixture[str], disk: int, said: bool) -> None:
    summary: dict[str, Any] = {
        "sent": {},
        "rounds": 3,
        "memory": 2**30,
        "disk": disk,
        "seconds": 1.0,
        "dealt": {},
    }
    document = {"name": "score", "parties": ["lender"], "dealer": None, "stages": []}
    print_plan(PlanView(job="ab" * 16, digest="sha256:" + "0" * 64, summary=summary, document=document))
    out = capsys.readouterr()
    assert ("9.9 GiB" in out.out + out.err) == said
    assert ("own disk" in out.out + out.err) == said
