"""The language in which a written report is shown."""

from __future__ import annotations

import re

from coterie.learn.report.errors import NO_REPORT, OTHER_LANGUAGE
from coterie.learn.report.texts import LANGUAGES, TAGS, Language

__all__ = ["in_language"]

DOCTYPE = b"<!doctype html>"
HEAD = re.compile(
    rb'<html lang="(?P<tag>en|zh-CN)" data-lang="(?P<shown>en|zh|both)" data-has="(?P<has>[a-z ]+)">'
)
HEAD_WITHIN = 256
"""Bytes at the beginning of a page in which that is."""


def in_language(page: bytes, language: Language) -> bytes:
    """The same page that shows one language from the beginning; ``both`` lets the reader choose.

    The texts of the other language stay in the file, hidden.

    :param page: as the step ``report`` wrote it.
    :raises CoterieError: CT-3176 where it is no such page, CT-3177 where it lacks that language.
    """
    found = HEAD.search(page, 0, HEAD_WITHIN)
    if not page.startswith(DOCTYPE) or found is None:
        raise NO_REPORT("no head of a report at its beginning")
    has = found["has"].decode().split()
    wanted = LANGUAGES if language == "both" else (language,)
    if any(one not in has for one in wanted):
        raise OTHER_LANGUAGE(f"it has {' and '.join(has)}, and {' and '.join(wanted)} is asked for")
    tag = TAGS["en" if language == "both" else language]
    shown = language if len(has) > 1 else found["shown"].decode()
    head = f'<html lang="{tag}" data-lang="{shown}" data-has="{" ".join(has)}">'.encode()
    return page[: found.start()] + head + page[found.end() :]
