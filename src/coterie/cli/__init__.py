"""The command line: ``coterie COMMAND``."""

from .main import main

__all__ = ["main"]
