"""Failures of keys that are no longer in use: CT-514x."""

from __future__ import annotations

from coterie.errors import NotAgreed, define

KEY_REVOKED = define(
    "CT-5140",
    NotAgreed,
    "The party's key was revoked here: it was declared lost or stolen",
    "Introduce the party again with a new key, and sign new agreements; the old ones stay suspended.",
)
