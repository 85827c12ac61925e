"""Offline verification: what was changed, dropped, reordered or inserted, entry by entry."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable
from pathlib import Path

from pydantic import ValidationError

from coterie.crypto import PublicIdentity
from coterie.errors import CoterieError

from .chain import MAX_FINDINGS, Chain
from .entry import Countersignature, Entry, SignedHead, first_link
from .files import Line, claimed_number, parse_entry, read_entries, read_head, read_lines, read_party
from .report import Damage, Finding, Report

__all__ = ["peer_heads", "verify"]

REVOKED = "peer revoked"
"""Event of an entry ``key``: from it on, what a peer's key has signed counts no more."""


def verify(
    directory: Path,
    *,
    peers: Iterable[Path] = (),
    heads: Iterable[SignedHead] = (),
    fingerprint: str | None = None,
) -> Report:
    """Check a ledger without its node, in one pass and little memory (32 bytes an entry).

    The node may be writing to it meanwhile.

    :param peers: folders of other parties' ledgers: the heads of this ledger that they noted must be in it.
    :param heads: further heads of this ledger that others hold.
    :param fingerprint: the party's fingerprint as known from elsewhere, which the folder's must equal.
        Without it, and without peers, a ledger made anew with another key cannot be told from a true one.

    Raises CT-1306 where there is no ledger, CT-1302 where a peer's cannot be read.
    """
    directory = Path(directory)
    lines = read_lines(directory)
    first = next(lines, None)
    try:
        party = read_party(directory)
    except ValueError as error:
        finding = Finding(entry=None, kind="identity", detail=f"party.json: {error}")
        return Report(
            party=None, fingerprint=None, entries=0, findings=(finding,), notes=(), countersigned={}
        )
    check = _Check(directory, party)
    if fingerprint is not None and fingerprint != party.fingerprint:
        check.find("identity", None, f"the folder is of key {party.fingerprint}, not of the one given")
    if first is not None:
        check.line(first)
    for line in lines:
        check.line(line)
    check.end()
    for peer in peers:
        check.peer(Path(peer))
    for head in heads:
        check.seen_elsewhere(head, "a head that was given")
    return check.report()


def peer_heads(directory: Path, party: str) -> tuple[SignedHead, ...]:
    """The heads of ``party`` that the ledger in ``directory``, a peer's, has noted (CT-1302, CT-1306)."""
    return tuple(head for head, _ in _noted_heads(directory, party))


def _noted_heads(directory: Path, party: str) -> list[tuple[SignedHead, PublicIdentity]]:
    noted = []
    for entry in read_entries(directory, "head"):
        try:
            head = SignedHead.model_validate(entry.body.get("head"))
            identity = PublicIdentity.model_validate(entry.body.get("party"))
        except ValidationError:
            continue
        if head.party == party:
            noted.append((head, identity))
    return noted


