"""What the runner loads before any key comes: the libraries of the job's components, and no others."""

from __future__ import annotations

import subprocess
import sys

import pytest

from coterie.jobs import components

LOADED = """\
import sys
from types import SimpleNamespace
from coterie.jobs.attested.runner import prepare
before = set(sys.modules)
prepare(SimpleNamespace(steps=[SimpleNamespace(component=name) for name in sys.argv[1:]]))
print(*({"sklearn", "xgboost"} & (set(sys.modules) - before)))
import sklearn.base
"""


@pytest.mark.parametrize(
    ("steps", "loaded"),
    [
        (("align", "logistic"), ""),
        (("align", "boosting", "evaluate"), "xgboost"),
        (("align", "neural"), "sklearn"),
        (("boosting", "neural"), "sklearn xgboost"),
    ],
)
def test_a_job_loads_what_its_components_name(steps: tuple[str, ...], loaded: str) -> None:
    """XGBoost alone does not bring scikit-learn, and does not keep anybody from importing it later."""
    command = [sys.executable, "-c", LOADED, *steps]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert sorted(done.stdout.split()) == loaded.split()


def test_components_name_what_is_installed() -> None:
    named = {name for one in components().values() for name in one.libraries}
    assert named == {"xgboost", "sklearn.neural_network", "jinja2"}
