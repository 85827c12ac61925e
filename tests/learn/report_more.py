"""Documents of the steps before and after training, as their own classes write them."""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from coterie.learn.binning import Bins, ColumnBin, ColumnBins, ColumnIv, IvTable
from coterie.learn.compare import Comparison
from coterie.learn.component import Finding
from coterie.learn.contribution import Contributions, PartyContribution
from coterie.learn.correlate import Correlations, InflationFactors
from coterie.learn.crosstab import Association, Associations, Cell, Crosstabs, CrosstabTable
from coterie.learn.decide import Band, Decided, Target, Zone
from coterie.learn.describe import Category, ColumnProfile, Histogram, Profile, Quantile
from coterie.learn.evaluate import ClassMeasures, OwnRowsEvaluation
from coterie.learn.kmeans import Cluster, ClusterFeature, KmeansRecord
from coterie.learn.naive_bayes import BayesCategory, BayesFeature, BayesRecord
from coterie.learn.overlap import OverlapCount
from coterie.learn.overlap.record import PartyRows
from coterie.learn.pca import PcaComponent, PcaFeature, PcaRecord
from coterie.learn.reasons import ReasonsSummary
from coterie.learn.reasons.record import Reason
from coterie.learn.scorecard import CardBin, CardColumn, CardPart
from coterie.learn.select import Feature, Selection
from coterie.learn.stability import FeatureStability, ScoreStability, Stability, StabilityBin
from coterie.learn.summary import ColumnSummary, RowsSummary

from .report_material import LENDER, PAYMENTS, coefficients, evaluation, finding

LABELS = ("[0, 0.1)", "[0.1, 0.35)", "[0.35, 0.7)", "[0.7, 1)", "[1, 9)", "missing")
RATES = (0.018, 0.027, 0.052, 0.11, 0.24, 0.08)
SIZES = (21000, 19000, 16000, 13000, 11000, 4000)


def _bins(tilt: float = 1.0) -> tuple[ColumnBin, ...]:
    goods = [round(size * (1 - rate * tilt)) for size, rate in zip(SIZES, RATES, strict=True)]
    bads = [size - good for size, good in zip(SIZES, goods, strict=True)]
    found = []
    for label, size, good, bad in zip(LABELS, SIZES, goods, bads, strict=True):
        shares = good / sum(goods), bad / sum(bads)
        woe = float(np.log(shares[0] / shares[1]))
        iv = (shares[0] - shares[1]) * woe
        found.append(ColumnBin(label=label, rows=size, goods=good, bads=bad, rate=bad / size, woe=woe, iv=iv))
    return tuple(found)


def binned() -> tuple[Finding, ...]:
    columns = [
        ColumnBins(
            name=name,
            kind="number",
            method="optimal",
            edges=(0.1, 0.35, 0.7, 1.0),
            valued=True,
            rows=sum(SIZES),
            missing_rows=SIZES[-1],
            missing=5,
            bins=_bins(tilt),
            iv=sum(one.iv for one in _bins(tilt)),
        )
        for name, tilt in (("utilization", 1.0), ("age", 0.4))
    ]
    names = [
        *((LENDER, name) for name in ("utilization", "age", "dependents")),
        *((PAYMENTS, name) for name in ("late_90", "debt_ratio")),
    ]
    values = (0.87, 0.24, 0.031, 0.62, 0.009)
    table = IvTable(
        step="bin",
        min_group=20,
        columns=tuple(
            ColumnIv(party=party, column=name, iv=iv, bins=6, missing_rate=None if iv < 0.02 else 0.05)
            for (party, name), iv in zip(names, values, strict=True)
        ),
    )
    return (
        finding("bin", "bins", Bins(columns=tuple(columns)).model_dump(mode="json")),
        finding("bin", "iv", table.model_dump(mode="json")),
    )


def described() -> Finding:
    counts = (310, 1820, 5210, 7340, 4880, 2210, 640, 120)
    number = ColumnProfile(
        party=LENDER,
        column="age",
        type="int",
        whole=True,
        rows=24000,
        missing=1470,
        distinct=71,
        mean=44.31,
        std=13.2,
        min=18.0,
        max=97.0,
        skewness=0.31,
        kurtosis=-0.4,
        quantiles=(Quantile(share=0.5, value=43.0),),
        histogram=Histogram(edges=tuple(float(18 + 10 * n) for n in range(9)), counts=counts),
    )
    theirs = number.model_copy(
        update={"party": PAYMENTS, "column": "income", "whole": False, "min": None, "max": None}
    )
    text = ColumnProfile(
        party=PAYMENTS,
        column="region",
        type="text",
        whole=False,
        rows=24000,
        missing=0,
        distinct=4,
        categories=(Category(name=None, rows=20000), Category(name="north", rows=3000)),
        other=1000,
    )
    document = Profile(frame="train", min_group=20, columns=(number, theirs, text))
    return finding("describe", "profile", document.model_dump(mode="json"))


