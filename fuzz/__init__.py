"""Hostile bytes for everything that reads what a foreign party sends: ``python -m fuzz.run NAME``."""
