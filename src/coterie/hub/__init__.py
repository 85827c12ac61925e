"""The neutral service: a node without data, which deals randomness for jobs of agreements that name it."""

from __future__ import annotations

from pathlib import Path

from coterie.node import Home, init_node, run_node

__all__ = ["init_hub", "run_hub"]


def init_hub(home: Path, name: str, listen: str = "127.0.0.1:7400", address: str | None = None) -> Home:
    """Make a hub's home. See :func:`coterie.node.init_node`."""
    return init_node(home, name=name, listen=listen, address=address, role="hub")


def run_hub(home: Path) -> None:
    """Run the hub of ``home``. See :func:`coterie.node.run_node`."""
    run_node(home)