def correlated(size: int = 6) -> tuple[Finding, ...]:
    random = np.random.default_rng(3)
    draws = random.normal(size=(400, size)) @ (np.eye(size) + 0.35 * random.normal(size=(size, size)))
    matrix = np.corrcoef(draws, rowvar=False).round(6)
    np.fill_diagonal(matrix, 1.0)
    names = tuple(f"{LENDER if n % 2 else PAYMENTS}.column_{n}" for n in range(size))
    table = Correlations(
        frame="train", method="pearson", columns=names, matrix=tuple(map(tuple, matrix.tolist()))
    )
    factors = InflationFactors(
        frame="train", columns=names, vif=(None, *(1.0 + 3.1 * n for n in range(size - 1)))
    )
    return (
        finding("correlate", "correlations", table.model_dump(mode="json")),
        finding("vif", "correlations", factors.model_dump(mode="json")),
    )


def crossed() -> tuple[Finding, ...]:
    cells = tuple(
        Cell(
            label=one.label, rows=one.rows, goods=one.goods, bads=one.bads, rate=one.rate, expected_bads=900.5
        )
        for one in _bins()
    )
    tables = Crosstabs(tables=(CrosstabTable(party=LENDER, column="utilization", cells=cells),))
    told = Associations(
        step="crosstab",
        columns=(
            Association(
                party=LENDER,
                column="utilization",
                groups=6,
                chi2=812.4,
                freedom=5,
                p_value=0.0,
                cramers_v=0.31,
            ),
        ),
    )
    return (
        finding("crosstab", "bins", tables.model_dump(mode="json")),
        finding("crosstab", "correlations", told.model_dump(mode="json")),
    )


def counted() -> Finding:
    rows = (PartyRows(party=LENDER, rows=84_000), PartyRows(party=PAYMENTS, rows=910_000))
    told = OverlapCount(step="overlap", datasets=rows, common=61_234, epsilon=0.25, deviation=7.94)
    return finding("overlap", "profile", told.model_dump(mode="json"))


def summed_up() -> Finding:
    columns = (
        ColumnSummary(party=LENDER, column="income", mean=0.294, std=1.01, unit_mean=3204.1, unit_std=903.7),
        ColumnSummary(party=PAYMENTS, column="late_90", mean=-0.081, std=0.962),
    )
    told = RowsSummary(step="summary", least=1000, rows=61_234, columns=columns)
    return finding("summary", "profile", told.model_dump(mode="json"))


def structured() -> tuple[Finding, ...]:
    components = PcaRecord(
        rows=9000,
        scale="standard",
        variance=3.0,
        features=tuple(
            PcaFeature(party=LENDER, column=name, mean=1e5, scale=0.3) for name in ("age", "income", "late")
        ),
        components=(
            PcaComponent(variance=2.1, share=0.7, cumulative=0.7, loadings=(0.8, 0.6, 0.0)),
            PcaComponent(variance=0.6, share=0.2, cumulative=0.9, loadings=(-0.6, 0.8, 0.0)),
        ),
        variances=(2.1, 0.6, 0.3),
    )
    clusters = KmeansRecord(
        rows=9000,
        asked=4,
        features=(ClusterFeature(party=LENDER, column="age"), ClusterFeature(party=PAYMENTS, column="ratio")),
        clusters=(
            Cluster(number=1, rows=6000, centre=(31.5, -2e-7)),
            Cluster(number=2, rows=2000, centre=(55.0, 8e9)),
            Cluster(number=3, rows=1000, centre=(80.25, 0.0)),
        ),
        inertia=1.5e5,
        spread=6e5,
        iterations=12,
        converged=True,
        start=((30.0, 0.0), (50.0, 0.0), (70.0, 0.0), (71.0, 0.0)),
        inertias=(1.5e5, 1.6e5),
    )
    return (
        finding("pca", "coefficients", components.model_dump(mode="json")),
        finding("kmeans", "coefficients", clusters.model_dump(mode="json")),
    )


def believed() -> Finding:
    record = BayesRecord(
        rows=(7000, 2000),
        priors=(7 / 9, 2 / 9),
        features=(
            BayesFeature(party=LENDER, column="age", means=(44.0, 39.0), variances=(100.0, 100.0)),
            BayesFeature(
                party=PAYMENTS,
                column="region",
                categories=(
                    BayesCategory(name="north", shares=(0.75, 0.25)),
                    BayesCategory(name=None, shares=(0.25, 0.75)),
                ),
            ),
        ),
    )
    return finding("naive_bayes", "coefficients", record.model_dump(mode="json"))


