"""What the runner loads before any key comes: the libraries of the job's components, and no others."""

from __future__ import annotations

import json
import subprocess
import sys

from coterie.jobs import components

LOADED = """\
import json, os, sys
from types import SimpleNamespace
from coterie.jobs.attested.runner import prepare
before = set(sys.modules)
for steps in json.loads(sys.argv[1]):
    if (child := os.fork()) == 0:
        prepare(SimpleNamespace(steps=[SimpleNamespace(component=name) for name in steps]))
        print(*({"sklearn", "xgboost"} & (set(sys.modules) - before)))
        import sklearn.base
        sys.exit(0)
    if os.waitpid(child, 0)[1]:
        sys.exit(1)
"""

CASES = {
    ("align", "logistic"): "",
    ("align", "boosting", "evaluate"): "xgboost",
    ("align", "neural"): "sklearn",
    ("boosting", "neural"): "sklearn xgboost",
}


def test_a_job_loads_what_its_components_name() -> None:
    """XGBoost alone does not bring scikit-learn, and does not keep anybody from importing it later. Each job
    in a process that has loaded what all of them need, and nothing of the jobs before."""
    command = [sys.executable, "-c", LOADED, json.dumps(list(CASES))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert [sorted(line.split()) for line in done.stdout.splitlines()] == [
        loaded.split() for loaded in CASES.values()
    ]


def test_components_name_what_is_installed() -> None:
    named = {name for one in components().values() for name in one.libraries}
    assert named == {"xgboost", "sklearn.neural_network", "jinja2"}
