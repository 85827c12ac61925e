"""Which tags two parties have in common, in an order that both derive alike."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from coterie._kernels import match_tags
from coterie.psi.rows import gathered

_DIGEST_DOMAIN = b"coterie/psi/common/v1\0"


@dataclass(frozen=True)
class Matches:
    """Common tags, ascending as byte strings."""

    own: NDArray[np.int64]
    """For each common tag, its place among the own tags."""
    digest: bytes
    """SHA-256 over the common tags in order."""


class AmbiguousTagError(Exception):
    """A tag that both sides have occurs more than once at one of them."""


def match(own: NDArray[np.uint8], theirs: NDArray[np.uint8]) -> Matches:
    """Match two lists of tags, shapes (n, w) and (m, w), w up to 16.

    A tag may occur twice in one list: of unequal ids that is a coincidence without consequence. But a
    *common* tag that does has no one counterpart, and distinct ids give that with the probability of a false
    match only.

    :raises AmbiguousTagError: a common tag occurs more than once in a list.
    """
    try:
        places, _ = match_tags(np.ascontiguousarray(own), np.ascontiguousarray(theirs))
    except ValueError as error:
        raise AmbiguousTagError from error
    digest = hashlib.sha256(_DIGEST_DOMAIN + gathered(own, places).tobytes()).digest()
    return Matches(places, digest)
