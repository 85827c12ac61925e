"""Evidence that this node has believed of a tape file: where workers find whose signature it must have."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from coterie.crypto import CANNOT_READ
from coterie.mpc import Named, TapeHead
from coterie.tee import EVIDENCE_ABSENT, MESSAGE_LIMIT, TapeEvidence

__all__ = ["accepted_place", "accepted_signer", "read_evidence_file"]


def accepted_signer(home: Path, head: TapeHead) -> Named:
    """Who has signed a file that was taken in with evidence, as the evidence says.

    :raises CoterieError: CT-2311 for a file that was not taken in so; CT-2312.
    """
    proof = TapeEvidence.parse(read_evidence_file(accepted_place(home, head)))
    return Named(name=head.dealer.name, key=proof.binding.signing_pk)


def accepted_place(home: Path, head: TapeHead) -> Path:
    """Where the evidence lies under which a file was taken in."""
    return home / "jobs" / head.job / f"stage-{head.stage}-{head.serial}.evidence"


def read_evidence_file(path: Path) -> bytes:
    """A file of evidence, which must be a regular one; more than a document may have is not read.

    :raises CoterieError: CT-2311 (there is none), CT-1122.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except FileNotFoundError:
        raise EVIDENCE_ABSENT(f"there is no {path.name}") from None
    except OSError as error:
        raise CANNOT_READ(f"{path}: {error.strerror}") from error
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise CANNOT_READ(f"{path}: not a regular file")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(MESSAGE_LIMIT + 1)
    except OSError as error:
        raise CANNOT_READ(f"{path}: {error.strerror}") from error
    finally:
        os.close(descriptor)
