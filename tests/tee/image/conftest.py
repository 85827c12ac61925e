"""Worlds to run in machines."""

from tests.tee.runner.conftest import measurement, sandbox, world

__all__ = ["measurement", "sandbox", "world"]
