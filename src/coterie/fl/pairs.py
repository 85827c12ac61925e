"""Sums in which nobody may drop out: masks of pairs alone, one message up and one down.

Where every contributor must be in a total, nobody is ever asked to open a mask of who is not: values need no
mask of their own, and secrets are not shared. Each pair has a secret of the run, which they tell each other
directly; the mask of a sum is made of it and of the sum's digest, so that no mask serves twice::

    to the coordinator    x_i + sum over j > i of PRG(s_ij) - sum over j < i of PRG(s_ij) + PRG(group)
    to all                the sum of these, in which the masks of pairs cancel

The digest goes on from the total before. Contributors who were told different totals mask with different
seeds from then on: nothing cancels, and the number of contributors behind the values tells (CT-2417).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from coterie.fl import masking
from coterie.fl.errors import BAD_CALL
from coterie.fl.fixed import Ring, with_count
from coterie.fl.heard import total_of
from coterie.fl.session import Session, extended

SECRET = 32
"""Bytes that each of a pair adds to their secret of the run."""


def pair_secret(own: bytes, told: bytes, *, first: bool) -> bytes:
    """Of what a pair told each other. :param first: whether ``own`` is of the one with the lower place."""
    if len(own) != SECRET or len(told) != SECRET:
        raise BAD_CALL("secrets of pairs have 32 bytes")
    return own + told if first else told + own


def masked(
    session: Session,
    place: int,
    secrets: Mapping[int, bytes],
    values: NDArray[np.float64],
    group_key: bytes | None,
) -> Ring:
    """What a contributor sends: its values and the number 1, under masks.

    :param place: of the contributor in the roster. :param secrets: of its pairs, by the other's place.
    :param values: (session.count,).
    :param group_key: which the coordinator lacks, where the session is hidden.

    Errors: CT-2401, CT-2402 (values); CT-2403, also for a session in which some may drop out.
    """
    most, form = len(session.roster), session.form
    if session.rules.minimum != most or len(secrets) != most - 1 or place in secrets:
        raise BAD_CALL("masks of pairs alone are for sums in which all must be, with a secret of each pair")
    if session.hidden != (group_key is not None) or values.shape != (session.count,):
        raise BAD_CALL("values of another shape, or a group's key where the session says otherwise")
    seeds = {
        other: masking.pair_seed(session.digest, secret, place, other) for other, secret in secrets.items()
    }
    plus = [seed for other, seed in seeds.items() if other > place]
    minus = [seed for other, seed in seeds.items() if other < place]
    if group_key is not None:
        plus.append(masking.group_seed(session.digest, group_key))
    return masking.masked(with_count(form.encode(values, most), form.bits, most), form.bits, plus, minus)


def opened(session: Session, total: Ring, group_key: bytes | None) -> tuple[NDArray[np.float64], bytes]:
    """The values of a total, shape (session.count,), and the history that the next sum goes on from.

    :param total: as the coordinator sent it, with the number of contributors.

    Errors: CT-2417 where the masks of all contributors are not in it.
    """
    values = total_of(session, total, session.digest, len(session.roster), group_key)
    return values, history_of(session, total)


def history_of(session: Session, total: Ring) -> bytes:
    """The digest of a sum and its total, as it was sent."""
    return extended(session.digest, "total", np.ascontiguousarray(total).view(np.uint8).data)