class _Check:
    """The findings of one verification as they come together."""

    def __init__(self, directory: Path, party: PublicIdentity) -> None:
        self._directory = directory
        self._party = party
        self._revoked: dict[str, int] = {}
        """Keys of peers, and the entry that revokes them."""
        self._chain = Chain(first_link(party))
        self._findings: list[Finding] = []
        self._notes: list[str] = []
        self._countersigned: dict[str, int] = {}
        self._torn: int | None = None
        # Read before the lines: with the node at work, the lines may know more than this head, never less.
        self._head = self._read_head()

    def find(self, kind: Damage, entry: int | None, detail: str) -> None:
        finding = Finding(kind=kind, entry=entry, detail=detail)
        if finding not in self._findings and len(self._findings) < MAX_FINDINGS:
            self._findings.append(finding)

    def line(self, line: Line) -> None:
        if not line.complete:
            self._torn = line.number
            return
        try:
            entry = parse_entry(line.content)
            if entry.signed_by(self._party):
                self._chain.entry(line.number, entry)
                self._countersignature(entry)
                self._revocation(entry)
                return
            reason = f"'{self._party.name}' did not sign it"
        except ValueError as error:
            reason = str(error)
        self._chain.suspect(line.number, claimed_number(line.content), reason)

    def end(self) -> None:
        """All lines are read: hold them against the signed head."""
        last = None if self._head is None else self._head.seq
        torn_counts = self._chain.end(last, self._torn, "the signed head")
        if self._torn is not None and not torn_counts:
            self._notes.append(
                f"line {self._torn} is unfinished: an entry is being written, or was when the node stopped"
            )
        if self._head is None:
            return
        known = self._chain.hash_of(self._head.seq)
        if known is not None and known != self._head.hash:
            self.find("rewritten", self._head.seq, "head.json is of another entry of this number")
        newest = self._read_head() or self._head
        if newest.seq + 1 < self._chain.last:
            self.find("head", newest.seq, f"head.json ends there, the ledger at entry {self._chain.last}")

    def peer(self, directory: Path) -> None:
        """Hold the heads that a peer has noted against the ledger."""
        try:
            name = read_party(directory).name
        except ValueError:
            name = str(directory)
        self._hold_against_revocations(directory, name)
        noted = _noted_heads(directory, self._party.name)
        if not noted:
            self._notes.append(f"the ledger of '{name}' has no head of '{self._party.name}'")
        for head, identity in noted:
            if identity.key != self._party.key:
                self.find(
                    "identity",
                    None,
                    f"'{name}' knows '{self._party.name}' by another key, {identity.fingerprint}",
                )
            else:
                self.seen_elsewhere(head, f"'{name}'")
                self._cover(name, head)

    def _hold_against_revocations(self, directory: Path, peer: str) -> None:
        """What a key has signed after a peer revoked it is not the party's word."""
        for entry in read_entries(directory, "key"):
            if entry.body.get("event") != REVOKED or entry.body.get("key") != self._party.key:
                continue
            self._notes.append(f"'{peer}' revoked the key of '{self._party.name}' at {entry.time}")
            for line in read_lines(self._directory):
                with contextlib.suppress(ValueError):  # what is damaged was found before
                    own = parse_entry(line.content)
                    if own.time > entry.time:
                        told = (
                            f"here begins what the key has signed since '{peer}' revoked it, at {entry.time}"
                        )
                        self.find("identity", own.seq, told)
                        break

    def seen_elsewhere(self, head: SignedHead, source: str) -> None:
        """Somebody else holds this head: the ledger must have its entry."""
        if not head.signed_by(self._party):
            self._notes.append(
                f"a head of entry {head.seq} from {source} is not signed by '{self._party.name}'"
            )
        elif head.seq > self._chain.last:
            self._chain.beyond_end(head.seq, source)
        elif self._chain.hash_of(head.seq) not in (None, head.hash):
            self.find("rewritten", head.seq, f"{source} has seen another entry of this number")

    def report(self) -> Report:
        if self._chain.unlisted or len(self._chain.findings) + len(self._findings) > MAX_FINDINGS:
            self._notes.append(f"there is more damage than the {MAX_FINDINGS} findings listed")
        return Report(
            party=self._party.name,
            fingerprint=self._party.fingerprint,
            entries=self._chain.good,
            findings=(*self._chain.findings, *self._findings)[:MAX_FINDINGS],
            notes=tuple(dict.fromkeys(self._notes)),
            countersigned=self._countersigned,
        )

    def _read_head(self) -> SignedHead | None:
        try:
            head = read_head(self._directory)
        except ValueError as error:
            self.find("head", None, f"head.json: {error}")
            return None
        if not head.signed_by(self._party):
            self.find("head", None, f"head.json: '{self._party.name}' did not sign it")
            return None
        return head

    def _countersignature(self, entry: Entry) -> None:
        """A peer's countersignature inside a good entry must be of an entry before it."""
        if entry.kind != "countersignature":
            return
        try:
            made = Countersignature.model_validate(entry.body.get("countersignature"))
            peer = PublicIdentity.model_validate(entry.body.get("peer"))
        except (ValidationError, CoterieError):
            self.find("changed", entry.seq, "it holds no countersignature")
            return
        self._counts(entry, peer.key)
        if not (made.signed_by(peer) and made.head.signed_by(self._party) and made.head.seq < entry.seq):
            self.find("changed", entry.seq, f"its countersignature by '{peer.name}' does not hold")
        elif self._chain.hash_of(made.head.seq) not in (None, made.head.hash):
            self.find("rewritten", made.head.seq, f"'{peer.name}' countersigned another entry of this number")
        else:
            self._cover(peer.name, made.head)

    def _revocation(self, entry: Entry) -> None:
        """A peer's key that is revoked, and heads of such a key that were noted afterwards."""
        if entry.kind == "key" and entry.body.get("event") == REVOKED:
            self._revoked.setdefault(str(entry.body.get("key")), entry.seq)
        elif entry.kind == "head":
            party = entry.body.get("party")
            self._counts(entry, str(party.get("key")) if isinstance(party, dict) else "")

    def _counts(self, entry: Entry, key: str) -> None:
        if (since := self._revoked.get(key)) is not None:
            self.find("identity", entry.seq, f"it is of a key that was revoked at entry {since}")

    def _cover(self, peer: str, head: SignedHead) -> None:
        self._countersigned[peer] = max(self._countersigned.get(peer, 0), head.seq)
