"""A narrow line: passes and operations beside SPU, both over the same shaped lines."""

from functools import partial

from bench import networks
from bench.line import NARROW

__all__ = ["METHOD", "benchmark", "works"]

METHOD = networks.method(NARROW)
benchmark = partial(networks.benchmark, NARROW)
works = partial(networks.works, NARROW)
