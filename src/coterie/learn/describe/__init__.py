"""Figures of columns."""

from coterie.learn.describe.component import Describe
from coterie.learn.describe.params import DescribeParams
from coterie.learn.describe.record import Category, ColumnProfile, Histogram, Profile, Quantile

__all__ = ["Category", "ColumnProfile", "Describe", "DescribeParams", "Histogram", "Profile", "Quantile"]
