"""Users' modules in jobs: their files come with the proposal, and are held against the agreement at once."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Final

from coterie.agreement import (
    MODULE_BYTES,
    MODULE_NOT_AGREED,
    MODULE_OTHER,
    ModuleTerms,
    RequestedModule,
    Terms,
)

from .errors import MODULE_NOT_SENT, MODULE_UNREADABLE, MODULE_UNUSED
from .proposal import Proposal
from .registry import used_modules

__all__ = ["check_modules", "module_bytes", "module_files", "module_matches", "requested_modules"]


_CODING: Final = re.compile(r"[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)", re.ASCII)
"""How one of a file's first two lines says its encoding: PEP 263."""
_LINE: Final = re.compile(r"\r\n|\r|\n")


def module_bytes(text: str) -> bytes:
    """A module's file. Errors: CT-4060 for what is none: not UTF-8, empty, larger than 128 KiB, or one that
    says of itself that its bytes are other letters: a tool that heeds it would run what nobody has read.
    """
    try:
        data = text.encode()
    except UnicodeEncodeError:
        raise MODULE_UNREADABLE("it is not UTF-8") from None
    if not 1 <= len(data) <= MODULE_BYTES:
        raise MODULE_UNREADABLE(f"it has {len(data):,} bytes; it may have 1 to {MODULE_BYTES:,}")
    if text.startswith("\ufeff"):
        raise MODULE_UNREADABLE("it begins with a byte order mark")
    for line in _LINE.split(text, 2)[:2]:
        said = _CODING.match(line)
        if said is not None and said[1].lower() not in ("utf-8", "utf8"):
            raise MODULE_UNREADABLE(f"it says that its encoding is {said[1][:40]}")
    return data


def module_matches(data: bytes, agreed: ModuleTerms) -> bool:
    """Whether these are the bytes that were signed for."""
    return (hashlib.sha256(data).hexdigest(), len(data)) == (agreed.sha256, agreed.size)


def check_modules(proposal: Proposal, terms: Terms) -> None:
    """Before anything else is done with a proposal: each module is there, and is the agreed one.

    Errors: CT-1650, CT-1651, CT-4060 to CT-4062.
    """
    used = used_modules(proposal.spec)
    if extra := set(proposal.modules) - set(used):
        raise MODULE_UNUSED(f"'{min(extra)}'")
    for name in used:
        agreed = terms.module(name)
        if agreed is None:
            raise MODULE_NOT_AGREED(f"'{name}'")
        if name not in proposal.modules:
            raise MODULE_NOT_SENT(f"'{name}'", party=proposal.initiator)
        data = module_bytes(proposal.modules[name])
        if not module_matches(data, agreed):
            found = hashlib.sha256(data).hexdigest()
            raise MODULE_OTHER(f"'{name}', {len(data)} bytes with sha256 {found}", party=proposal.initiator)


def module_files(proposal: Proposal) -> Mapping[str, bytes]:
    """The files by name, of a proposal that was checked."""
    return {name: text.encode() for name, text in proposal.modules.items()}


def requested_modules(proposal: Proposal) -> tuple[RequestedModule, ...]:
    """What the agreement decides on."""
    return tuple(
        RequestedModule(name=name, sha256=hashlib.sha256(data).hexdigest(), size=len(data))
        for name, data in module_files(proposal).items()
    )
