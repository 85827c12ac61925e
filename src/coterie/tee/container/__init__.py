"""Sealed containers: data sets and results that a host can hold, check and carry, and not read."""
