"""One door to all protocols of set intersection: the choice, what it costs, the run, the dealer's part."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from coterie.psi.by_oprf import align_by_oprf, deal_for_oprf
from coterie.psi.checkpoint import Checkpoint
from coterie.psi.costs import (
    Clock,
    count_pair,
    count_several,
    cut_of,
    memory_of,
    memory_of_several,
    operations_of,
    operations_of_several,
)
from coterie.psi.errors import BAD_CALL, NO_ROWS, NO_SUCH_METHOD, TOO_MANY_ROWS
from coterie.psi.many import align_many
from coterie.psi.method import Line, Method, Security, Wanted
from coterie.psi.protocol import align
from coterie.psi.rows import MAX_ROWS, Alignment, Progress, RandomBytes
from coterie.psi.several import align_several, deal_for_several
from coterie.psi.statement import (
    MOST_PARTIES,
    STATEMENT,
    STATEMENT_MANY,
    STATEMENT_OPRF,
    STATEMENT_SEVERAL,
    ProtocolStatement,
    cost,
    cost_many,
    dealt,
    malicious,
)
from coterie.psi.store import cells

if TYPE_CHECKING:
    from coterie.wire import Mesh

_CURVE = 10_000
"""Ring multiplications that take as long as one multiplication on the curve, for the estimate of time: some
4,000 on a processor with AVX-512 IFMA, 30,000 on one that has AVX2 alone. All parties must plan the same,
whichever they have: this is off by the same factor, of three, at both.
"""
_SECONDS_AN_OPERATION = 1e-9
"""As plans reckon everywhere; only the ratio to what lines take decides anything."""
_NAMES = {"dh": "Diffie-Hellman", "oprf": "oblivious function from vector correlations"}


@dataclass(frozen=True)
class Intersection:
    """What an intersection will take, exactly, and how it runs. All of it is public."""

    method: Method
    sent: Mapping[str, Mapping[str, int]]
    """Payload bytes by sender, then receiver."""
    rounds: Mapping[str, int]
    """Length of the longest chain of messages that ends at each participant."""
    memory: int
    """Bytes at whoever needs most, at most, beyond the hashes given and the indices returned."""
    operations: int
    """Ring multiplications that take about as long, of the busiest participant."""
    statement: ProtocolStatement


def choose(
    rows: Mapping[str, int],
    *,
    wanted: Wanted = "auto",
    security: Security = "semi-honest",
    dealer: str | None = None,
    line: Line | None = None,
) -> tuple[Method, str]:
    """The method for sets of these sizes, and why, in words for the plan.

    :param rows: by party, in the order that all parties have.
    :param wanted: what the job asks for.
    :param dealer: a dealer that takes part in the run, if there is one.
    :param line: the network, as it was measured; None for a local one.

    Errors: CT-2024 (no protocol is as wanted: Diffie-Hellman withstands no malicious party; more than two
    parties do not, either).
    """
    if security == "malicious" and (wanted == "dh" or len(rows) > 2):
        parties = "more than two parties" if len(rows) > 2 else "Diffie-Hellman"
        raise NO_SUCH_METHOD(f"{parties} against malicious parties")
    ways = {"dh": Method("dh"), "oprf": Method("oprf", security, dealer)}
    if wanted != "auto":
        return ways[wanted], f"{_NAMES[wanted]}: as the job says"
    if security == "malicious":
        return ways["oprf"], f"{_NAMES['oprf']}: the one that withstands malicious parties"
    seconds = {name: _seconds(planned(rows, way), line) for name, way in ways.items()}
    best, other = sorted(seconds, key=seconds.__getitem__)
    sizes = " and ".join(f"{count:,}" for count in rows.values())
    return ways[best], (
        f"{_NAMES[best]}: about {_rounded(seconds[best])} s for {sizes} rows on this network; "
        f"{_NAMES[other]} about {_rounded(seconds[other])} s"
    )


def planned(rows: Mapping[str, int], method: Method, *, to: str | None = None) -> Intersection:
    """What :func:`intersect` will take, exactly, for sets of these sizes.

    Errors: CT-2001 (a party has no rows), CT-2006 (fewer than two parties, or more than five), CT-2041 (a
    party has more than 2^40 rows).
    """
    if not 2 <= len(rows) <= MOST_PARTIES or (to is not None and (to not in rows or len(rows) > 2)):
        raise BAD_CALL(f"{len(rows)} parties, for {to or 'all'}")
    if min(rows.values()) < 1:
        raise NO_ROWS(" and ".join(str(count) for count in rows.values()) + " rows")
    if max(rows.values()) > MAX_ROWS:
        raise TOO_MANY_ROWS(f"{max(rows.values()):,} rows, not up to {MAX_ROWS:,}")
    if method.protocol == "oprf":
        return _planned_oprf(rows, method, to)
    if len(rows) > 2:
        many = cost_many(rows)
        rounds = dict.fromkeys(rows, many.rounds)
        return Intersection(
            method, many.sent, rounds, many.memory, many.multiplications * _CURVE, STATEMENT_MANY
        )
    a, b = rows
    pair = cost(rows[a], rows[b], None if to is None else "a" if to == a else "b")
    return Intersection(
        method,
        {a: {b: pair.a_to_b}, b: {a: pair.b_to_a}},
        {a: pair.rounds_a, b: pair.rounds_b},
        pair.memory,
        pair.multiplications * _CURVE,
        STATEMENT,
    )


def _planned_oprf(rows: Mapping[str, int], method: Method, to: str | None) -> Intersection:
    clock = Clock()
    if len(rows) > 2:
        count_several(clock, method, rows)
        statement = STATEMENT_SEVERAL if method.dealer is None else dealt(STATEMENT_SEVERAL)
        memory, operations = memory_of_several(method, rows), operations_of_several(method, rows)
        return Intersection(method, clock.sent, clock.depths, memory, operations, statement)
    receiver, sender = _roles(rows, to)
    count_pair(clock, method, (receiver, rows[receiver]), (sender, rows[sender]), tell_both=to is None)
    cut = cut_of(method, rows[receiver], rows[sender])
    statement = STATEMENT_OPRF
    if method.security == "malicious":
        statement = malicious(cut.count * cells(cut.sizes[0]))
    return Intersection(
        method,
        clock.sent,
        clock.depths,
        memory_of(method, rows[receiver], rows[sender]),
        operations_of(cut),
        statement if method.dealer is None else dealt(statement),
    )


def _roles(rows: Mapping[str, int], to: str | None) -> tuple[str, str]:
    """Who finds the common rows, and who is found: the receiver's part is the cheaper for fewer rows."""
    receiver = to or min(rows, key=rows.__getitem__)
    (sender,) = (party for party in rows if party != receiver)
    return receiver, sender


