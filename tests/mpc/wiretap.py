"""Meshes whose messages are remembered: what goes over the wire, by direction."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from numpy.typing import NDArray

from coterie.wire import local_meshes

from .rig import DEALER

Sent = dict[tuple[str, str], list[bytes]]
"""Messages by sender and receiver."""


class Tap:
    """A channel that remembers what was sent."""

    def __init__(self, inner: Any, sent: list[bytes]) -> None:
        self._inner, self._sent = inner, sent

    def send_array(self, tag: str, array: NDArray[Any]) -> None:
        self._sent.append(array.tobytes())
        self._inner.send_array(tag, array)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def tapped(names: Sequence[str]) -> tuple[dict[str, Any], Sent]:
    """Local meshes of these parties and the dealer, and what they will have sent."""
    meshes, sent = local_meshes([*names, DEALER]), {}
    for name, mesh in meshes.items():
        for peer in mesh.peers:
            sent[name, peer] = []
            mesh.channels[peer] = Tap(mesh.channels[peer], sent[name, peer])  # type: ignore[attr-defined]
    return dict(meshes), sent


def transcript(messages: Sequence[bytes]) -> str:
    """A hash of messages in order, each with its length."""
    whole = hashlib.sha256()
    for message in messages:
        whole.update(len(message).to_bytes(8, "little") + message)
    return whole.hexdigest()[:16]


def transcripts(sent: Mapping[tuple[str, str], list[bytes]]) -> dict[str, str]:
    """By direction, as ``"sender>receiver"``."""
    return {f"{source}>{target}": transcript(messages) for (source, target), messages in sent.items()}
