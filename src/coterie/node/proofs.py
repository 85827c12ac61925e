"""Evidence beside tape files: what a party's node asks an attested dealer to prove, and what it takes.

In the job's folder lie ``stage-<n>.nonce``, until evidence over it has come, and
``stage-<n>-<serial>.evidence``, the evidence under which a file was taken in. The same is in ``tee/archive``,
under the digest that the ledger names.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from coterie.agreement import AttestedTerms, Terms
from coterie.crypto import CANNOT_READ, atomic_write, now, random_key, sync_directory, write_error
from coterie.jobs import Artefacts, StageRequest, evidence_path, expected_dealing
from coterie.mpc import Named, TapeHead
from coterie.tee import (
    NONCE_REFUSED,
    OTHER_DEALING,
    EndorsementStore,
    ReferenceValues,
    Roots,
    TapeEvidence,
    check_dealing,
)

from .accepted import accepted_place, read_evidence_file
from .core import Core

__all__ = ["Proven", "TapeProofs"]


@dataclass(frozen=True)
class Proven:
    """Evidence that was believed. The file that it is of is still to be looked at."""

    proof: TapeEvidence
    signer: Named
    """Who must have signed the file: the process, in the dealer's place."""
    facts: dict[str, Any]
    """For the ledger."""

    def require_body(self, body: bytes) -> None:
        """The file is the one that was dealt. :raises CoterieError: CT-2313."""
        dealt = self.proof.binding.file(self.proof.binding.party)
        if dealt is None or dealt.body != f"sha256:{body.hex()}":
            raise OTHER_DEALING("file", party=self.proof.binding.party)


class TapeProofs:
    """At a compute party's node, under agreements that ask for an attested dealer."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._lock = threading.Lock()

    def nonce(self, job: str, stage: int) -> str:
        """This party's for the stage: the same until it has served. :raises CoterieError: CT-1120, CT-1121,
        CT-1122.
        """
        place = self._nonce_place(job, stage)
        with self._lock:
            if (kept := self._kept(place)) is not None:
                return kept
            made = random_key().hex()
            atomic_write(place, made.encode())
            return made

    def check(self, path: Path, head: TapeHead, request: StageRequest, terms: Terms) -> Proven:
        """Look at the evidence beside a file, before anything is taken of the file.

        :param request: as this node has asked, or would ask, without a nonce.

        :raises CoterieError: CT-2311 (there is none), CT-1122, CT-2312, CT-2313 (of another dealing, or
            file), CT-2245 (over a nonce that is not out), CT-2233, CT-2240 and the others of evidence.
        """
        section = terms.dealer_tee
        assert section is not None
        proof = TapeEvidence.parse(read_evidence_file(evidence_path(path)))
        me = self._core.name
        kept = self._kept(self._nonce_place(head.job, head.stage))
        asked = request.model_copy(update={"nonces": {} if kept is None else {me: kept}})
        signer = Named(name=str(terms.dealer), key=proof.binding.signing_pk)
        if head.dealer != signer:
            raise OTHER_DEALING("signing_pk", party=me)
        return self._believed(proof, asked, terms, section, signer)

    def _believed(
        self, proof: TapeEvidence, asked: StageRequest, terms: Terms, section: AttestedTerms, signer: Named
    ) -> Proven:
        home = self._core.home
        settings = home.settings
        claims, endorsements = check_dealing(
            proof,
            expected_dealing(asked, terms, self._core.name),
            section,
            EndorsementStore(home.tee / "endorsements"),
            Roots(profile=settings.profile),
            now(),
            None if settings.reference is None else ReferenceValues.load(settings.reference),
        )
        facts = {
            "assurance": claims.assurance,
            "platform": claims.type,
            "nonce": proof.binding.nonce,
            "signing_pk": proof.binding.signing_pk,
            "body": claims.body,
            "endorsements": endorsements,
        }
        return Proven(proof, signer, facts)

    def accept(self, head: TapeHead, proven: Proven) -> dict[str, Any]:
        """Spend the nonce, and keep the evidence. Gives what the ledger is to say.

        :raises CoterieError: CT-2245 where the nonce was spent meanwhile; CT-1120, CT-1121.
        """
        place = self._nonce_place(head.job, head.stage)
        with self._lock:
            if self._kept(place) != proven.proof.binding.nonce:
                raise NONCE_REFUSED("it was used already", party=self._core.name)
            try:
                place.unlink()
                sync_directory(place.parent)
            except OSError as error:
                raise write_error(place, error) from error
        content = proven.proof.to_bytes()
        kept = Artefacts(self._core.home.tee / "archive").put(content)
        atomic_write(accepted_place(self._core.home.path, head), content)
        return {**proven.facts, "evidence": kept}

    def _nonce_place(self, job: str, stage: int) -> Path:
        return self._core.home.job(job) / f"stage-{stage}.nonce"

    def _kept(self, place: Path) -> str | None:
        try:
            return place.read_text(encoding="ascii")
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise CANNOT_READ(f"{place.parent.name}/{place.name}") from error
