"""The REST API, version 1: thin routes over the node's services."""

from .app import build_app

__all__ = ["build_app"]
