"""The REST API, version 1: thin routes over the node's services."""

from .addresses import AddressedProtocol
from .app import build_app

__all__ = ["AddressedProtocol", "build_app"]
