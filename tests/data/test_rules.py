"""Steps of id rules: addresses, telephone numbers, identity numbers, widths; against others' readings."""

from __future__ import annotations

import random
import unicodedata
from datetime import date

import phonenumbers
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phonenumbers import PhoneNumberFormat
from pydantic import ValidationError

from coterie.data import Column, IdRule
from coterie.data.phone import _common, _parsed, _rules
from coterie.data.rules import normalise
from coterie.data.schema import STEPS

REGIONS = ("CN", "US", "GB", "DE", "HK", "TW", "SG", "JP", "IN", "FR", "IT", "AU", "BR", "MX", "AR", "CA")


def one(value: str, *rule: IdRule) -> str | None:
    return normalise(pa.array([value], pa.large_string()), rule).to_pylist()[0]


def many(values: list[str | None], *rule: IdRule) -> list[str | None]:
    found: list[str | None] = normalise(pa.array(values, pa.large_string()), rule).to_pylist()
    return found


@pytest.mark.parametrize(
    ("value", "kept", "lower"),
    [
        ("  Anna.Berg@Example.COM ", "Anna.Berg@example.com", "anna.berg@example.com"),
        ("ａｎｎａ＠ｅｘａｍｐｌｅ．ｃｏｍ", "anna@example.com", "anna@example.com"),
        ("o'neil+a=b@sub.example.co", "o'neil+a=b@sub.example.co", "o'neil+a=b@sub.example.co"),
        ("张伟@例子.公司", "张伟@例子.公司", "张伟@例子.公司"),
        ("Ä@Bücher.example", "Ä@bücher.example", "ä@bücher.example"),
        ("x@xn--bcher-kva.example", "x@xn--bcher-kva.example", "x@xn--bcher-kva.example"),
        ("a" * 64 + "@example.com", "a" * 64 + "@example.com", "a" * 64 + "@example.com"),
        *(
            (wrong, None, None)
            for wrong in (
                *("", "anna", "anna@", "@example.com", "a@b@example.com", "anna@example", "anna@127.0.0.1"),
                *(".anna@example.com", "an..na@example.com", "anna.@example.com", "anna@-example.com"),
                *("anna@example-.com", "anna@example..com", "anna@example.com.", "an na@example.com"),
                *(
                    '"anna"@example.com',
                    "anna@[127.0.0.1]",
                    "mailto:anna@example.com",
                    "Anna <a@example.com>",
                ),
                *(
                    "a" * 65 + "@example.com",
                    "a@" + "b" * 64 + ".com",
                    "a@" + "b." * 127 + "com",
                    "a@b\n.com",
                ),
                "a@example.com\u200b",
            )
        ),
    ],
)
def test_addresses(value: str, kept: str | None, lower: str | None) -> None:
    assert (one(value, "email"), one(value, "email:lower")) == (kept, lower)


def test_numbers_of_people_in_many_ways() -> None:
    ways = ["13812345678", " 138 1234 5678", "138-1234-5678", "+86 138 1234 5678", "(+86)13812345678"]
    ways += [
        "008613812345678",
        "0086 138-1234-5678",
        "8613812345678",
        "１３８１２３４５６７８",
        "＋86 138 1234 5678",
    ]
    ways += ["013812345678", "tel:13812345678"]
    assert set(many(list(ways), "phone:CN")) == {"+8613812345678"}
    assert one("010 6552 9988", "phone:CN") == one("+86 10 6552 9988", "phone:CN") == "+861065529988"
    assert one("+1 (212) 555-0123", "phone:CN") == one("212.555.0123", "phone:US") == "+12125550123"
    assert one("06 1234 5678", "phone:IT") == "+390612345678"
    assert (
        many(["", "x", "12", "65529988", "13812345678 ext. 9", "1381234567890123"], "phone:CN") == [None] * 6
    )


