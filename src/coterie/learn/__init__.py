"""Components: what a job's pipeline is made of."""

from __future__ import annotations

from typing import Any

from coterie.learn.align import Align
from coterie.learn.attested import attested
from coterie.learn.binning import Bin, Woe
from coterie.learn.boosting import Boosting
from coterie.learn.cast import Cast
from coterie.learn.clip import Clip
from coterie.learn.compare import Compare
from coterie.learn.component import (
    EACH,
    MIN_GROUP,
    Component,
    Earlier,
    Engine,
    Finding,
    FrameShape,
    JobFacts,
    Measured,
    Params,
    PlanContext,
    PlannedTape,
    Progress,
    ResultKind,
    Reveal,
    RunContext,
    Statement,
    StepPlan,
    Total,
    synced,
)
from coterie.learn.contribution import Contribution
from coterie.learn.correlate import Correlate, Vif
from coterie.learn.crosstab import Crosstab
from coterie.learn.decide import Decide
from coterie.learn.derive import Derive
from coterie.learn.describe import Describe
from coterie.learn.evaluate import Evaluate
from coterie.learn.fill import Fill
from coterie.learn.filter import Filter
from coterie.learn.glm import Glm
from coterie.learn.kmeans import Kmeans
from coterie.learn.logistic import Logistic
from coterie.learn.minmax import Minmax
from coterie.learn.modules import Module, weights_of
from coterie.learn.naive_bayes import NaiveBayes
from coterie.learn.neural import Neural
from coterie.learn.onehot import Onehot
from coterie.learn.overlap import Overlap
from coterie.learn.pca import Pca
from coterie.learn.pipeline import Pipeline, PipelineFile, Predict, Save, read_pipeline
from coterie.learn.private import spends_of
from coterie.learn.reasons import Reasons
from coterie.learn.report import Report, in_language
from coterie.learn.sample import Sample
from coterie.learn.scorecard import Scorecard
from coterie.learn.select import Select
from coterie.learn.split import Split
from coterie.learn.stability import Stable
from coterie.learn.stack import Stack
from coterie.learn.standardize import Standardize
from coterie.learn.summary import Summary
from coterie.learn.summed import serve, stated, summing

__all__ = [
    "COMPONENTS",
    "EACH",
    "MIN_GROUP",
    "Component",
    "Earlier",
    "Engine",
    "Finding",
    "FrameShape",
    "JobFacts",
    "Measured",
    "Params",
    "Pipeline",
    "PipelineFile",
    "PlanContext",
    "PlannedTape",
    "Progress",
    "ResultKind",
    "Reveal",
    "RunContext",
    "Statement",
    "StepPlan",
    "Total",
    "attested",
    "in_language",
    "read_pipeline",
    "serve",
    "spends_of",
    "stated",
    "summing",
    "synced",
    "weights_of",
]

_MAKING: tuple[Component[Any], ...] = (
    Align(),
    Stack(),
    Overlap(),
    Cast(),
    Derive(),
    Filter(),
    Sample(),
    Split(),
    Describe(),
    Summary(),
    Correlate(),
    Vif(),
    Crosstab(),
    Fill(),
    Clip(),
    Onehot(),
    Minmax(),
    Standardize(),
    Pca(),
    Kmeans(),
    Bin(),
    Woe(),
    Select(),
    Logistic(),
    Glm(),
    Boosting(),
    Neural(),
    NaiveBayes(),
    Module(),
    Scorecard(),
    Reasons(),
    Evaluate(),
    Contribution(),
    Stable(),
    Compare(),
    Decide(),
)
_BY_NAME = {one.name: one for one in _MAKING}

COMPONENTS: tuple[Component[Any], ...] = (*_MAKING, Save(_BY_NAME), Predict(_BY_NAME), Report())
"""One instance of each, in the order in which a pipeline usually has them."""
