"""Rules of ids: steps that bring the ids of all parties to one form. Each step done twice is done once."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from .phone import e164
from .schema import IdRule

__all__ = ["normalise", "text_buffers"]

_WIDE = {
    code: "".join(chr(int(one, 16)) for one in mapping[1:])
    for code in (0x3000, *range(0xFF01, 0xFFEF))
    if (mapping := unicodedata.decomposition(chr(code)).split()) and mapping[0] in ("<wide>", "<narrow>")
}
"""UAX #11: what has another width than the same character elsewhere in Unicode."""

_LETTERS = r"\p{L}\p{M}\p{N}"
_ATOM = rf"[!#$%&'*+/=?^_`{{|}}~{_LETTERS}-]+"
_LABEL = rf"[\p{{L}}\p{{N}}](?:[{_LETTERS}-]*[{_LETTERS}])?"
_LAST = rf"\p{{L}}[{_LETTERS}-]*[{_LETTERS}]"
_ADDRESS = rf"^(?P<local>{_ATOM}(?:\.{_ATOM})*)@(?P<domain>(?:{_LABEL}\.)+{_LAST})$"
"""RFC 5321, section 4.1.2, with the letters of RFC 6531: a dot-string at a domain of two labels or more.
Quoted local parts and addresses of machines are no address of a person."""
_LABEL_TOO_LONG = r"[^.]{64}"

_WEIGHTS = np.array([7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2], np.int64)
_CHECKS = np.frombuffer(b"10X98765432", np.uint8)
"""ISO 7064, MOD 11-2: powers of two modulo 11, and the check character by the weighted sum."""
_DAYS = np.array([0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31])
_HUNDRED = 996
"""First of the four sequence numbers that the old form had for people over a hundred: their century is not
certain."""


def normalise(ids: pa.Array | pa.ChunkedArray, rule: Sequence[IdRule]) -> pa.LargeStringArray:
    """The ids (integers or strings) as text, after the steps of ``rule`` in their order. Nulls stay null, and
    what a step can tell is no id becomes null."""
    result = pc.cast(ids, pa.large_string())
    if isinstance(result, pa.ChunkedArray):
        chunks = result.chunks or [pa.array([], pa.large_string())]
        result = chunks[0] if len(chunks) == 1 else pa.concat_arrays(chunks)
    plain = _is_plain(result)
    for step in rule:
        if plain and step in _FOR_OTHERS:
            continue
        if (kind := step.partition(":"))[0] == "phone":
            result = e164(result, kind[2])
        else:
            result = _STEPS[step](result)
    return result


