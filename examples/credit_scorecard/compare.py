"""What the runs of one pipeline gave, held against each other: IV, points, quality, batch scores."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from examples.credit_scorecard.world import Setting, document

IV_DIFFERENCE = 1e-3
POINTS_SHARE = 0.99
AUC_DIFFERENCE = 1e-3


def outcome(folder: Path, setting: Setting) -> dict[str, Any]:
    """Of one setting: IV by feature, quality of the scorecard, points by feature and bin, applicants scored.

    :param folder: of the results, by job and party.
    """
    lender, metrics = folder / "job" / "lender", "evaluate/metrics.json"
    joint = document(lender, metrics)["joint"]
    scores = pq.read_table(folder / "predict" / "lender" / "predict" / "scores.parquet")
    ivs = document(lender, "bin/bin.iv.json")["columns"]
    return {
        "iv": {feature["column"]: feature["iv"] for feature in ivs},
        "auc": joint["auc"],
        "ks": joint["ks"],
        "points": _points(folder, setting),
        "scored": scores.num_rows,
    }


def _points(folder: Path, setting: Setting) -> dict[str, list[float]]:
    """Points of the bins of every feature, from every party's own card: only an example has them all."""
    found = {}
    for party in setting.parties:
        path = folder / "job" / party / "scorecard" / "scorecard.scorecard.json"
        if path.exists():
            for feature in document(path.parent, path.name)["columns"]:
                found[feature["name"]] = [one["points"] for one in feature["bins"]]
    return found


def agreement(joint: Mapping[str, Any], pooled: Mapping[str, Any]) -> dict[str, Any]:
    """How far a joint run is from the run on pooled columns."""
    pairs = [
        (one, other)
        for name in joint["points"].keys() | pooled["points"].keys()
        for one, other in _padded(joint["points"].get(name, []), pooled["points"].get(name, []))
    ]
    return {
        "points_equal_share": sum(one == other for one, other in pairs) / len(pairs),
        "iv_max_difference": max(abs(iv - pooled["iv"][name]) for name, iv in joint["iv"].items()),
        "auc_difference": abs(joint["auc"] - pooled["auc"]),
        "same_features": joint["points"].keys() == pooled["points"].keys(),
    }


def _padded(one: list[float], other: list[float]) -> list[tuple[float | None, float | None]]:
    """Bin by bin; a bin that only one has is no other's equal."""
    length = max(len(one), len(other))
    left, right = ([*points, *[None] * (length - len(points))] for points in (one, other))
    return list(zip(left, right, strict=True))


def checks(result: Mapping[str, Any]) -> dict[str, bool]:
    """What the example claims, and whether it is so."""
    found = {}
    for name, told in (("two", result), ("three", result["three_parties"])):
        found[f"{name} parties: IV within {IV_DIFFERENCE} of the pooled run"] = (
            told["iv_max_difference"] <= IV_DIFFERENCE
        )
        found[f"{name} parties: points equal in {POINTS_SHARE:.0%} of the bins"] = (
            told["points_equal_share"] >= POINTS_SHARE
        )
        found[f"{name} parties: AUC within {AUC_DIFFERENCE} of the pooled run"] = (
            told["auc_difference"] <= AUC_DIFFERENCE
        )
    return found
