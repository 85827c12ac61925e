"""What bins are called: as their owner's values are, with a few words of this program."""

from __future__ import annotations

import re

from coterie.learn.report.texts import T, Text

__all__ = ["bin_label"]

RANGE = re.compile(r"(?P<low>[\[(](?:-inf|[-+.e\d]+)), (?P<high>(?:inf|[-+.e\d]+)\))(?=$|, )")

KNOWN = {
    "missing": T("missing", "缺失"),
    "(missing)": T("missing", "缺失"),
    "other": T("all others", "其他"),
    "(other)": T("all others", "其他"),
    "(others)": T("all others", "其他"),
}


def bin_label(label: str) -> Text | str:
    """Translated where the program has named the bin, with the signs of mathematics where it is a range."""
    if found := RANGE.match(label):
        low = "(−∞" if found["low"] == "(-inf" else found["low"]
        high = "+∞)" if found["high"] == "inf)" else found["high"]
        return f"{low}, {high}".replace("-", "−") + label[found.end() :]
    return KNOWN.get(label, label)