def text_buffers(texts: pa.LargeStringArray) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The UTF-8 of all texts together, and (n + 1,) where each begins in it. No copy of the text."""
    if len(texts) == 0:
        return np.zeros(0, np.uint8), np.zeros(1, np.int64)
    _, offsets, text = texts.buffers()
    bounds = np.frombuffer(offsets, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    content = np.zeros(0, np.uint8) if text is None else np.frombuffer(text, np.uint8)
    return content[bounds[0] : bounds[-1]], bounds - bounds[0] if bounds[0] else bounds


def _is_plain(texts: pa.LargeStringArray) -> bool:
    """Whether there is nothing but visible ASCII in all of them, as in most files."""
    content, _ = text_buffers(texts)
    return len(content) == 0 or (int(content.min()) > ord(" ") and int(content.max()) < 0x7F)


def _called(function: str) -> Callable[[pa.Array], pa.Array]:
    return lambda ids: pc.call_function(function, [ids])


def _replaced(pattern: str, by: str) -> Callable[[pa.Array], pa.Array]:
    return lambda ids: pc.replace_substring_regex(ids, pattern=pattern, replacement=by)


def _width(ids: pa.Array) -> pa.Array:
    """Full-width letters, digits and signs to half width, half-width kana and hangul to full width."""
    other = pc.fill_null(pc.match_substring_regex(ids, pattern=r"[\x{3000}\x{FF01}-\x{FFEE}]"), False)
    if not pc.any(other).as_py():
        return ids
    folded = [text.translate(_WIDE) for text in ids.filter(other).to_pylist()]
    return pc.replace_with_mask(ids, other, pa.array(folded, pa.large_string()))


def _trimmed(ids: pa.Array) -> pa.Array:
    return pc.utf8_trim_whitespace(_width(ids))


def _email(ids: pa.Array, local: Callable[[pa.Array], pa.Array]) -> pa.Array:
    """Addresses with their domain in lower case; null for what is none."""
    parts = pc.extract_regex(_trimmed(ids), pattern=_ADDRESS)
    name, domain = pc.struct_field(parts, "local"), pc.struct_field(parts, "domain")
    fits = pc.and_(
        pc.and_(pc.less_equal(pc.binary_length(name), 64), pc.less_equal(pc.binary_length(domain), 255)),
        pc.invert(pc.match_substring_regex(domain, pattern=_LABEL_TOO_LONG)),
    )
    made = pc.binary_join_element_wise(local(name), pc.utf8_lower(domain), pa.scalar("@", pa.large_string()))
    return pc.if_else(pc.fill_null(fits, False), made, pa.scalar(None, pa.large_string()))


def _national_cn(ids: pa.Array) -> pa.Array:
    """Chinese citizens' identity numbers of 18 characters (GB 11643-1999), those of 15 digits brought to that
    form; null for what has a wrong check character or no day of birth."""
    text = pc.utf8_upper(_trimmed(ids))
    result = pa.nulls(len(text), pa.large_string())
    for pattern, full in ((r"^[1-9][0-9]{16}[0-9X]$", _with_18), (r"^[1-9][0-9]{14}$", _with_15)):
        of_form = pc.fill_null(pc.match_substring_regex(text, pattern=pattern), False)
        found = text.filter(of_form)
        if len(found):
            made = full(text_buffers(found)[0].reshape(len(found), -1))
            result = pc.replace_with_mask(result, of_form, made)
    return result


def _with_18(numbers: NDArray[np.uint8]) -> pa.Array:
    """(n, 18) characters as texts, null where they do not check."""
    return _texts(numbers, _is_born(numbers) & (numbers[:, 17] == _check(numbers)))


def _with_15(numbers: NDArray[np.uint8]) -> pa.Array:
    """(n, 15) digits, to which the 19 of the year and the check character are added."""
    century = np.broadcast_to(np.frombuffer(b"19", np.uint8), (len(numbers), 2))
    made = np.hstack([numbers[:, :6], century, numbers[:, 6:]])
    certain = _number(made[:, 14:17]) < _HUNDRED
    return _texts(np.column_stack([made, _check(made)]), _is_born(made) & certain)


def _check(numbers: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(n,) the check character of the first 17 digits."""
    return np.asarray(_CHECKS[(numbers[:, :17].astype(np.int64) - ord("0")) @ _WEIGHTS % 11], np.uint8)


def _is_born(numbers: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Whether characters 6 to 13 are a day of the Gregorian calendar, 1800 to 2099."""
    year, month, day = (_number(numbers[:, a:b]) for a, b in ((6, 10), (10, 12), (12, 14)))
    leap = ((year % 4 == 0) & (year % 100 != 0)) | (year % 400 == 0)
    last = _DAYS[np.where(month <= 12, month, 0)] - ((month == 2) & ~leap)
    return np.asarray((year >= 1800) & (year < 2100) & (day >= 1) & (day <= last), np.bool_)


def _number(digits: NDArray[np.uint8]) -> NDArray[np.int64]:
    places = 10 ** np.arange(digits.shape[1] - 1, -1, -1)
    return np.asarray((digits.astype(np.int64) - ord("0")) @ places, np.int64)


def _texts(characters: NDArray[np.uint8], valid: NDArray[np.bool_]) -> pa.Array:
    """(n, k) ASCII characters as n texts, null where not ``valid``."""
    count, width = characters.shape
    offsets = pa.py_buffer(np.arange(count + 1, dtype=np.int64) * width)
    texts = pa.Array.from_buffers(
        pa.large_string(), count, [None, offsets, pa.py_buffer(np.ascontiguousarray(characters))]
    )
    return pc.if_else(pa.array(valid), texts, pa.scalar(None, pa.large_string()))


_FOR_OTHERS = frozenset({"nfkc", "width", "trim"})
"""Steps that leave visible ASCII as it is, and whatever other steps make of it."""

_STEPS: dict[str, Callable[[pa.Array], pa.Array]] = {
    "nfkc": lambda ids: pc.utf8_normalize(ids, form="NFKC"),
    "width": _width,
    "trim": _called("utf8_trim_whitespace"),
    "lower": _called("utf8_lower"),
    "upper": _called("utf8_upper"),
    "digits": _replaced("[^0-9]+", ""),
    "compact": _replaced(rf"[^{_LETTERS}]+", ""),
    # The last zero of "000" stays: a number that is zero is still an id.
    "strip-leading-zeros": _replaced("^0+(.)", r"\1"),
    "email": lambda ids: _email(ids, lambda local: local),
    "email:lower": lambda ids: _email(ids, pc.utf8_lower),
    "national-id:CN": _national_cn,
}
