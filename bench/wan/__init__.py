"""A wide-area network: passes and operations beside SPU, both over the same shaped lines."""

from functools import partial

from bench import networks
from bench.line import WAN

__all__ = ["METHOD", "benchmark", "works"]

METHOD = networks.method(WAN)
benchmark = partial(networks.benchmark, WAN)
works = partial(networks.works, WAN)
