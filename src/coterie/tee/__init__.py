"""Attested execution: sealed containers, evidence, and the release of keys to code that is proven to run."""

__all__: list[str] = []
