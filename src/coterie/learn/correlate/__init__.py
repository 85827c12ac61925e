"""Correlations and variance inflation factors over all parties' columns."""

from coterie.learn.correlate.component import Correlate, Vif
from coterie.learn.correlate.fl import pooled_correlation_needs, pooled_correlations
from coterie.learn.correlate.params import CorrelateParams, VifParams
from coterie.learn.correlate.record import Correlations, InflationFactors
from coterie.learn.correlate.task import Task, task_of

__all__ = [
    "Correlate",
    "CorrelateParams",
    "Correlations",
    "InflationFactors",
    "Task",
    "Vif",
    "VifParams",
    "pooled_correlation_needs",
    "pooled_correlations",
    "task_of",
]
