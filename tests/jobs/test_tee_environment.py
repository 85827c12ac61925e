"""Plans and reports of engine tee say on what they rest: hardware, or a platform that only pretends."""

from __future__ import annotations

from typing import Any

import pytest

from coterie.jobs import derive_plan
from tests.jobs.joint import asked, run

STEPS = ["align", "split", {"boosting": {"rounds": 3, "threads": 1}}, "evaluate"]
MEASURED = {"sim": "11" * 48, "swtpm": "22" * 32, "snp": "33" * 48}


def section(*types: str) -> dict[str, Any]:
    """Of terms: the hub hosts on one of these platforms."""
    names = {"sim": "measurement", "swtpm": "pcr8", "snp": "measurement"}
    svns = {"snp-milan": {"bootloader": 4, "tee": 0, "snp": 20, "microcode": 209}} if "snp" in types else {}
    return {
        "host": "hub",
        "platform": {
            "types": list(types),
            "simulated": types != ("snp",),
            "chips": "any",
            "minimum_svns": svns,
        },
        "measurements": {kind: [{names[kind]: MEASURED[kind]}] for kind in types},
        "max_output_bytes": 4_000_000,
    }


@pytest.mark.parametrize(
    ("types", "assurance", "platforms"),
    [
        (("sim", "swtpm"), "simulated", ("sim", "swtpm")),
        (("snp",), "hardware", ("snp",)),
        (("sim", "snp"), "hardware", ("snp",)),  # beside hardware a simulated one does not count
    ],
)
def test_every_step_says_what_it_rests_on(
    types: tuple[str, ...], assurance: str, platforms: tuple[str, ...]
) -> None:
    proposal, terms = asked(STEPS, tee=section(*types))
    plan = derive_plan(proposal, terms)
    assert plan.tee is not None
    assert plan.tee.to_document() == {"assurance": assurance, "platforms": list(platforms)}
    statements = [step.statement for step in plan.steps if step.component != "plan"]
    assert statements
    for statement in statements:
        assert statement is not None
        helper = str(statement.helper)
        assert ("SIMULATED" in helper) == (assurance == "simulated")
        assert ("its maker" in helper) == (assurance == "hardware")
        assert f"({', '.join(platforms)})" in helper


def test_a_report_of_a_simulated_run_says_so() -> None:
    pages = [
        run([*STEPS, "report"], results={"report": ("payments",)}, tee=section(*types)).files["payments"]
        for types in (("sim", "swtpm"), ("snp",))
    ]
    pretended, real = (page["report/report.html"].decode() for page in pages)
    assert 'trusted execution environment (tee), <span class="warn">SIMULATED by sim or swtpm' in pretended
    assert "SIMULATED" not in real