def written(region: str, count: int, seed: int) -> list[str]:
    """Numbers of a region as people write them, right and wrong, and digits of every length."""
    draw = random.Random(seed)
    code = str(phonenumbers.country_code_for_region(region))
    metadata = phonenumbers.PhoneMetadata.metadata_for_region(region)
    starts = [
        "",
        "+",
        f"+{code}",
        f"00{code}",
        code,
        "0",
        "00",
        "1",
        f"+{code}0",
        f"(+{code})",
        f"011{code}",
        "+1",
    ]
    if metadata.national_prefix:
        starts += [metadata.national_prefix]
    kinds = [kind for kind in phonenumbers.PhoneNumberType.values() if kind != 99]
    numbers = [phonenumbers.example_number_for_type(region, kind) for kind in kinds]
    nationals = [phonenumbers.national_significant_number(one) for one in numbers if one]
    found = []
    for _ in range(count):
        known = draw.choice(nationals)
        if draw.random() < 0.6:
            known = (
                known[: draw.randrange(1, 5)]
                + "".join(draw.choices("0123456789", k=len(known)))[: len(known)]
            )
        if draw.random() < 0.3:
            known = "".join(draw.choices("0123456789", k=draw.randrange(1, 18)))
        text = draw.choice(starts) + known
        for _ in range(draw.randrange(4)):
            at = draw.randrange(len(text) + 1)
            text = text[:at] + draw.choice([" ", "-", ".", "(", ")", " ", "-", "/", "x"]) + text[at:]
        found.append(text)
    return found


@pytest.mark.parametrize("region", REGIONS)
def test_common_forms_are_read_as_the_library_reads_them(region: str) -> None:
    texts = written(region, 600, 7)
    expected = [_parsed(text.strip(), region) for text in texts]
    assert many(list(texts), f"phone:{region}") == expected
    assert any(expected)
    again = [number for number in expected if number]
    assert [number for number in many(list(again), f"phone:{region}") if number] == again
    rules = _rules(region)
    if rules is not None:
        fast = _common(pa.array([text.strip() for text in texts], pa.large_string()), rules).to_pylist()
        assert all(a == b for a, b in zip(fast, expected, strict=True) if a is not None)
        assert sum(a is not None for a in fast) * 8 > sum(b is not None for b in expected)


def test_no_region_is_read_in_two_ways() -> None:
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        rules = _rules(region)
        texts = written(region, 40, 9) if rules is not None else []
        if rules is not None and texts:
            fast = _common(pa.array(texts, pa.large_string()), rules).to_pylist()
            assert all(_parsed(t, region) == a for a, t in zip(fast, texts, strict=True) if a is not None), (
                region
            )


def test_plain_numbers_of_a_region_need_no_library() -> None:
    for region in ("CN", "US", "GB", "DE", "HK", "TW", "SG", "IN", "FR"):
        rules = _rules(region)
        number = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
        assert rules is not None
        for form in PhoneNumberFormat.E164, PhoneNumberFormat.INTERNATIONAL, PhoneNumberFormat.NATIONAL:
            text = phonenumbers.format_number(number, form)
            e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
            assert _common(pa.array([text], pa.large_string()), rules).to_pylist() == [e164]


# The standard's own example (GB 11643-1999, appendix A), and the same person's number in the old form.
STANDARD = "11010519491231002X"


def check_character(digits: str) -> str:
    """ISO 7064, pure system MOD 11-2, by its recursion."""
    product = 0
    for digit in digits:
        product = (product + int(digit)) * 2 % 11
    return "0123456789X"[(12 - product) % 11]


def test_identity_numbers() -> None:
    assert check_character(STANDARD[:-1]) == "X"
    ways = [
        STANDARD,
        STANDARD.lower(),
        f" {STANDARD}\t",
        "１１０１０５１９４９１２３１００２Ｘ",
        "110105491231002",
    ]
    assert set(many(list(ways), "national-id:CN")) == {STANDARD}
    wrong = ["", "110105194912310021", "11010519491231002", "1101051949123100 2X", "01010519491231002X"]
    wrong += ["110105X9491231002X", "11010549123100X", "110105491231996", "110105491331002"]
    for day in ("19490229", "19491301", "19490100", "19490001", "19000229", "21010101", "17991231"):
        digits = f"110105{day}002"
        wrong.append(digits + check_character(digits))
    assert many(list(wrong), "national-id:CN") == [None] * len(wrong)
    leap = "11010520000229002"
    assert one(leap + check_character(leap), "national-id:CN") == leap + check_character(leap)


BORN = st.dates(date(1900, 1, 1), date(2099, 12, 31))
NUMBERS = st.builds(
    lambda a, b, c: f"{a}{b:%Y%m%d}{c:03d}", st.integers(100000, 999999), BORN, st.integers(0, 999)
)


