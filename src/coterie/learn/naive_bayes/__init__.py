"""Naive Bayes: features that are taken for independent, given the label."""

from coterie.learn.naive_bayes.component import NaiveBayes
from coterie.learn.naive_bayes.model import Bayes, load_model
from coterie.learn.naive_bayes.params import NaiveBayesParams
from coterie.learn.naive_bayes.record import BayesCategory, BayesFeature, BayesRecord

__all__ = [
    "Bayes",
    "BayesCategory",
    "BayesFeature",
    "BayesRecord",
    "NaiveBayes",
    "NaiveBayesParams",
    "load_model",
]
