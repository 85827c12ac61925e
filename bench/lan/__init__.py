"""A local network: passes and operations beside SPU, both over the same shaped lines."""

from functools import partial

from bench import networks
from bench.line import LAN

__all__ = ["METHOD", "benchmark", "works"]

METHOD = networks.method(LAN)
benchmark = partial(networks.benchmark, LAN)
works = partial(networks.works, LAN)
