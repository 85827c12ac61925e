"""Following a chain of entries through damage: which entry each line is, and what became of the missing ones.

Only what the party signed is believed. A line that it did not sign is a suspect: it stands either in the
place of an entry (changed) or in no place (inserted), which the next good entry, or the signed head, tells.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass

from .entry import Entry
from .report import Damage, Finding

__all__ = ["MAX_FINDINGS", "Chain"]

MAX_FINDINGS = 1000
"""A file of nothing but damage must not fill the memory."""


class _Hashes:
    """Hashes by entry number, 32 bytes each: runs of numbers that follow each other."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._runs: list[bytearray] = []

    def add(self, seq: int, name: str) -> None:
        raw = bytes.fromhex(name.removeprefix("sha256:"))
        index = bisect_right(self._starts, seq) - 1
        if index >= 0 and self._starts[index] + len(self._runs[index]) // 32 == seq:
            self._runs[index] += raw
        else:
            self._starts.insert(index + 1, seq)
            self._runs.insert(index + 1, bytearray(raw))

    def get(self, seq: int) -> str | None:
        index = bisect_right(self._starts, seq) - 1
        if index < 0:
            return None
        offset = (seq - self._starts[index]) * 32
        raw = self._runs[index][offset : offset + 32]
        return f"sha256:{raw.hex()}" if raw else None


@dataclass(frozen=True)
class _Suspect:
    line: int
    claimed: int | None
    """The number that it says it has."""
    reason: str


class Chain:
    """The state after some lines.

    ``last`` is the highest entry number accounted for, ``good`` the count of entries that hold.
    """

    def __init__(self, first_link: str) -> None:
        self.last = 0
        self.good = 0
        self.findings: list[Finding] = []
        self.unlisted = False
        """There was more damage than is listed."""
        self._hashes = _Hashes()
        self._hashes.add(0, first_link)
        self._suspects: list[_Suspect] = []
        self._missing: list[tuple[int, int]] = []

    def hash_of(self, seq: int) -> str | None:
        """Hash of a good entry (of number 0, what the first is chained to)."""
        return self._hashes.get(seq)

    def suspect(self, line: int, claimed: int | None, reason: str) -> None:
        """A line that the party did not sign as it stands."""
        if len(self._suspects) < MAX_FINDINGS:
            self._suspects.append(_Suspect(line, claimed, reason))
        else:
            self.unlisted = True

    def entry(self, line: int, entry: Entry) -> None:
        """A line that the party signed."""
        known = self._hashes.get(entry.seq)
        if known is not None:
            self._again(line, entry, known)
            return
        if entry.seq > self.last:
            self._settle(entry.seq - 1)
            self.last = entry.seq
        elif not self._found_elsewhere(line, entry):
            return
        before = self._hashes.get(entry.seq - 1)
        if before is not None and before != entry.prev:
            self._find(
                "rewritten", entry.seq, "the party signed it after another entry than the one before", line
            )
        else:
            self.good += 1
        self._hashes.add(entry.seq, entry.hash)

    def end(self, last: int | None, torn_line: int | None, source: str) -> bool:
        """No more lines.

        :param last: number of the last entry by the signed head, if there is one.
        :param torn_line: an unfinished line at the end.

        Returns whether the unfinished line stands for an entry that the head knows.
        """
        torn_counts = torn_line is not None and last is not None and last > self.last + len(self._suspects)
        self._settle(max(self.last, last or 0), cut_off=torn_line if torn_counts else None)
        for first, final in self._missing:
            told = (
                f"entry {first} is missing" if first == final else f"entries {first} to {final} are missing"
            )
            at_end = last is not None and final == last
            self._find(
                "dropped", first, told + (f" at the end; {source} is of entry {last}" if at_end else "")
            )
        self._missing = []
        return torn_counts

    def beyond_end(self, seq: int, source: str) -> None:
        """``source`` has seen entry ``seq``, which is after the end."""
        span = f"entries {self.last + 1} to {seq} are" if seq > self.last + 1 else f"entry {seq} is"
        self._find("dropped", self.last + 1, f"{span} missing at the end; {source} has seen it")

    def _again(self, line: int, entry: Entry, known: str) -> None:
        if known == entry.hash:
            self._find("repeated", entry.seq, "it is there a second time", line)
        else:
            self._find("rewritten", entry.seq, "the party signed two entries of this number", line)

    def _found_elsewhere(self, line: int, entry: Entry) -> bool:
        """Whether an entry that was missing so far has turned up."""
        for index, (first, final) in enumerate(self._missing):
            if first <= entry.seq <= final:
                rest = [(first, entry.seq - 1), (entry.seq + 1, final)]
                self._missing[index : index + 1] = [span for span in rest if span[0] <= span[1]]
                self._find("reordered", entry.seq, f"it stands after entry {self.last}", line)
                return True
        # A changed line was taken for this entry before: now it is known to be an extra one.
        self._find(
            "reordered", entry.seq, f"it stands after entry {self.last}, behind a line in its place", line
        )
        return True

    def _settle(self, final: int, cut_off: int | None = None) -> None:
        """Give the suspects their places among the entries after ``last``, up to ``final``."""
        places: dict[int, _Suspect] = {}
        others = []
        for suspect in self._suspects:
            claimed = suspect.claimed
            if claimed is not None and self.last < claimed <= final and claimed not in places:
                places[claimed] = suspect
            else:
                others.append(suspect)
        free = self.last + 1
        for suspect in others:
            while free in places:
                free += 1
            if free <= final:
                places[free] = suspect
            else:
                self._find("inserted", self.last + 1, suspect.reason, suspect.line)
        for seq, suspect in sorted(places.items()):
            self._find("changed", seq, suspect.reason, suspect.line)
        gaps = _gaps(self.last + 1, final, sorted(places))
        if cut_off is not None and gaps:
            first, last = gaps[0]
            self._find("cut off", first, "the file ends in the middle of it", cut_off)
            gaps[0:1] = [(first + 1, last)] if first < last else []
        self._missing += gaps
        self._suspects = []

    def _find(self, kind: Damage, entry: int, detail: str, line: int | None = None) -> None:
        if len(self.findings) < MAX_FINDINGS:
            self.findings.append(Finding(kind=kind, entry=entry, detail=detail, line=line))
        else:
            self.unlisted = True


def _gaps(first: int, final: int, taken: list[int]) -> list[tuple[int, int]]:
    """The spans of ``first .. final`` that ``taken`` (sorted) leaves."""
    gaps = []
    for seq in [*taken, final + 1]:
        if first < seq:
            gaps.append((first, seq - 1))
        first = seq + 1
    return gaps
