"""The protocols, one file each; see :mod:`coterie.mpc.protocols.protocol` for their faces."""

from collections.abc import Mapping

from coterie.mpc.protocols import (
    boolean,
    comparison_dcf,
    comparison_tables,
    conversion,
    exponential,
    inputs,
    linear,
    lookup,
    noise,
    octaves,
    opening,
    own,
    permutation,
    product,
    promise,
    provided,
    range_check,
    reveal,
    secret_permutation,
    select,
    sorting,
    table,
    tally,
    trigonometric,
    truncate,
    views,
)
from coterie.mpc.protocols.protocol import Protocol

PROTOCOLS: Mapping[str, Protocol] = {
    protocol.kind: protocol
    for module in (
        inputs,
        provided,
        linear,
        views,
        opening,
        product,
        truncate,
        boolean,
        conversion,
        comparison_tables,
        comparison_dcf,
        select,
        sorting,
        trigonometric,
        exponential,
        octaves,
        range_check,
        promise,
        reveal,
        table,
        lookup,
        noise,
        permutation,
        secret_permutation,
        own,
        tally,
    )
    for protocol in module.PROTOCOLS
}

__all__ = ["PROTOCOLS", "Protocol"]