def selected() -> Finding:
    features = (
        Feature(party=LENDER, column="utilization", kept=True, reason="chosen", value=1e-6, threshold=0.05),
        Feature(party=LENDER, column="age", kept=True, reason="keep"),
        Feature(party=LENDER, column="dependents", kept=False, reason="low_iv", value=0.011, threshold=0.02),
        Feature(
            party=PAYMENTS,
            column="late_60",
            kept=False,
            reason="correlated",
            value=0.93,
            threshold=0.8,
            other=f"{PAYMENTS}.late_90",
        ),
        Feature(party=PAYMENTS, column="late_90", kept=True, reason="chosen"),
    )
    return finding("select", "selection", Selection(features=features).model_dump(mode="json"))


def carded() -> tuple[Finding, ...]:
    points = (62.0, 55.0, 41.0, 26.0, 9.0, 31.0)
    bins = tuple(
        CardBin(label=one.label, woe=one.woe, points=value)
        for one, value in zip(_bins(), points, strict=True)
    )
    fields = {"name": "utilization", "coefficient": -0.83, "most": 62.0, "least": 9.0, "bins": bins}
    if "mean" in CardColumn.model_fields:
        fields["mean"] = 40.0
    part = CardPart(
        party=LENDER,
        model="logistic",
        base_points=600.0,
        base_odds=50.0,
        pdo=20.0,
        decimals=0,
        start=312.0,
        columns=(CardColumn.model_validate(fields),),
        features={LENDER: ("utilization", "age"), PAYMENTS: ("late_90",)},
    )
    reasons = ReasonsSummary(
        scorecard="scorecard",
        frame="test",
        against="best",
        rows=36000,
        without=210,
        features=(
            Reason(party=LENDER, column="utilization", rows=(9000, 7000, 5000)),
            Reason(party=PAYMENTS, column="late_90", rows=(12000, 4000, 900)),
        ),
    )
    return (
        finding("scorecard", "scorecard", part.model_dump(mode="json")),
        finding("reasons", "reasons", reasons.model_dump(mode="json")),
    )


def stable() -> Finding:
    shares = ((0.1, 0.09), (0.2, 0.18), (0.4, 0.41), (0.2, 0.21), (0.1, 0.11))
    bins = tuple(
        StabilityBin(
            label=label,
            base_rows=round(84000 * base),
            rows=round(36000 * now),
            base_share=base,
            share=now,
            psi=float((now - base) * np.log(now / base)),
        )
        for (base, now), label in zip(shares, LABELS, strict=False)
    )
    psi = sum(one.psi for one in bins)
    document = Stability(
        base="train",
        frame="test",
        base_rows=84000,
        rows=36000,
        model="scorecard",
        score=ScoreStability(unit="points", psi=psi, bins=bins),
        features=(
            FeatureStability(party=LENDER, column="utilization", psi=0.27, bins=5, shown=bins),
            FeatureStability(party=PAYMENTS, column="late_90", psi=0.13, bins=4),
            FeatureStability(party=PAYMENTS, column="income", psi=0.01, bins=5),
        ),
    )
    return finding("stability", "metrics", document.model_dump(mode="json"))


def compared() -> Finding:
    difference = {"difference": 0.0412, "low": 0.031, "high": 0.0514, "z": 7.9, "p_value": 3e-15}
    side = {"auc_low": 0.85, "auc_high": 0.87, "gini": 0.72, "ks": 0.56, "brier": 0.049}
    cell = {"rows": 1500, "positives": 60, "rate": 0.04}
    outcomes = {
        "first": {"approval": 0.7, "bad_rate": 0.021, "loss": 238.1, "profit": 912.0},
        "second": {"approval": 0.7, "bad_rate": 0.029, "loss": 328.9, "profit": 801.5},
    }
    document = Comparison.model_validate_json(
        json.dumps(
            {
                "frame": "test",
                "rows": 36000,
                "positives": 2400,
                "first": {"name": "scorecard", "auc": 0.8612, **side},
                "second": {"name": "own columns alone", "auc": 0.82, **side},
                "auc": difference,
                "ks_difference": 0.06,
                "reclassification": {
                    "cut_offs": [0.05, 0.2],
                    "nri_positives": 0.11,
                    "nri_negatives": 0.02,
                    "nri": difference,
                    "nri_continuous": difference,
                    "idi": difference,
                },
                "swap": {
                    "approval": 0.7,
                    "both": cell,
                    "swapped_in": cell,
                    "swapped_out": {**cell, "rate": 0.09},
                    "neither": cell,
                },
                "at_equal_approval": [{"target": 0.7, **outcomes}],
                "at_equal_bad_rate": [
                    {"target": 0.03, **outcomes},
                    {"target": 0.001, "first": None, "second": None},
                ],
                "loss_given_default": 0.45,
                "margin": 0.03,
                "exposure": None,
            }
        )
    )
    return finding("compare", "metrics", document.model_dump(mode="json"))


