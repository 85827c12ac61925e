"""Drafting: terms from YAML, and the differences between two drafts in words."""

from __future__ import annotations

from collections.abc import Mapping

from .terms import Terms

__all__ = ["compare", "draft"]


def draft(text: str, keys: Mapping[str, str]) -> Terms:
    """Terms from YAML, with the line of what is wrong where it can be told (CT-1402, CT-1601).

    :param keys: hex public key by name of all parties and services known at this node, its own among them. The
        draft may list parties and services by name only; a key that it does give must be the known one.
    """
    raise NotImplementedError


def compare(a: Terms, b: Terms) -> tuple[str, ...]:
    """Every difference as a sentence; empty where the terms are equal."""
    raise NotImplementedError
