"""SPU's links between parties. For the interpreter of SPU's environment."""

from __future__ import annotations

from typing import Any

from spu import libspu

MILLISECONDS = 3_600_000
"""That a party waits for another: longer than any benchmark."""


def connected(ports: list[int], rank: int) -> Any:
    """Links to the other parties, without TLS.

    :param ports: that this rank listens at and dials.
    """
    links = libspu.link.Desc()
    links.recv_timeout_ms = links.http_timeout_ms = MILLISECONDS
    for index, port in enumerate(ports):
        links.add_party(f"party{index}", f"127.0.0.1:{port}")
    return libspu.link.create_brpc(links, rank)
