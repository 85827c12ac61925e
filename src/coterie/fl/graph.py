"""Who is whose neighbour: masks of pairs and shares go between neighbours only.

Up to about 40 contributors all are neighbours. Of more, each pair is an edge with a probability that
``bounds.py`` takes as small as security allows, and nobody can choose which: every contributor commits to a
coin before it hears any other's, and opens it when all keys are listed. An edge is a hash of the list, of
both coins and of both places. So the edges of an honest contributor are random to all others at the time when
their coins were fixed, colluders' included. Contributors who choose their neighbours themselves, as in Bell
et al. 2020, let colluders become neighbours of whomever they like, until they hold shares enough.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from coterie.fl.rules import Rules


def neighbours(place: int, rules: Rules, keys: bytes, coins: Mapping[int, bytes]) -> tuple[int, ...]:
    """The neighbours of ``place``, ascending.

    :param keys: digest of the sum with all keys.
    :param coins: of all who are there, by place; any values where all are neighbours.
    """
    if rules.complete:
        return tuple(sorted(other for other in coins if other != place))
    own = place.to_bytes(2, "little") + coins[place]
    found = []
    for other, coin in coins.items():
        if other == place:
            continue
        # Places count: else colluders of one coin were neighbours of the same others, all of them.
        theirs = other.to_bytes(2, "little") + coin
        edge = hashlib.sha256(keys + (theirs + own if other < place else own + theirs))
        if int.from_bytes(edge.digest()[:4], "little") < rules.density:
            found.append(other)
    return tuple(sorted(found))
