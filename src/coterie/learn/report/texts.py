"""Texts in two languages, side by side where they are used."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from markupsafe import Markup, escape

__all__ = ["LANGUAGES", "Language", "T", "Text", "joined"]

Language = Literal["en", "zh", "both"]
LANGUAGES: tuple[str, ...] = ("en", "zh")
TAGS = {"en": "en", "zh": "zh-CN"}
"""BCP 47: the glyphs of Chinese depend on it."""


@dataclass(frozen=True)
class Text:
    """The same in English and in Chinese, as markup."""

    en: Markup
    zh: Markup

    def format(self, **values: Any) -> Text:
        """With values in its places: foreign text is escaped, a :class:`Text` is put in by language."""
        return Text(
            self.en.format(**{name: _side(value, "en") for name, value in values.items()}),
            self.zh.format(**{name: _side(value, "zh") for name, value in values.items()}),
        )

    def side(self, language: Literal["en", "zh"]) -> Markup:
        return self.en if language == "en" else self.zh

    def markup(self, language: Language) -> Markup:
        """As it stands in a page of that language; of both, each in an element that the page can hide."""
        if language != "both":
            return self.side(language)
        if self.en == self.zh:
            return self.en
        return Markup('<span lang="en">{}</span><span lang="zh-CN">{}</span>').format(self.en, self.zh)

    def plain(self, language: Language) -> str:
        """Without elements, where there can be none."""
        sides = (self.en, self.zh) if language == "both" else (self.side(language),)
        return " / ".join(dict.fromkeys(one.striptags() for one in sides))


def T(en: str, zh: str) -> Text:  # noqa: N802 - a mark beside every text, as short as can be
    """A text of this program: both sides are literals, and may have elements and places for values."""
    return Text(Markup(en), Markup(zh))  # noqa: S704 - never of anything foreign


def joined(items: list[Text] | tuple[Text, ...]) -> Text:
    """A list in a sentence."""
    return Text(Markup("; ").join(one.en for one in items), Markup("；").join(one.zh for one in items))


def _side(value: Any, language: Literal["en", "zh"]) -> Any:
    return value.side(language) if isinstance(value, Text) else value


def foreign(text: str) -> Text:
    """A name, the same in both languages."""
    return Text(escape(text), escape(text))