def intersect(
    mesh: Mesh,
    rows: Mapping[str, int],
    hashes: NDArray[np.uint8],
    method: Method,
    *,
    to: str | None = None,
    progress: Progress | None = None,
    checkpoint: Checkpoint | None = None,
    random: RandomBytes = secrets.token_bytes,
) -> Alignment | None:
    """Find the rows that two to five parties have in common. All of them call it at the same time.

    Reveals what the statement of :func:`planned` says, and sends exactly the bytes that it counts, all within
    the mesh's present step; fewer where a run goes on that broke off.

    :param rows: the number of rows of each party, this one too, in the order that all parties have.
    :param hashes: shape (n, 32), uint8: the keyed hash of each row's id. Equal ids have equal hashes at all.
    :param method: of :func:`choose`; the same at all parties.
    :param to: the one of two parties that alone learns the result; None for all.
    :param progress: called as ``progress(done, total, what)``, in rows worked on; may raise to cancel.
    :param checkpoint: where a run of several buckets keeps how far it got; it goes on from there where the
        peer can. None for a run that begins anew.
    :param random: the source of secret randomness: anything but the operating system's makes a run insecure.
    :returns: own row numbers in an order that is the same at all parties, and random; None at a party that
        does not learn the result.

    Errors: CT-2001 (a party has no rows), CT-2002 (two own rows have one id; nothing was sent), CT-2003 to
    CT-2005, CT-2010 to CT-2023, CT-2025 (a peer does not follow the protocol), CT-2006 (wrong arguments),
    CT-2007 and CT-2020 (chances below 2^-40), CT-1202 (a peer has another number of rows), and those of the
    channels. The caller tells the peers, by ``mesh.fail``.
    """
    if mesh.me not in rows or rows[mesh.me] != len(hashes) or (to is not None and len(rows) != 2):
        raise BAD_CALL(f"{mesh.me!r} with {len(hashes)} rows, among parties {dict(rows)}")
    if len(rows) != 2 and method.protocol == "dh":
        return align_many(mesh, rows, hashes, progress=progress, random=random)
    if len(rows) != 2:
        return align_several(
            mesh, rows, hashes, method, progress=progress, checkpoint=checkpoint, random=random
        )
    (peer,) = (party for party in rows if party != mesh.me)
    if method.protocol == "dh":
        return align(mesh, peer, hashes, rows[peer], to=to, progress=progress, random=random)
    return align_by_oprf(
        mesh,
        peer,
        hashes,
        rows[peer],
        method,
        receiver=_roles(rows, to)[0],
        tell_both=to is None,
        progress=progress,
        checkpoint=checkpoint,
        random=random,
    )


def deal(mesh: Mesh, rows: Mapping[str, int], method: Method, *, to: str | None = None) -> bool:
    """The part of the method's dealer, at the dealer: nothing, where there is none.

    :returns: whether the parties go on with a run that broke off, and less was dealt than planned.
    """
    if method.dealer != mesh.me:
        return False
    if len(rows) > 2:
        return deal_for_several(mesh, rows, method) > 0
    return deal_for_oprf(mesh, rows, method, receiver=_roles(rows, to)[0]) > 0


def _seconds(way: Intersection, line: Line | None) -> float:
    """About how long it takes, of computing and of lines."""
    work = way.operations * _SECONDS_AN_OPERATION
    if line is None:
        return work
    most = max(sum(peers.values()) for peers in way.sent.values())
    return work + most / line.bandwidth + max(way.rounds.values()) * line.latency


def _rounded(seconds: float) -> str:
    return f"{seconds:,.0f}" if seconds >= 10 else f"{seconds:.2g}"
