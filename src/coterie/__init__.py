"""Shared learning: institutions train models on their combined data, and nobody sees anybody's raw data.

Nothing is exported here; see the rooms below, and :mod:`coterie.client` for the Python SDK.
"""
