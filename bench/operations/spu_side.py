"""The SPU side: the same operations, in the ways and with the settings that it has for them."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bench import spu
from bench.line import LOOPBACK, Shape
from bench.operations.side import Run
from bench.operations.work import Data, Work, difference
from bench.spu import VERSION

PARTY = Path(__file__).with_name("spu_party.py")


@dataclass(frozen=True)
class Variant:
    """A way to have an operation done."""

    name: str
    function: str
    note: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    repeats: int = 2


TRUNCATION = {"trunc_allow_msb_error": True}

VARIANTS: dict[str, tuple[Variant, ...]] = {
    "sigmoid": (
        Variant("", "sigmoid", "jax.nn.sigmoid, which JAX lowers to exponential and reciprocal"),
        Variant(" tanh", "tanh", "by jnp.tanh"),
        Variant(" segments", "segments", "three straight segments, SPU's coarse sigmoid"),
    ),
    "exp": (
        Variant("", "exp", "fxp_exp_mode by default, EXP_TAYLOR"),
        Variant(" pade", "exp", "fxp_exp_mode EXP_PADE", {"fxp_exp_mode": "EXP_PADE"}, repeats=1),
    ),
    "matmul": (
        Variant("", "matmul"),
        Variant(" fast truncation", "matmul", "trunc_allow_msb_error, which may fail", TRUNCATION),
    ),
    "multiply": (
        Variant("", "multiply"),
        Variant(" fast truncation", "multiply", "trunc_allow_msb_error, which may fail", TRUNCATION),
    ),
    "sort": (
        Variant("", "sort"),
        Variant(" radix", "sort", "sort_method SORT_RADIX", {"sort_method": "SORT_RADIX"}),
    ),
}
"""Under SEMI2K, the default first. Others have the default only, but for ``shuffle``, which has none."""

PROTOCOLS = ("SEMI2K", "ABY3")


def variants(work: Work, protocol: str) -> tuple[Variant, ...]:
    """What is measured of a work: all under SEMI2K, the default under ABY3."""
    if work.operation == "shuffle":
        return ()
    known = VARIANTS.get(work.operation, (Variant("", work.operation),))
    return known if protocol == "SEMI2K" else known[:1]


def side_name(protocol: str, variant: Variant) -> str:
    """The peer's name in the records."""
    return f"spu {VERSION} {protocol.lower()}{variant.name}"


def note(work: Work, side: str) -> str:
    """What a side stands for; nothing for other sides."""
    for protocol in PROTOCOLS:
        for variant in variants(work, protocol):
            if side_name(protocol, variant) == side:
                return variant.note
    return ""


def measure(
    work: Work, data: Data, protocol: str, shape: Shape = LOOPBACK, only: tuple[Variant, ...] | None = None
) -> list[Run]:
    """Run every variant of a work under a protocol, in fresh processes; the last of its repeats.

    :param shape: of the lines between the parties.
    :param only: these variants.
    :raises PeerMissing: where SPU cannot be installed.
    :raises RuntimeError: where a party fails.
    """
    chosen = variants(work, protocol) if only is None else only
    spec: dict[str, Any] = {
        "folder": str(data.folder),
        "shapes": [one.shape for one in work.inputs],
        "variants": [asdict(variant) for variant in chosen],
    }
    done = spu.run(PARTY, protocol, spec, data.folder, shape)
    sent = [spu.sent(one.log) for one in done]
    runs = []
    at = 0
    for index, variant in enumerate(chosen):
        at += variant.repeats
        parts = [one.result[index] for one in done]
        value = np.load(data.folder / f"result.{protocol}.{index}.npy")
        runs.append(
            Run(
                side=side_name(protocol, variant),
                seconds=max(part["seconds"][-1] for part in parts),
                sent=sum(counts[at - 1] for counts in sent),
                error=difference(work, value, data.truth),
                first_s=max(part["seconds"][0] for part in parts),
                memory=max(part["memory"] for part in parts),
            )
        )
    return runs
