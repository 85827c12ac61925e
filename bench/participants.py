"""Coterie's participants in a benchmark: identities, links over TLS, and a common start."""

from __future__ import annotations

import secrets
import socket
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.processes import free_ports
from bench.shaper import Shaper
from coterie.crypto import Identity, PublicIdentity
from coterie.wire import LinkMesh, Mesh, PeerAddress

DEALER = "dealer"
DEALER_WINDOW = 32 * 2**20
"""Bytes that the dealer may be ahead of a party, as in a node's worker."""


def specification(names: Sequence[str], homes: Path, shaper: Shaper | None = None) -> dict[str, Any]:
    """Where the participants of one job are: for :func:`mesh`, as JSON.

    :param homes: an empty folder for their keys.
    :param shaper: the network that each pair of them is to be connected by; loopback without one.
    """
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    identities = {name: Identity.create(homes / name, name).public.model_dump(mode="json") for name in names}
    dial = {
        name: {
            peer: shaper.gate(name, peer, ports[peer]).port if shaper else ports[peer]
            for peer in names
            if peer != name
        }
        for name in names
    }
    return {
        "job": secrets.token_hex(16),
        "homes": str(homes),
        "identities": identities,
        "ports": ports,
        "dial": dial,
    }


def mesh(spec: dict[str, Any], name: str) -> tuple[LinkMesh, socket.socket]:
    """Links to the other participants, and the listening socket that takes theirs."""
    identity = Identity.load(Path(spec["homes"]) / name)
    peers = {
        peer: PeerAddress(PublicIdentity.model_validate(public), "127.0.0.1", spec["dial"][name][peer])
        for peer, public in spec["identities"].items()
        if peer != name
    }
    listener = socket.create_server(("127.0.0.1", spec["ports"][name]))
    near = [peer for peer in peers if DEALER in (name, peer)]
    links = LinkMesh(identity, spec["job"], peers, windows=dict.fromkeys(near, DEALER_WINDOW))

    def accept() -> None:
        while True:
            try:
                links.accept(listener.accept()[0])
            except OSError:
                return

    threading.Thread(target=accept, daemon=True).start()
    return links, listener


def meet(links: Mesh, step: str) -> None:
    """Return when everybody is here."""
    with links.step(step):
        for peer in links.peers:
            links.to(peer).send_bytes(step, b"here")
        for peer in links.peers:
            links.to(peer).recv_bytes(step, 4)
