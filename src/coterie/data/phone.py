"""Telephone numbers as ids: E.164, as libphonenumber makes it of what people write.

Numbers of the region in its common forms are read column-wise, by the region's own patterns; all that is
written in another way goes to the library, one different text after another. Both give the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["e164"]

_COMMON = r"^\(?\+?[0-9][0-9 ().-]{0,40}$"
_KINDS = (
    *("fixed_line", "mobile", "toll_free", "premium_rate", "shared_cost", "personal_number", "voip"),
    *("pager", "uan", "voicemail"),
)


@dataclass(frozen=True)
class _Region:
    """What libphonenumber knows of the numbers of a region."""

    code: str
    """Country calling code."""
    abroad: str
    """Pattern of the prefix of calls to other countries."""
    prefix: str | None
    """Pattern of the prefix of calls within the country."""
    general: str
    """Pattern of whole national numbers."""
    given: str
    """Pattern of those that are given to somebody, or may be."""
    lengths: tuple[int, ...]


def e164(texts: pa.Array, region: str) -> pa.Array:
    """Numbers as ``+``, calling code and national number (ITU-T E.164), at most 15 digits.

    :param region: of two letters, whose numbers are meant where no calling code is written.

    Null for what is no valid number of its country, for what would be another number when read again, and for
    numbers with an extension, which E.164 has not: two people at one switchboard are not one. What is valid
    is in the library's tables, which grow some times a year.
    """
    trimmed = pc.utf8_trim_whitespace(texts)
    rules = _rules(region)
    made = pa.nulls(len(trimmed), pa.large_string()) if rules is None else _common(trimmed, rules)
    left = pc.and_(pc.is_null(made), pc.is_valid(trimmed))
    if not pc.any(left).as_py():
        return made
    odd = trimmed.filter(left).dictionary_encode()
    parsed = pa.array([_parsed(text, region) for text in odd.dictionary.to_pylist()], pa.large_string())
    return pc.replace_with_mask(made, left, parsed.take(odd.indices))


@lru_cache(maxsize=1)
def _nothing() -> pa.Scalar:
    """Made with the first numbers: the first scalar of a process imports pandas, where that is installed."""
    return pa.scalar(None, pa.large_string())


def _parsed(text: str, region: str) -> str | None:
    first = _read(text, region)
    return first if first is not None and _read(first, region) == first else None


def _read(text: str, region: str) -> str | None:
    import phonenumbers

    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if number.extension or not phonenumbers.is_valid_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


@lru_cache(maxsize=32)
def _rules(region: str) -> _Region | None:
    """None where another region has the say over its calling code, or prefixes change numbers."""
    import phonenumbers

    known = phonenumbers.PhoneMetadata.metadata_for_region(region)
    if known is None or known.national_prefix_transform_rule is not None or known.leading_digits is not None:
        return None
    general, code = known.general_desc, known.country_code
    if general is None or code is None or phonenumbers.region_code_for_country_code(code) != region:
        return None
    kinds = [getattr(known, kind) for kind in _KINDS]
    given = [kind.national_number_pattern for kind in kinds if kind and kind.national_number_pattern]
    if not known.international_prefix or not general.national_number_pattern or not given:
        return None
    local = set(general.possible_length_local_only)
    return _Region(
        str(code),
        known.international_prefix,
        known.national_prefix_for_parsing,
        general.national_number_pattern,
        "|".join(given),
        tuple(length for length in general.possible_length if length not in local),
    )


def _common(texts: pa.Array, rules: _Region) -> pa.Array:
    """Those numbers of the region whose form leaves no doubt; null for all others.

    A national number is one that the region's pattern matches as a whole and that begins with no prefix.
    What the library tries first, and would find something else by, sends a text to the library.
    """
    common = pc.fill_null(pc.match_substring_regex(texts, pattern=_COMMON), False)
    plain = pc.replace_substring_regex(texts, pattern=r"[ ().-]+", replacement="")
    plain = pc.if_else(common, plain, _nothing())
    plus = pc.starts_with(plain, "+")
    digits = pc.replace_substring_regex(plain, pattern=r"^\+", replacement="")
    by_prefix = _without(digits, rules.abroad)
    dialled = pc.and_(pc.invert(plus), pc.not_equal(by_prefix, digits))
    abroad = pc.if_else(plus, digits, pc.if_else(dialled, by_prefix, _nothing()))
    domestic = pc.if_else(pc.or_(plus, dialled), _nothing(), digits)

    whole = _matches(domestic, rules)
    coded = pc.starts_with(domestic, rules.code)
    local = _without(domestic, rules.prefix)
    candidates = (
        _after_code(abroad, rules),
        pc.if_else(whole, _plain(domestic, rules), _nothing()),
        pc.if_else(pc.or_(coded, pc.equal(local, domestic)), _nothing(), _plain(local, rules)),
        pc.if_else(pc.or_(whole, pc.invert(coded)), _nothing(), _after_code(domestic, rules)),
    )
    plus_code = pa.scalar(f"+{rules.code}", pa.large_string())
    number = pc.coalesce(*(pc.if_else(_matches(one, rules), one, _nothing()) for one in candidates))
    given = pc.match_substring_regex(number, pattern=f"^(?:{rules.given})$")
    number = pc.if_else(given, number, _nothing())
    return pc.binary_join_element_wise(plus_code, number, pa.scalar("", pa.large_string()))


def _after_code(digits: pa.Array, rules: _Region) -> pa.Array:
    """What follows the calling code, where that begins with no prefix; null elsewhere."""
    rest = _without(digits, rules.code)
    return pc.if_else(pc.not_equal(rest, digits), _plain(rest, rules), _nothing())


def _plain(digits: pa.Array, rules: _Region) -> pa.Array:
    """Null for what begins with a prefix of calls within the country."""
    return pc.if_else(pc.equal(_without(digits, rules.prefix), digits), digits, _nothing())


def _without(digits: pa.Array, prefix: str | None) -> pa.Array:
    if not prefix:
        return digits
    return pc.replace_substring_regex(digits, pattern=f"^(?:{prefix})", replacement="", max_replacements=1)


def _matches(digits: pa.Array, rules: _Region) -> pa.Array:
    """Whether it is a national number as a whole; null for null."""
    right = pc.match_substring_regex(digits, pattern=f"^(?:{rules.general})$")
    return pc.and_(right, pc.is_in(pc.utf8_length(digits), pa.array(rules.lengths, pa.int32())))
