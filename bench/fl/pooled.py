"""The pooled table in one place, one process: statsmodels and scikit-learn.

python -m bench.fl.pooled SPEC.json RESULT.json
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import numpy as np
import statsmodels.api as sm
from sklearn.linear_model import LogisticRegression

from bench import machine
from bench.fl.rows import Rows, pooled

STATSMODELS, SKLEARN = "statsmodels, pooled", "scikit-learn, pooled"


def by_statsmodels(rows: Rows) -> tuple[list[float], list[float], int]:
    """Coefficients, intercept first, their standard errors, and iterations."""
    found = sm.GLM(rows.labels, sm.add_constant(rows.features), sm.families.Binomial()).fit(tol=1e-12)
    return found.params.tolist(), found.bse.tolist(), int(found.fit_history["iteration"])


def by_sklearn(rows: Rows) -> tuple[list[float], list[float], int]:
    """The same without standard errors, which it does not have."""
    found = LogisticRegression(C=np.inf, solver="newton-cholesky", tol=1e-10)
    found.fit(rows.features, rows.labels)
    return [float(found.intercept_[0]), *found.coef_[0].tolist()], [], int(found.n_iter_[0])


FITS = {STATSMODELS: by_statsmodels, SKLEARN: by_sklearn}


def main(spec_path: str, result_path: str) -> None:
    """Fit once."""
    spec = json.loads(Path(spec_path).read_text(encoding="utf-8"))
    rows = pooled(spec["rows"], spec["columns"], spec["parties"])
    began, started = time.process_time(), time.perf_counter()
    coefficients, errors, iterations = FITS[spec["side"]](rows)
    content = {
        "seconds": time.perf_counter() - started,
        "processor_s": time.process_time() - began,
        "coefficients": coefficients,
        "errors": errors,
        "iterations": iterations,
        "memory": machine.peak(),
    }
    Path(result_path).write_text(json.dumps(content), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
