"""The owners' sealed data in a proposal, and what is sent around an attested run: both are public."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from coterie.agreement import Terms
from coterie.crypto import canonical
from coterie.data import DatasetFacts
from coterie.errors import CoterieError
from coterie.jobs.errors import SEALED_DIFFERS, SEALED_MISSING
from coterie.jobs.proposal import Proposal, Roles
from coterie.learn import Statement, StepPlan
from coterie.tee import DatasetRecord, require_tee, sealed_at_most, upload_bytes

UPLOAD: Final = "stage-upload"
RELEASE: Final = "stage-release"
RESULTS: Final = "stage-results"
MESSAGE: Final = 64 * 1024
"""Bytes of a small message, at most."""
EVIDENCE: Final = 8 * 1024 * 1024
"""Bytes of a request for a key, with evidence and endorsements, at most."""
RECORD: Final = 32 * 1024 * 1024
"""Bytes of the record of a run, at most."""
WRAPPED: Final = 1024
"""Bytes of a wrapped key, at most."""
OUTPUTS: Final = 32
"""Most files of one kind that a step gives."""

_SEALED = Statement(
    protocol="sealed data sets go to the host, which has no key",
    adversary="malicious: the host",
    threshold="any number of parties, with the host",
    statistical_bits=0,
    leaks="lengths, and the columns and rows that the job's facts tell anyway",
)
_RELEASED = Statement(
    protocol="each owner checks the evidence of the runner and sends its key, sealed to this runner alone",
    adversary="malicious: the host",
    threshold="any number of parties, with the host",
    helper="a trusted execution environment",
    statistical_bits=0,
    leaks="that the key was released, to whom, and when",
)
_RETURNED = Statement(
    protocol="each result goes to its receivers, sealed in the runner; all get the record of the run",
    adversary="malicious: the host",
    threshold="any number of parties, with the host",
    statistical_bits=0,
    leaks="lengths of results",
)


def check_sealed(proposal: Proposal, roles: Roles, terms: Terms) -> None:
    """Each owner's record is of the data that the job is about, and signed.

    Errors: CT-4030 where one is missing, CT-4031.
    """
    if set(proposal.sealed) != set(roles.parties):
        lacking = sorted(set(roles.parties) ^ set(proposal.sealed))
        raise SEALED_MISSING(f"'{lacking[0]}'", party=lacking[0])
    for party, record in proposal.sealed.items():
        for problem in _problems(record, proposal.facts[party], terms):
            raise SEALED_DIFFERS(f"{record.dataset}: {problem}", party=party)


def _problems(record: DatasetRecord, facts: DatasetFacts, terms: Terms) -> Iterator[str]:
    if (record.owner.name, record.owner.key) != (facts.owner, terms.parties.get(facts.owner)):
        yield f"its record is by '{record.owner.name}' with another key than the agreement's"
        return
    try:
        record.verify_own()
    except CoterieError:
        yield "its owner did not sign the record"
    if record.dataset != f"{facts.owner}/{facts.name}":
        yield f"it is not {facts.owner}/{facts.name}"
    counts = (record.rows, record.ids) == (facts.rows, facts.ids)
    if not counts or (record.columns, record.id_rule) != (facts.columns, facts.id_rule):
        yield "columns, id rule or rows are others than its owner told"


def transfers_of(
    proposal: Proposal, roles: Roles, terms: Terms, steps: Iterable[StepPlan]
) -> tuple[StepPlan, StepPlan, StepPlan]:
    """What is sent before, at the begin of, and after a run, in bytes at most.

    :param steps: of the job, for what they give to whom.

    Errors: CT-4030, CT-4031.
    """
    check_sealed(proposal, roles, terms)
    host = require_tee(terms).host
    owners = [party for party in roles.parties if party != host and party not in roles.kept]
    # A grant says what the agreement, the facts and the plan say, in other words.
    grant = len(terms.canonical()) + len(canonical(proposal)) + MESSAGE
    upload = {party: {host: upload_bytes(proposal.sealed[party])} for party in owners}
    release = {party: {host: grant + 3 * MESSAGE} for party in owners}
    asked = {party: len(roles.parties) * grant + EVIDENCE + 4 * MESSAGE for party in owners}
    everybody = [one for one in dict.fromkeys((*roles.parties, *roles.guests)) if one not in roles.kept]
    given = {party: RECORD + _results(party, steps, terms) for party in everybody if party != host}
    turns = 2 * len(owners)  # owner by owner: the host asks one, with what it has heard of those before
    return (
        _transfer(UPLOAD, {host: dict.fromkeys(owners, MESSAGE), **upload}, turns, _SEALED),
        _transfer(RELEASE, {host: asked, **release}, turns + 6, _released(roles)),
        _transfer(RESULTS, {host: given}, 1, _RETURNED),
    )


def _released(roles: Roles) -> Statement:
    """How keys get to the runner, with those that are kept."""
    if not roles.kept:
        return _RELEASED
    kept = f"for {', '.join(roles.kept)} a key keeper at the host does, under a standing grant"
    return replace(_RELEASED, protocol=f"{_RELEASED.protocol}; {kept}")


def _results(party: str, steps: Iterable[StepPlan], terms: Terms) -> int:
    """Bytes of all sealed results for a party, at most."""
    most = sealed_at_most(require_tee(terms).max_output_bytes, OUTPUTS) + OUTPUTS * (WRAPPED + MESSAGE)
    return sum(most for step in steps for to in step.results.values() if party in to)


def _transfer(name: str, sent: Mapping[str, Mapping[str, int]], most: int, statement: Statement) -> StepPlan:
    """:param most: rounds."""
    told = {source: dict(to) for source, to in sent.items() if to}
    rounds = dict.fromkeys(dict.fromkeys((*told, *(one for to in told.values() for one in to))), most)
    return StepPlan(name, "transfer", {}, sent=told, rounds=rounds, statement=statement, at_most=True)