def owned(**changes: Any) -> Finding:
    """What joining gained the lender, on its own rows."""
    sides = (
        (0.7580, 0.7310, 0.7850, 0.3912, 0.4420, 0.1411, 0.0131),
        (0.7426, 0.7150, 0.7702, 0.3701, 0.4512, 0.1436, 0.0187),
        (0.7795, 0.7691, 0.7899, 0.4202, 0.4301, 0.1352, 0.0074),
    )
    joint, own, everywhere = (
        ClassMeasures(
            auc=auc, auc_low=low, auc_high=high, gini=2 * auc - 1, ks=ks, log_loss=loss, brier=brier,
            calibration_error=error,
        )
        for auc, low, high, ks, loss, brier, error in sides
    )  # fmt: skip
    told = OwnRowsEvaluation(
        model="logistic",
        frame="test",
        party=LENDER,
        training_rows=2069,
        rows=931,
        all_rows=9004,
        positives=207,
        joint=joint,
        own=own,
        everywhere=everywhere,
        auc_gain=0.0154,
        auc_gain_low=0.0031,
        auc_gain_high=0.0277,
        auc_gain_p=0.0141,
    )
    return finding("evaluate", "metrics", {**told.model_dump(mode="json"), **changes})


def parted(**changes: Any) -> Finding:
    """Contributions of three parties, one of which has done harm."""
    parties = (
        PartyContribution(party=LENDER, rows=2069, contribution=0.0123, left_out=0.0041),
        PartyContribution(party=PAYMENTS, rows=12_589, contribution=0.0512, left_out=0.0093),
        PartyContribution(party="north", rows=6338, contribution=-0.0021, left_out=-0.0007),
    )
    told = Contributions(
        model="logistic",
        frame="test",
        method="in_run",
        measure="log_loss",
        rows=9004,
        nothing=0.5284,
        whole=0.4670,
        gain=0.0614,
        accounted=0.0614,
        told="all",
        parties=parties,
    )
    return finding("contribution", "contribution", {**told.model_dump(mode="json"), **changes})


def decided() -> Finding:
    zones = tuple(
        Zone(
            decision=decision,  # type: ignore[arg-type]
            rows=rows,
            share=rows / 36000,
            positives=positives,
            rate=positives / rows,
            predicted=positives / rows * 1.02,
            limit=rows * 10_000.0,
            expected_loss=positives * 4500.0,
        )
        for decision, rows, positives in (
            ("approve", 25000, 520),
            ("manual", 5000, 430),
            ("refuse", 6000, 1450),
        )
    )
    bands = tuple(
        Band(
            band=place,
            score_low=700.0 - 40 * place,
            score_high=739.0 - 40 * place,
            rows=6000,
            share=1 / 6,
            positives=60 * place * place,
            rate=0.01 * place * place,
            predicted=0.011 * place * place,
            decision=decision,  # type: ignore[arg-type]
            limit=max(0.0, 60_000.0 - 10_000 * place),
            expected_loss=27_000.0 * place,
        )
        for place, decision in enumerate(("approve", "approve", "approve", "approve", "manual", "refuse"), 1)
    )
    document = Decided(
        model="scorecard",
        frame="test",
        unit="points",
        rows=36000,
        positives=2400,
        approve=540.0,
        refuse=500.0,
        approve_probability=0.05,
        refuse_probability=0.15,
        targets=(Target(name="max_bad_rate", wanted=0.025, reached=0.0208, met=True),),
        zones=zones,
        bands=bands,
        loss_given_default=0.45,
    )
    return finding("decide", "metrics", document.model_dump(mode="json"))


def everything() -> tuple[Finding, ...]:
    """One of each kind."""
    return (
        described(),
        counted(),
        summed_up(),
        *crossed(),
        *binned(),
        *correlated(),
        *structured(),
        believed(),
        selected(),
        *coefficients(),
        *carded(),
        *evaluation(),
        owned(),
        parted(),
        stable(),
        compared(),
        decided(),
    )
