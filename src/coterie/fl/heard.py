"""Totals as they are read: by who contributed, and by who hears of a sum that it gave nothing to."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from coterie.fl import masking
from coterie.fl.errors import NOT_A_SUM, TOO_FEW
from coterie.fl.fixed import Ring, with_count
from coterie.fl.messages import Kind, Reader
from coterie.fl.session import DIGEST, Session, hidden_by, went_on


def total_of(
    session: Session, total: Ring, said: bytes, survivors: int, group_key: bytes | None
) -> NDArray[np.float64]:
    """The values of a total, shape (count,).

    :param total: as the coordinator has it, with the number of contributors behind.
    :param said: digest of which the group's mask is made.

    Errors: CT-2417 where masks have not cancelled.
    """
    form, most = session.form, len(session.roster)
    if group_key is not None:
        seed = masking.group_seed(said, group_key)
        total = masking.without_group(total, form.bits, seed, survivors)
    total, number = total[: session.count], total[session.count :]
    if not np.array_equal(number, with_count(total[:0], form.bits, most, survivors)):
        raise NOT_A_SUM("it is not of as many contributors as there are")
    return form.decode(total, most)


class Heard:
    """A sum as a contributor of the run knows it that gave nothing to it.

    It believes the coordinator, for now: its digest of what was said goes on from the sum's own and from what
    it was told, so that it differs from the contributors' for good where it was told something else once, and
    so do the sessions of later sums, or else what all compare after the last.
    """

    def __init__(self, session: Session, data: bytes, group_key: bytes | None = None) -> None:
        """:param session: of those who contribute.
        :param data: the coordinator's message.

        Errors: CT-2410, CT-2414 (fewer than the minimum), CT-2417.
        """
        message = Reader(data, Kind.HEARD, "coordinator")
        places = message.places(len(session.roster))
        sharers = message.take(DIGEST)
        total = message.take(session.payload)
        message.end()
        if len(places) < session.rules.minimum:
            raise TOO_FEW(f"{len(places)} of {len(session.roster)}, the minimum is {session.rules.minimum}")
        said = hidden_by(session, sharers)
        self.result = total_of(session, session.form.read(total), said, len(places), group_key)
        """Shape (count,)."""
        self.history = went_on(session, sharers, places, total)
        """Digest of all that was said, as the contributors have it."""
        self.survivors = tuple(session.roster.names[place] for place in places)
        """Whose values are in the total."""
