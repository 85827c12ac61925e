"""What runs around the training, alone: sealing and opening on one core, and one real quote."""

from __future__ import annotations

import io
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, TypeVar

from bench.tee.data import ROOT
from coterie.tee import Endorsements, Evidence, Roots, open_in_memory, root_of, seal, verify_evidence

SIZE: Final = 256 << 20
MATERIAL: Final = ROOT.parent / "shared" / "evidence" / "intel"
"""Real evidence, where it lies beside the project."""
TIME: Final = datetime(2025, 7, 1, tzinfo=UTC)
"""When the quote's collateral was in force."""
QUOTES: Final = 50
T = TypeVar("T")


@dataclass(frozen=True)
class Part:
    """One measurement of one part."""

    side: str
    seconds: float
    """Of a container, or of a quote."""


def containers() -> list[Part]:
    """Seal, open and check 256 MiB from memory to memory, on one core."""
    content = os.urandom(1 << 20) * (SIZE >> 20)
    held: list[bytes] = []
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(cores)})
    try:
        sealing, made = _timed(lambda: seal(io.BytesIO(content), _ignore, size=SIZE, dataset="a/b"))
        made = seal(io.BytesIO(content), lambda part: held.append(bytes(part)), size=SIZE, dataset="a/b")
        container = b"".join(held)
        held.clear()
        # Once before: a machine that is itself simulated takes longer for memory that was never used.
        open_in_memory(io.BytesIO(container), made.key, root=made.root)
        opening, opened = _timed(lambda: open_in_memory(io.BytesIO(container), made.key, root=made.root))
        checking, (_, root) = _timed(lambda: root_of(io.BytesIO(container)))
        if opened[1] != content or root != made.root:
            raise RuntimeError("what was opened is not what was sealed")
    finally:
        os.sched_setaffinity(0, cores)
    return [Part("seal", sealing), Part("open", opening), Part("check", checking)]


def quote() -> list[Part]:
    """Verify a real TDX quote with its collateral, certificates and all; nothing where it is not there."""
    if not MATERIAL.is_dir():
        return []
    blob = (MATERIAL / "tdx_quote").read_bytes()
    collateral = json.loads((MATERIAL / "tdx_quote_collateral.json").read_text(encoding="utf-8"))
    evidence, endorsements = Evidence.of("tdx", blob), Endorsements(type="tdx", collateral=collateral)
    roots = Roots()
    verify_evidence(evidence, endorsements, TIME, roots)
    seconds, _ = _timed(lambda: [verify_evidence(evidence, endorsements, TIME, roots) for _ in range(QUOTES)])
    return [Part("verify", seconds / QUOTES)]


def _ignore(part: bytes | memoryview) -> None:
    del part


def _timed(work: Callable[[], T]) -> tuple[float, T]:
    began = time.perf_counter()
    made = work()
    return time.perf_counter() - began, made
