"""Foreign CBOR (RFC 8949): plain values only, and only the shortest way to write them."""

from __future__ import annotations

from typing import Any, Final

import cbor2

from coterie.tee.evidence.errors import BAD_EVIDENCE

DEPTH: Final = 8
PLAIN = (bytes, str, int, bool, type(None))


def decode(data: bytes, limit: int) -> Any:
    """The value in ``data``: maps, arrays, byte and text strings, integers, booleans, null.

    Errors: CT-2230 for more than ``limit`` bytes, nesting deeper than 8, indefinite lengths, repeated
    keys, tags, floats, numbers and lengths that are not in their shortest form, and bytes left over. So
    two readers cannot disagree on it.
    """
    if len(data) > limit:
        raise BAD_EVIDENCE(f"{len(data)} bytes of CBOR where {limit} are allowed")
    try:
        value = cbor2.loads(data, max_depth=DEPTH, allow_indefinite=False, allow_duplicate_keys=False)
        if _is_plain(value) and cbor2.dumps(value) == data:
            return value
    except (cbor2.CBORError, ValueError, TypeError, OverflowError, RecursionError) as error:
        raise BAD_EVIDENCE("it is not the CBOR that was expected") from error
    raise BAD_EVIDENCE("its CBOR holds more than plain values, or is not in its shortest form")


def encode(value: Any) -> bytes:
    """CBOR with maps in the order given."""
    return cbor2.dumps(value)


def fields(value: Any, **kinds: type | tuple[type, ...]) -> dict[str, Any]:
    """A map that has exactly these fields of these types. Errors: CT-2230."""
    if not isinstance(value, dict) or set(value) != set(kinds):
        raise BAD_EVIDENCE(f"it does not have the fields {', '.join(kinds)}")
    for name, kind in kinds.items():
        if not isinstance(value[name], kind) or isinstance(value[name], bool):
            raise BAD_EVIDENCE(f"its field {name} is not of the right type")
    return value


def _is_plain(value: Any) -> bool:
    if isinstance(value, list):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(isinstance(key, str | int) and _is_plain(item) for key, item in value.items())
    return isinstance(value, PLAIN)
