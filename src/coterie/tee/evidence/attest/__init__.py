"""Attesters: each asks its platform to sign 64 bytes."""
