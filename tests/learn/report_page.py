"""Looks at a page as a browser would."""

from __future__ import annotations

import re
from collections import Counter
from html.parser import HTMLParser
from typing import Any

from coterie.learn.component import Finding
from coterie.learn.report.page import render

from .report_material import facts

VOID = {"meta", "br", "link", "img", "input", "hr"}
UNSEEN = {"style", "title", "script"}


class Page(HTMLParser):
    """Checks that tags nest, and keeps what is to be looked at."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.source = source
        self.open: list[tuple[str, str]] = []
        self.tags: Counter[str] = Counter()
        self.ids: Counter[str] = Counter()
        self.links: list[str] = []
        self.styles: list[str] = []
        self.words: list[tuple[str, str]] = []
        """Language and text of each piece, "" for no language of its own."""
        self.feed(source)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            language = next((value or "" for name, value in attrs if name == "lang"), "")
            self.open.append((tag, language if tag != "html" else ""))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        for name, value in attrs:
            assert not name.startswith("on"), "nothing runs"
            if name == "id":
                self.ids[value or ""] += 1
            elif name == "style":
                self.styles.append(value or "")
            elif name.split(":")[-1] in ("href", "src", "action", "data", "srcset"):
                self.links.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        if self.open and not any(tag in UNSEEN for tag, _ in self.open):
            language = next((lang for _, lang in reversed(self.open) if lang), "")
            self.words.append((language, data))

    def text(self, language: str = "") -> str:
        """What is read in that language, with what has none of its own; all of it for ""."""
        kept = [word for lang, word in self.words if not language or lang in ("", language)]
        return " ".join(" ".join(kept).split())

    @property
    def headings(self) -> list[str]:
        return re.findall(r"<h2>(.*?)</h2>", self.source)


def page(findings: tuple[Finding, ...], language: Any = "en", **changes: Any) -> Page:
    """Of these findings and the usual facts."""
    return Page(render(facts(**changes), findings, language).decode())