@settings(max_examples=30)
@given(st.lists(NUMBERS, max_size=40))
def test_the_check_character_is_that_of_the_recursion(numbers: list[str]) -> None:
    right = [number + check_character(number) for number in numbers]
    assert many(list(right), "national-id:CN") == right
    wrong = [number[:-1] + ("0" if number[-1] != "0" else "1") for number in right]
    assert many(list(wrong), "national-id:CN") == [None] * len(wrong)
    swapped = [n[:4] + n[5] + n[4] + n[6:] for n in right if n[4] != n[5]]
    assert many(list(swapped), "national-id:CN") == [None] * len(swapped)
    old = [number[:6] + number[8:] for number in numbers if number[6:8] == "19" and number[14:] < "996"]
    back = [number for number in right if number[6:8] == "19" and number[14:17] < "996"]
    assert many(list(old), "national-id:CN") == back


def test_width_is_that_of_unicode() -> None:
    other = [
        chr(code)
        for code in range(0x3000, 0x10000)
        if unicodedata.decomposition(chr(code))[:3] in ("<wi", "<na")
    ]
    assert len(other) > 200
    narrow = many([f"a{character}b" for character in other], "width")
    # In these characters NFKC differs from their own decomposition only where that decomposes further.
    assert [unicodedata.normalize("NFKC", text or "") for text in narrow] == [
        unicodedata.normalize("NFKC", f"a{character}b") for character in other
    ]
    assert not {character for text in narrow for character in text or ""} & set(other)
    assert many(["ＡＢ１２　－", "ｶﾞ", "①㎏ﬁ", None], "width") == ["AB12 -", "カ\u3099", "①㎏ﬁ", None]


def test_compact_keeps_letters_marks_and_digits() -> None:
    assert one(" A-1/2 (张)·é_e\u0301.\u200b+ ", "compact") == "A12张ée\u0301"


def test_look_alikes_stay_apart() -> None:
    """What NFKC does not fold is another id: a Cyrillic letter, a long dash, a ligature's look."""
    apart = [
        "paypal",
        "p\u0430ypal",
        "\u03c1aypal",
        "pay\u200bpal",
        "paypa\u0131",
        "paypa1",
        "paypaI",
        "pay-pal",
    ]
    apart += ["pay\u2013pal", "pay\u2010pal", "p\u00e1ypal", "\u4f1f", "\u5049", "stra\u00dfe", "strasse"]
    found = many(list(apart), "nfkc", "width", "trim", "lower")
    assert len(set(found)) == len(apart)
    same = ["\u212b", "\u00c5", "A\u030a"]
    assert set(many(list(same), "nfkc")) == {"\u00c5"}
    assert len(set(many(list(same), "width", "trim"))) == 3


ALPHABET = st.one_of(
    st.characters(exclude_categories=["Cs"]), st.sampled_from(" \t0123456789+-()@.xXäÄＡ１＠．　ｶﾞİßſΣς")
)


@settings(max_examples=25)
@given(st.lists(st.text(ALPHABET, max_size=20), max_size=60))
@pytest.mark.parametrize("step", [*STEPS, "phone:CN", "phone:DE", "phone:US"])
def test_a_step_done_twice_is_done_once(step: str, values: list[str]) -> None:
    once = many([*values, None], step)
    assert once[-1] is None
    assert many(list(once), step) == once


WORDS = st.text("abzABZ019_+-Ä", min_size=1, max_size=6)
LABELS = st.text("abzABZÄÖ", min_size=2, max_size=5)
ADDRESSES = st.builds(lambda a, b, c, d: f" {a}.{b}@{c}.{d}", WORDS, WORDS, LABELS, LABELS)


@settings(max_examples=8)
@given(st.lists(ADDRESSES, max_size=60))
def test_an_address_done_twice_is_done_once(addresses: list[str]) -> None:
    once = many([*addresses], "email")
    assert None not in once
    assert many(list(once), "email") == once
    lower = many(list(once), "email:lower")
    assert lower == many([*addresses], "email:lower")
    assert lower == many([address.upper() for address in addresses], "email:lower")


@pytest.mark.parametrize(
    "step", ["", "rot13", "phone", "phone:", "phone:cn", "phone:XX", "email:", "national-id:DE"]
)
def test_steps_that_are_none(step: str) -> None:
    with pytest.raises(ValidationError, match="no such step"):
        Column.model_validate({"name": "a", "type": "text", "role": "id", "rule": [step]})
