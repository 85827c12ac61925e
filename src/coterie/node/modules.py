"""Users' modules that this node keeps: for its stewards to read, and for jobs that it submits.

They are data here: nothing of this process imports or compiles them. Files lie under ``modules/`` by their
digest, so what is read is always what was asked for.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Iterable, Mapping

from sqlalchemy import select

from coterie.agreement import MODULE_BYTES, Agreement, Terms
from coterie.crypto import atomic_write, read_at_most, write_error
from coterie.errors import CoterieError
from coterie.jobs import (
    MODULE_UNKNOWN,
    JobSpec,
    Proposal,
    module_bytes,
    module_files,
    module_matches,
    used_modules,
)

from .core import Core
from .module_views import AgreedModuleView, ModuleView
from .store import AgreementRow

__all__ = ["Modules"]

_DIGEST = re.compile(r"[0-9a-f]{64}")


class Modules:
    """A folder of files."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._folder = core.home.modules

    # -- for people

    def add(self, text: str) -> ModuleView:
        """Keep a file. :raises CoterieError: CT-4060, CT-1120, CT-1121."""
        data = module_bytes(text)
        self._write(data)
        return self._view(hashlib.sha256(data).hexdigest(), data)

    def views(self) -> list[ModuleView]:
        """Without their sources, in the order of their digests."""
        try:
            names = sorted(path.stem for path in self._folder.glob("*.py"))
        except OSError:
            names = []
        found = ((name, self.find(name)) for name in names if _DIGEST.fullmatch(name))
        return [
            self._view(name, data).model_copy(update={"source": None})
            for name, data in found
            if data is not None
        ]

    def show(self, reference: str) -> ModuleView:
        """:param reference: its sha256 in hex, whole or at least 8 digits of its beginning; or the name that
        an agreement here gives it.

        :raises CoterieError: CT-4063, also for a name by which agreements mean several files, whichever of
            them are here.
        """
        named = {
            one.sha256: terms.name
            for terms in self._terms()
            for one in terms.modules
            if one.name == reference
        }
        kept = [one.sha256 for one in self.views()] if len(reference) >= 8 else []
        matches = {*named, *(one for one in kept if one.startswith(reference))}
        if len(matches) != 1:
            many = f"{len(matches)} modules are" if matches else "no module is"
            where = f", by the agreements {', '.join(sorted(set(named.values())))}" if named else ""
            raise MODULE_UNKNOWN(f"{many} '{reference[:80]}' at {self._core.name}{where}")
        (digest,) = matches
        data = self.find(digest)
        if data is None:
            raise MODULE_UNKNOWN(f"'{digest}' at {self._core.name}")
        return self._view(digest, data)

    def agreed(self, terms: Terms) -> list[AgreedModuleView]:
        """What an agreement lists, and whether it can be read here."""
        return [
            AgreedModuleView(**one.model_dump(), here=self.find(one.sha256) is not None)
            for one in terms.modules
        ]

    # -- for agreements and jobs

    def require(self, terms: Terms) -> None:
        """That each module of these terms can be read here: nobody signs for what its node does not have.

        :raises CoterieError: CT-4063.
        """
        for one in terms.modules:
            if self.find(one.sha256) is None:
                raise MODULE_UNKNOWN(
                    f"'{one.name}', sha256 {one.sha256}, at {self._core.name}: who signs reads it first",
                    next_step="Ask the drafter to offer the agreement again, or `coterie module add FILE`.",
                )

    def sources(self, terms: Terms) -> tuple[str, ...]:
        """Of an agreement's modules the files that are here, for its other parties."""
        found = (self.find(one.sha256) for one in terms.modules)
        return tuple(data.decode() for data in found if data is not None)

    def keep(self, terms: Terms, texts: Iterable[str]) -> None:
        """Of what a peer sent the files that these terms list; others are left.

        :raises CoterieError: CT-4060, CT-1120, CT-1121.
        """
        for text in texts:
            data = module_bytes(text)
            if any(module_matches(data, one) for one in terms.modules):
                self._write(data)

    def keep_of(self, proposal: Proposal) -> None:
        """The files of a proposal that was checked. :raises CoterieError: CT-1120, CT-1121."""
        for data in module_files(proposal).values():
            self._write(data)

    def of_spec(self, spec: JobSpec, terms: Terms) -> Mapping[str, str]:
        """The files of the modules that a job's steps use.

        :raises CoterieError: CT-4063; CT-4001, CT-4002.
        """
        found = {}
        for name in used_modules(spec):
            agreed = terms.module(name)
            if agreed is None:
                continue  # refused with all others that are not agreed, where that is written down
            data = self.find(agreed.sha256)
            if data is None:
                raise MODULE_UNKNOWN(f"'{name}' at {self._core.name}", party=self._core.name)
            found[name] = data.decode()
        return found

    # -- inside

    def find(self, digest: str) -> bytes | None:
        """The file of that sha256 in hex; None where there is none, or one that was altered."""
        with contextlib.suppress(CoterieError, OSError):
            data = read_at_most(self._folder / f"{digest}.py", MODULE_BYTES)
            if hashlib.sha256(data).hexdigest() == digest:
                return data
        return None

    def _write(self, data: bytes) -> None:
        digest = hashlib.sha256(data).hexdigest()
        if self.find(digest) is not None:
            return
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise write_error(self._folder, error) from error
        atomic_write(self._folder / f"{digest}.py", data)

    def _terms(self) -> list[Terms]:
        with self._core.store.session() as session:
            rows = list(session.scalars(select(AgreementRow)))
        return [Agreement.from_bytes(row.document.encode()).terms for row in rows]

    def _view(self, digest: str, data: bytes) -> ModuleView:
        names = [terms.name for terms in self._terms() if any(one.sha256 == digest for one in terms.modules)]
        return ModuleView(
            sha256=digest,
            size=len(data),
            agreements=tuple(dict.fromkeys(names)),
            source=data.decode(),
        )
