"""The REST API, version 1: thin routes over the node's services."""

from .app import build_app
from .connection import HEAD_BYTES, ApiConnection

__all__ = ["HEAD_BYTES", "ApiConnection", "build_app"]
